// Fetch and dispatch, in program order. An instruction is taken FetchCycles after the one before it, and not before
// that one has left; it goes to its engine's queue one edge later at the earliest. HOST and END leave when all engines
// are idle. The cycle counter counts the edges from the first fetch to the END; it stands still while the host works.
// An illegal word ends the run with status trap. Nothing after END is taken.
module accel_fetch
  import accel_pkg::*;
#(
  parameter int unsigned FetchCycles = 2,
  parameter int unsigned PixelParallel = 2,
  parameter int unsigned Channels = 4,
  parameter int unsigned ImageLines = 1024,
  parameter int unsigned WeightRows = 512,
  parameter int unsigned DepthwiseRows = 256,
  parameter int unsigned BiasRows = 256,
  parameter int unsigned ParameterRows = 64
) (
  input  logic                       clk_i,
  input  logic                       rst_ni,
  input  logic                       start_i,        // one edge; the next one is edge 0 of the run
  input  logic [31:0]                count_i,        // instructions; behind them nothing is fetched
  input  logic [31:0]                ddr_bytes_i,
  input  logic [12:0]                calls_i,
  // Instruction memory: the word of number_o is there when valid, and taken at the edge of ready.
  output logic [31:0]                number_o,
  input  logic                       ins_valid_i,
  input  logic [InstructionBits-1:0] ins_word_i,
  output logic                       ins_ready_o,
  // Queues.
  output logic [Engines-1:0]         push_o,
  input  logic [Engines-1:0]         push_ready_i,
  output logic [InstructionBits-1:0] word_o,
  input  logic                       idle_i,         // all queues empty and all engines free
  // Host: request stands until done is sampled.
  output logic                       host_request_o,
  output logic [11:0]                host_call_o,
  input  logic                       host_done_i,
  // Status.
  output logic                       running_o,
  output logic                       ended_o,
  output logic                       trapped_o,
  output logic [31:0]                trap_number_o,
  output logic [47:0]                cycles_o
);

  typedef enum logic [2:0] {
    StIdle,
    StFetch,
    StDispatch,
    StHost,
    StEnded,
    StTrapped
  } state_e;

  localparam int unsigned TimerBits = $clog2(FetchCycles + 1);
  localparam logic [TimerBits-1:0] Interval = TimerBits'(FetchCycles - 1);

  state_e                     state_q, state_d;
  logic [31:0]                number_q, number_d;
  logic [InstructionBits-1:0] word_q;
  logic [TimerBits-1:0]       timer_q, timer_d;
  logic [47:0]                cycles_q, cycles_d;
  logic                       legal, is_host, is_end, take;
  logic [Engines-1:0]         engine;
  common_t                    shared;
  host_t                      host;

  accel_decode #(
    .PixelParallel(PixelParallel),
    .Channels     (Channels),
    .ImageLines   (ImageLines),
    .WeightRows   (WeightRows),
    .DepthwiseRows(DepthwiseRows),
    .BiasRows     (BiasRows),
    .ParameterRows(ParameterRows)
  ) decode (
    .word_i     (word_q),
    .ddr_bytes_i(ddr_bytes_i),
    .calls_i    (calls_i),
    .legal_o    (legal),
    .engine_o   (engine),
    .host_o     (is_host),
    .end_o      (is_end)
  );

  assign host           = word_q[$bits(shared) +: $bits(host)];
  assign shared         = word_q[$bits(shared)-1:0];
  assign ins_ready_o    = state_q == StFetch && timer_q == '0 && number_q < count_i;
  assign take           = ins_ready_o && ins_valid_i;
  assign number_o       = number_q;
  assign word_o         = word_q;
  assign push_o         = state_q == StDispatch ? engine : '0;
  assign host_request_o = state_q == StHost;
  assign host_call_o    = host.call;
  assign running_o      = state_q inside {StFetch, StDispatch, StHost};
  assign ended_o        = state_q == StEnded;
  assign trapped_o      = state_q == StTrapped;
  assign trap_number_o  = number_q - 32'd1;
  assign cycles_o       = cycles_q;

  always_comb begin
    state_d  = state_q;
    number_d = number_q;
    timer_d  = timer_q == '0 || state_q == StHost ? timer_q : timer_q - TimerBits'(1);
    cycles_d = state_q == StFetch || state_q == StDispatch ? cycles_q + 48'd1 : cycles_q;
    unique case (state_q)
      StIdle, StEnded, StTrapped: begin
        if (start_i) begin
          state_d  = StFetch;
          number_d = '0;
          timer_d  = '0;
          cycles_d = '0;
        end
      end
      StFetch: begin
        if (take) begin
          state_d  = StDispatch;
          number_d = number_q + 32'd1;
          timer_d  = Interval;
        end
      end
      StDispatch: begin
        if (!legal) begin
          state_d = StTrapped;
        end else if (is_host || is_end) begin
          if (idle_i) begin
            state_d = is_end ? StEnded : StHost;
          end
        end else if ((engine & push_ready_i) != '0) begin
          state_d = StFetch;
        end
      end
      StHost: begin
        if (host_done_i) begin
          state_d = StFetch;
        end
      end
      default: state_d = StIdle;
    endcase
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q  <= StIdle;
      number_q <= '0;
      timer_q  <= '0;
      cycles_q <= '0;
    end else begin
      state_q  <= state_d;
      number_q <= number_d;
      timer_q  <= timer_d;
      cycles_q <= cycles_d;
    end
  end

  always_ff @(posedge clk_i iff take) begin
    word_q <= ins_word_i;
  end

  logic unused_fields;
  assign unused_fields = ^shared;

endmodule
