// Biases and requantisation parameters of the current output group. Biases come row by row and take effect together,
// with the last row (BufferLatency after it was read): the block before may still need the old ones.
module accel_parameters #(
  parameter int unsigned Channels = 4,
  parameter int unsigned BufferLatency = 1
) (
  input  logic                                    clk_i,
  input  logic                                    rst_ni,
  input  logic                                    bias_read_i,       // a row is read at this edge
  input  logic                                    parameter_read_i,  // the last, with parameters
  input  logic [8*Channels-1:0]                   bias_data_i,       // BufferLatency later
  input  logic [Channels-1:0][63:0]               parameter_data_i,  // at once
  output logic signed [Channels-1:0][31:0]        bias_o,
  output logic [Channels-1:0][31:0]               multiplier_o,
  output logic signed [Channels-1:0][7:0]         exponent_o,
  output logic signed [Channels-1:0][15:0]        wgt_zero_o
);

  localparam int unsigned Words = 4;

  logic                                row, last;
  logic [Words-2:0][8*Channels-1:0]    staged_q;
  logic [Words*8*Channels-1:0]         bias_q;
  logic [Channels-1:0][55:0]           entries_q;

  if (BufferLatency == 0) begin : gen_now
    logic unused_reset;
    assign unused_reset = rst_ni;
    assign row  = bias_read_i;
    assign last = parameter_read_i;
  end else begin : gen_late
    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) begin
        row  <= 1'b0;
        last <= 1'b0;
      end else begin
        row  <= bias_read_i;
        last <= parameter_read_i;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (row) begin
      staged_q <= {bias_data_i, staged_q[Words-2:1]};
    end
    if (last) begin
      bias_q <= {bias_data_i, staged_q};
    end
  end

  always_ff @(posedge clk_i iff parameter_read_i) begin
    for (int unsigned c = 0; c < Channels; c++) begin
      entries_q[c] <= parameter_data_i[c][55:0];
    end
  end

  for (genvar c = 0; c < Channels; c++) begin : gen_channel
    logic unused_byte;
    assign unused_byte     = ^parameter_data_i[c][63:56];
    assign bias_o[c]       = bias_q[32*c +: 32];
    assign multiplier_o[c] = entries_q[c][31:0];
    assign exponent_o[c]   = entries_q[c][39:32];
    assign wgt_zero_o[c]   = entries_q[c][55:40];
  end

endmodule
