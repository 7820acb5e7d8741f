// accel_stage: by induction over any number of cycles, it holds exactly the words that went in and have not
// come out, at most one, unchanged, and what is offered stays until it is taken.
module formal_stage (
  input logic       clk,
  input logic       rst_n,
  input logic       in_valid,
  input logic [3:0] in_data,
  input logic       out_ready
);

  logic       in_ready, out_valid;
  logic [3:0] out_data;
  logic       full_q;        // the model: a word, or none
  logic [3:0] word_q;

  accel_stage #(
    .Width     (4),
    .Registered(1'b1)
  ) dut (
    .clk_i      (clk),
    .rst_ni     (rst_n),
    .in_valid_i (in_valid),
    .in_ready_o (in_ready),
    .in_data_i  (in_data),
    .out_valid_o(out_valid),
    .out_ready_i(out_ready),
    .out_data_o (out_data)
  );

  always_ff @(posedge clk or negedge rst_n) begin
    if (!rst_n) begin
      full_q <= 1'b0;
      word_q <= '0;
    end else begin
      if (in_valid && in_ready) begin
        full_q <= 1'b1;
        word_q <= in_data;
      end else if (out_valid && out_ready) begin
        full_q <= 1'b0;
      end
    end
  end

  always_comb begin
    assert (out_valid == full_q);
    if (full_q) assert (out_data == word_q);
    assert (in_ready == (!full_q || out_ready));
  end

endmodule
