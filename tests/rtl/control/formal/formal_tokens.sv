// accel_tokens: by induction over any number of cycles, what an engine can take from another is what that one has given
// it and it has not taken yet; no token is lost, doubled, invented, or another engine's.
// Assumed: a token is taken only where it is present (formal_issue), and at most 255 of a kind are waiting.
module formal_tokens
  import accel_pkg::*;
(
  input logic                            clk,
  input logic                            rst_n,
  input logic                            clear,
  input logic [Engines-1:0][Engines-1:0] wait_mask,
  input logic [Engines-1:0]              take,
  input logic [Engines-1:0][Engines-1:0] signal_mask,
  input logic [Engines-1:0]              give
);

  logic [Engines-1:0] present, expected;
  logic [15:0]        owed_q [Engines][Engines];   // from source to target: given and not yet taken

  accel_tokens dut (
    .clk_i    (clk),
    .rst_ni   (rst_n),
    .clear_i  (clear),
    .wait_i   (wait_mask),
    .present_o(present),
    .take_i   (take),
    .signal_i (signal_mask),
    .give_i   (give)
  );

  for (genvar s = 0; s < Engines; s++) begin : gen_source
    for (genvar t = 0; t < Engines; t++) begin : gen_target
      logic gives, takes;
      assign gives = give[s] && signal_mask[s][t];
      assign takes = take[t] && wait_mask[t][s];

      always_ff @(posedge clk or negedge rst_n) begin
        if (!rst_n) begin
          owed_q[s][t] <= '0;
        end else if (clear) begin
          owed_q[s][t] <= '0;
        end else if (gives && !takes) begin
          owed_q[s][t] <= owed_q[s][t] + 16'd1;
        end else if (takes && !gives) begin
          owed_q[s][t] <= owed_q[s][t] - 16'd1;
        end
      end

      always_comb begin
        assume (!takes || present[t]);
        assume (!gives || owed_q[s][t] != 16'd255);
        assert (16'(dut.count_q[s][t]) == owed_q[s][t]);
        assert (!takes || owed_q[s][t] != 16'd0);
      end
    end
  end

  always_comb begin
    expected = '1;
    for (int unsigned t = 0; t < Engines; t++) begin
      for (int unsigned s = 0; s < Engines; s++) begin
        if (wait_mask[t][s] && owed_q[s][t] == 16'd0) begin
          expected[t] = 1'b0;
        end
      end
    end
    assert (present == expected);
  end

endmodule
