// Instructions from an AXI4 bus: each is one burst of 64 bytes at base + 64 number, so that it
// never crosses 4 KiB. The next instruction is asked for as soon as the one before has been
// taken. error_o: a response that is no OKAY.
module accel_axi_fetch
  import accel_pkg::*;
#(
  parameter int unsigned DataBytes = 8,         // of the bus; a power of two up to 64
  parameter int unsigned AddressBits = 40
) (
  input  logic                       clk_i,
  input  logic                       rst_ni,
  input  logic                       clear_i,   // forget what was fetched; while idle
  output logic                       idle_o,    // nothing is on its way
  output logic                       error_o,
  input  logic [AddressBits-1:0]     base_i,    // a multiple of 64
  input  logic                       enable_i,  // there is an instruction with number_i
  // Core.
  input  logic [31:0]                number_i,
  output logic                       valid_o,
  output logic [InstructionBits-1:0] word_o,
  input  logic                       ready_i,
  // Bus.
  output logic                       ar_valid_o,
  input  logic                       ar_ready_i,
  output logic [AddressBits-1:0]     ar_address_o,
  output logic [7:0]                 ar_len_o,
  input  logic                       r_valid_i,
  output logic                       r_ready_o,
  input  logic [8*DataBytes-1:0]     r_data_i,
  input  logic [1:0]                 r_resp_i,
  input  logic                       r_last_i
);

  localparam int unsigned WordBytes = InstructionBits / 8;

  typedef enum logic [1:0] {
    StEmpty,
    StAddress,
    StData,
    StFull
  } state_e;

  state_e                     state_q, state_d;
  logic [AddressBits-1:0]     address_q;
  logic [InstructionBits-1:0] word_q;
  logic                       beat;

  assign ar_valid_o   = state_q == StAddress;
  assign ar_address_o = address_q;
  assign ar_len_o     = 8'(WordBytes / DataBytes - 1);
  assign r_ready_o    = state_q == StData;
  assign beat         = r_valid_i && r_ready_o;
  assign error_o      = beat && r_resp_i != 2'b00;
  assign valid_o      = state_q == StFull;
  assign word_o       = word_q;
  assign idle_o       = state_q == StEmpty || state_q == StFull;

  always_comb begin
    state_d = state_q;
    unique case (state_q)
      StEmpty: if (enable_i) state_d = StAddress;
      StAddress: if (ar_ready_i) state_d = StData;
      StData: if (beat && r_last_i) state_d = StFull;
      StFull: if (ready_i || clear_i) state_d = StEmpty;
      default: state_d = StEmpty;
    endcase
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q <= StEmpty;
    end else begin
      state_q <= state_d;
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == StEmpty) begin
      address_q <= base_i + (AddressBits'(number_i) << $clog2(WordBytes));
    end
    if (beat) begin
      word_q <= InstructionBits'({r_data_i, word_q} >> (8 * DataBytes));
    end
  end

endmodule
