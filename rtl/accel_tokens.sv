// Tokens from engine to engine: counter [source][target]. An engine may start when every source of its wait mask has a
// token for it; they are taken at the edge of the start. Tokens given at an edge can be taken at the next.
module accel_tokens #(
  parameter int unsigned CountBits = 8
) (
  input  logic                                                  clk_i,
  input  logic                                                  rst_ni,
  input  logic                                                  clear_i,
  input  logic [accel_pkg::Engines-1:0][accel_pkg::Engines-1:0] wait_i,    // masks of sources
  output logic [accel_pkg::Engines-1:0]                         present_o, // its tokens are there
  input  logic [accel_pkg::Engines-1:0]                         take_i,
  input  logic [accel_pkg::Engines-1:0][accel_pkg::Engines-1:0] signal_i,  // masks of targets
  input  logic [accel_pkg::Engines-1:0]                         give_i
);

  localparam int unsigned Engines = accel_pkg::Engines;

  logic [CountBits-1:0] count_q [Engines][Engines];
  logic [CountBits-1:0] count_d [Engines][Engines];

  always_comb begin
    for (int unsigned target = 0; target < Engines; target++) begin
      present_o[target] = 1'b1;
      for (int unsigned source = 0; source < Engines; source++) begin
        if (wait_i[target][source] && count_q[source][target] == '0) begin
          present_o[target] = 1'b0;
        end
      end
    end
  end

  always_comb begin
    for (int unsigned source = 0; source < Engines; source++) begin
      for (int unsigned target = 0; target < Engines; target++) begin
        count_d[source][target] = count_q[source][target]
            + CountBits'(give_i[source] && signal_i[source][target])
            - CountBits'(take_i[target] && wait_i[target][source]);
      end
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      for (int unsigned source = 0; source < Engines; source++) begin
        for (int unsigned target = 0; target < Engines; target++) begin
          count_q[source][target] <= '0;
        end
      end
    end else begin
      for (int unsigned source = 0; source < Engines; source++) begin
        for (int unsigned target = 0; target < Engines; target++) begin
          count_q[source][target] <= clear_i ? '0 : count_d[source][target];
        end
      end
    end
  end

endmodule
