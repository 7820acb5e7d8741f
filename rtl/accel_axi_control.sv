// Runs of the core behind a bus: clears what an earlier run has left, starts, and ends for one
// of the causes below. When a run is broken off, the core is held in reset until everything that
// is on its way on the bus has come back, so that the next run finds an empty bus. Nothing here
// waits for the core alone: a program that hangs is ended by abort_i.
module accel_axi_control (
  input  logic        clk_i,
  input  logic        rst_ni,
  // Commands.
  input  logic        start_i,          // ignored while busy
  input  logic        abort_i,
  // Bus.
  input  logic        bus_idle_i,
  input  logic        fetch_error_i,
  input  logic        read_error_i,
  input  logic        write_error_i,
  output logic        clear_o,          // to the bus modules; they are idle
  // Core.
  output logic        core_rst_no,
  output logic        core_start_o,
  input  logic        core_ended_i,
  input  logic        core_trapped_i,
  input  logic [31:0] core_number_i,    // of the instruction that was fetched last
  input  logic [47:0] core_cycles_i,
  // Status.
  output logic        running_o,        // the core counts
  output logic        busy_o,
  output logic        ended_o,
  output logic        trapped_o,
  output logic [2:0]  cause_o,
  output logic [31:0] number_o,
  output logic [47:0] cycles_o
);

  typedef enum logic [2:0] {
    CauseNone = 3'd0,
    CauseInstruction = 3'd1,      // illegal
    CauseFetch = 3'd2,            // SLVERR or DECERR
    CauseLoad = 3'd3,
    CauseSave = 3'd4,
    CauseAbort = 3'd5
  } cause_e;

  typedef enum logic [2:0] {
    StIdle,
    StClear,
    StStart,
    StRun,
    StDrain
  } state_e;

  state_e      state_q, state_d;
  cause_e      cause_q, cause;
  logic        ended_q, core_reset_nq;
  logic [31:0] number_q;
  logic [47:0] cycles_q;

  always_comb begin
    cause = CauseNone;
    if (core_trapped_i) cause = CauseInstruction;
    if (abort_i) cause = CauseAbort;
    if (fetch_error_i) cause = CauseFetch;
    if (read_error_i) cause = CauseLoad;
    if (write_error_i) cause = CauseSave;
  end

  always_comb begin
    state_d = state_q;
    unique case (state_q)
      StIdle: if (start_i) state_d = StClear;
      StClear: state_d = StStart;
      StStart: state_d = StRun;
      StRun: begin
        if (cause != CauseNone) state_d = StDrain;
        else if (core_ended_i) state_d = StIdle;
      end
      StDrain: if (bus_idle_i) state_d = StIdle;
      default: state_d = StIdle;
    endcase
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q       <= StIdle;
      cause_q       <= CauseNone;
      ended_q       <= 1'b0;
      core_reset_nq <= 1'b0;
    end else begin
      state_q       <= state_d;
      core_reset_nq <= state_d != StClear && state_d != StDrain;
      if (state_q == StClear) begin
        cause_q <= CauseNone;
        ended_q <= 1'b0;
      end else if (state_q == StRun) begin
        cause_q <= cause;
        ended_q <= core_ended_i && cause == CauseNone;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == StRun) begin
      number_q <= core_number_i;
      cycles_q <= core_cycles_i;
    end
  end

  assign clear_o      = state_q == StClear;
  assign core_rst_no  = core_reset_nq;
  assign core_start_o = state_q == StStart;
  assign running_o    = state_q == StRun;
  assign busy_o       = state_q != StIdle;
  assign ended_o      = ended_q && !busy_o;
  assign trapped_o    = cause_q != CauseNone && !busy_o;
  assign cause_o      = cause_q;
  assign number_o     = number_q;
  assign cycles_o     = cycles_q;

endmodule
