// accel_issue with queues of two: by induction over any number of cycles, an engine starts the oldest of its waiting
// instructions exactly when it is free and every token that this instruction waits for has been given and not taken; the
// start takes these tokens and no others; when the instruction is done, its own tokens, and no others, are given.
// Assumed: an engine is busy from a start until it says that it is done; at most 255 tokens of a kind are waiting.
module formal_issue
  import accel_pkg::*;
(
  input logic                       clk,
  input logic                       rst_n,
  input logic                       clear,
  input logic [Engines-1:0]         push,
  input logic [InstructionBits-1:0] word,
  input logic [Engines-1:0]         done
);

  localparam int unsigned Depth = 2;

  logic [Engines-1:0]                  push_ready, start, busy_q, startable, room;
  logic                                idle;
  logic [Engines-1:0]                  wait_q   [Engines][Depth];   // masks of what waits, the oldest first
  logic [Engines-1:0]                  signal_q [Engines][Depth];
  logic [1:0]                          count_q  [Engines];
  logic [Engines-1:0]                  running_q [Engines];         // tokens that a running instruction will give
  logic [15:0]                         owed_q   [Engines][Engines];
  transfer_t                           unused_load, unused_save;
  logic [$bits(compute_t)+$bits(conv_t)-1:0] unused_conv;
  logic [$bits(compute_t)+$bits(alu_t)-1:0]  unused_alu;
  common_t                             shared;

  assign shared = word[$bits(common_t)-1:0];

  accel_issue #(
    .QueueDepth(Depth)
  ) dut (
    .clk_i       (clk),
    .rst_ni      (rst_n),
    .clear_i     (clear),
    .push_i      (push),
    .push_ready_o(push_ready),
    .word_i      (word),
    .idle_o      (idle),
    .load_o      (unused_load),
    .save_o      (unused_save),
    .conv_o      (unused_conv),
    .alu_o       (unused_alu),
    .start_o     (start),
    .busy_i      (busy_q),
    .done_i      (done)
  );

  // --- the model -----------------------------------------------------------------------------------
  always_comb begin
    for (int unsigned t = 0; t < Engines; t++) begin
      startable[t] = count_q[t] != 2'd0 && !busy_q[t];
      for (int unsigned s = 0; s < Engines; s++) begin
        if (wait_q[t][0][s] && owed_q[s][t] == 16'd0) begin
          startable[t] = 1'b0;
        end
      end
      room[t] = count_q[t] != 2'(Depth) || startable[t];
    end
  end

  for (genvar e = 0; e < Engines; e++) begin : gen_engine
    logic [1:0] left;
    assign left = count_q[e] - 2'(startable[e]);

    always_ff @(posedge clk or negedge rst_n) begin
      if (!rst_n) begin
        busy_q[e]  <= 1'b0;
        count_q[e] <= '0;
        wait_q[e][0]   <= '0;
        wait_q[e][1]   <= '0;
        signal_q[e][0] <= '0;
        signal_q[e][1] <= '0;
        running_q[e]   <= '0;
      end else begin
        busy_q[e]  <= startable[e] || (busy_q[e] && !done[e]);
        count_q[e] <= left + 2'(push[e] && room[e]);
        if (startable[e]) begin
          running_q[e]   <= signal_q[e][0];
          wait_q[e][0]   <= wait_q[e][1];
          signal_q[e][0] <= signal_q[e][1];
        end
        if (push[e] && room[e]) begin
          if (left == 2'd0) begin
            wait_q[e][0]   <= shared.wait_mask;
            signal_q[e][0] <= shared.signal_mask;
          end else begin
            wait_q[e][1]   <= shared.wait_mask;
            signal_q[e][1] <= shared.signal_mask;
          end
        end
      end
    end

    for (genvar t = 0; t < Engines; t++) begin : gen_target
      logic gives, takes;
      assign gives = done[e] && running_q[e][t];
      assign takes = startable[t] && wait_q[t][0][e];

      always_ff @(posedge clk or negedge rst_n) begin
        if (!rst_n) begin
          owed_q[e][t] <= '0;
        end else if (clear) begin
          owed_q[e][t] <= '0;
        end else if (gives && !takes) begin
          owed_q[e][t] <= owed_q[e][t] + 16'd1;
        end else if (takes && !gives) begin
          owed_q[e][t] <= owed_q[e][t] - 16'd1;
        end
      end

      always_comb begin
        assume (!gives || owed_q[e][t] != 16'd255);
        assert (16'(dut.tokens.count_q[e][t]) == owed_q[e][t]);
      end
    end

    always_comb assume (!done[e] || busy_q[e]);
  end

  // --- what is to be shown -------------------------------------------------------------------------
  always_comb begin
    assert (start == startable);
    assert (push_ready == room);
    assert (idle == (busy_q == '0 && count_q[0] == '0 && count_q[1] == '0 && count_q[2] == '0 && count_q[3] == '0));
  end

  // --- what makes it inductive: the queues hold the model's masks ------------------------------------
  logic [7:0] entries [Engines][Depth];
  logic       read    [Engines];
  logic       write   [Engines];
  logic [1:0] count   [Engines];
  assign entries[EngineLoad][0] = dut.load_queue.entries[0][7:0];
  assign entries[EngineLoad][1] = dut.load_queue.entries[1][7:0];
  assign entries[EngineSave][0] = dut.save_queue.entries[0][7:0];
  assign entries[EngineSave][1] = dut.save_queue.entries[1][7:0];
  assign entries[EngineConv][0] = dut.conv_queue.entries[0][7:0];
  assign entries[EngineConv][1] = dut.conv_queue.entries[1][7:0];
  assign entries[EngineAlu][0]  = dut.alu_queue.entries[0][7:0];
  assign entries[EngineAlu][1]  = dut.alu_queue.entries[1][7:0];
  assign read[EngineLoad]  = dut.load_queue.read_q;
  assign read[EngineSave]  = dut.save_queue.read_q;
  assign read[EngineConv]  = dut.conv_queue.read_q;
  assign read[EngineAlu]   = dut.alu_queue.read_q;
  assign write[EngineLoad] = dut.load_queue.write_q;
  assign write[EngineSave] = dut.save_queue.write_q;
  assign write[EngineConv] = dut.conv_queue.write_q;
  assign write[EngineAlu]  = dut.alu_queue.write_q;
  assign count[EngineLoad] = dut.load_queue.count_q;
  assign count[EngineSave] = dut.save_queue.count_q;
  assign count[EngineConv] = dut.conv_queue.count_q;
  assign count[EngineAlu]  = dut.alu_queue.count_q;

  always_comb begin
    for (int unsigned e = 0; e < Engines; e++) begin
      assert (count_q[e] <= 2'(Depth));
      assert (count[e] == count_q[e]);
      assert (write[e] == (read[e] ^ count_q[e][0]));
      for (int unsigned i = 0; i < Depth; i++) begin
        if (2'(i) < count_q[e]) assert (entries[e][read[e] ^ 1'(i)] == {signal_q[e][i], wait_q[e][i]});
      end
      if (busy_q[e]) assert (dut.signal_q[e] == running_q[e]);
    end
  end

endmodule
