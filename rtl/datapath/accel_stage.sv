// One register of a pipeline with valid and ready on both sides, or wires.
//
// Registered: 1 cycle of latency, 1 word a cycle; it takes a word when it is empty or its word
// leaves at the same edge. A word that waits does not change. Not registered: everything passes
// straight through.
module accel_stage #(
  parameter int unsigned Width = 32,
  parameter bit          Registered = 1'b1
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             in_valid_i,
  output logic             in_ready_o,
  input  logic [Width-1:0] in_data_i,
  output logic             out_valid_o,
  input  logic             out_ready_i,
  output logic [Width-1:0] out_data_o
);

  if (Registered) begin : gen_register
    logic             valid_q;
    logic [Width-1:0] data_q;

    assign in_ready_o  = out_ready_i || !valid_q;
    assign out_valid_o = valid_q;
    assign out_data_o  = data_q;

    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) begin
        valid_q <= 1'b0;
      end else if (in_ready_o) begin
        valid_q <= in_valid_i;
      end
    end

    // Data has no reset: it is not looked at before it is valid.
    always_ff @(posedge clk_i) begin
      if (in_valid_i && in_ready_o) begin
        data_q <= in_data_i;
      end
    end
  end else begin : gen_wires
    logic unused_clock;
    assign unused_clock = ^{clk_i, rst_ni};
    assign in_ready_o   = out_ready_i;
    assign out_valid_o  = in_valid_i;
    assign out_data_o   = in_data_i;
  end

endmodule
