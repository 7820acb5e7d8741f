// data_o is data_i of Latency edges ago (0: wires).
module accel_delay #(
  parameter int unsigned Width = 8,
  parameter int unsigned Latency = 1
) (
  input  logic             clk_i,
  input  logic [Width-1:0] data_i,
  output logic [Width-1:0] data_o
);

  if (Latency == 0) begin : gen_wires
    logic unused_clock;
    assign unused_clock = clk_i;
    assign data_o = data_i;
  end else begin : gen_registers
    logic [Latency-1:0][Width-1:0] data_q;

    always_ff @(posedge clk_i) begin
      data_q[0] <= data_i;
      for (int unsigned k = 1; k < Latency; k++) begin
        data_q[k] <= data_q[k-1];
      end
    end
    assign data_o = data_q[Latency-1];
  end

endmodule
