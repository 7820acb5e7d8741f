// accel_queue, depths 1 to 5: by induction over any number of cycles it is a first-in first-out queue of Depth
// words: nothing is lost, doubled, changed or out of order, and a full queue takes a word where one leaves.
module formal_queue (
  input logic       clk,
  input logic       rst_n,
  input logic       push,
  input logic [1:0] data,
  input logic       pop
);

  for (genvar k = 1; k <= 5; k++) begin : gen_depth
    logic        push_ready, head_valid, pushed, popped;
    logic [1:0]  head;
    logic [1:0]  model_q [k], model_d [k];   // the words, the oldest first
    logic [3:0]  count_q, count_d;

    accel_queue #(
      .Width(2),
      .Depth(k)
    ) dut (
      .clk_i       (clk),
      .rst_ni      (rst_n),
      .push_i      (push),
      .push_ready_o(push_ready),
      .push_data_i (data),
      .head_valid_o(head_valid),
      .head_o      (head),
      .pop_i       (pop)
    );

    assign popped = pop && count_q != 4'd0;
    assign pushed = push && (count_q != 4'(k) || popped);

    always_comb begin
      count_d = count_q;
      model_d = model_q;
      if (popped) begin
        for (int unsigned i = 0; i + 1 < k; i++) begin
          model_d[i] = model_q[i+1];
        end
        count_d = count_q - 4'd1;
      end
      for (int unsigned i = 0; i < k; i++) begin
        if (pushed && count_d == 4'(i)) begin
          model_d[i] = data;
        end
      end
      count_d = count_d + 4'(pushed);
    end

    always_ff @(posedge clk or negedge rst_n) begin
      if (!rst_n) begin
        count_q <= '0;
        for (int unsigned i = 0; i < k; i++) begin
          model_q[i] <= '0;
        end
      end else begin
        count_q <= count_d;
        model_q <= model_d;
      end
    end

    // What is to be shown.
    always_comb begin
      assert (head_valid == (count_q != 4'd0));
      assert (push_ready == (count_q != 4'(k) || popped));
      if (head_valid) assert (head == model_q[0]);
    end

    // What makes it inductive: the ring holds the model's words from the read pointer on.
    always_comb begin
      assert (count_q <= 4'(k));
      assert (4'(dut.count_q) == count_q);
      assert (4'(dut.read_q) < 4'(k));
      assert (4'(dut.write_q) < 4'(k));
      assert (4'(dut.write_q) == (4'(dut.read_q) + count_q) % 4'(k));
      for (int unsigned i = 0; i < k; i++) begin
        for (int unsigned r = 0; r < k; r++) begin
          if (4'(i) < count_q && 4'(dut.read_q) == 4'(r)) assert (dut.entries[(r+i)%k] == model_q[i]);
        end
      end
    end
  end

endmodule
