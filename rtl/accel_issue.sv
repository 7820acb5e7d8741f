// Between fetch and the engines: a queue in front of each engine, and the tokens that order them. An
// engine starts the head of its queue when it is free and the tokens that the instruction waits for
// are there; when it is done, the instruction's own tokens are given.
module accel_issue
  import accel_pkg::*;
#(
  parameter int unsigned QueueDepth = 4,
  localparam int unsigned ConvEntry = $bits(compute_t) + $bits(conv_t),
  localparam int unsigned AluEntry = $bits(compute_t) + $bits(alu_t)
) (
  input  logic                       clk_i,
  input  logic                       rst_ni,
  input  logic                       clear_i,       // a program starts: no tokens
  // Fetch.
  input  logic [Engines-1:0]         push_i,
  output logic [Engines-1:0]         push_ready_o,
  input  logic [InstructionBits-1:0] word_i,
  output logic                       idle_o,        // all queues empty and all engines free
  // Engines; a head is taken at the edge of start_o.
  output transfer_t                  load_o,
  output transfer_t                  save_o,
  output logic [ConvEntry-1:0]       conv_o,
  output logic [AluEntry-1:0]        alu_o,
  output logic [Engines-1:0]         start_o,
  input  logic [Engines-1:0]         busy_i,
  input  logic [Engines-1:0]         done_i
);

  localparam int unsigned CommonBits = $bits(common_t);

  common_t                         common;
  logic [2*Engines-1:0]            masks;
  logic [Engines-1:0]              head_valid, present;
  logic [Engines-1:0][Engines-1:0] wait_mask, signal_mask, signal_q;

  assign common  = word_i[CommonBits-1:0];
  assign masks   = {common.signal_mask, common.wait_mask};
  assign idle_o  = head_valid == '0 && busy_i == '0;
  assign start_o = head_valid & ~busy_i & present;

  accel_queue #(
    .Width($bits(transfer_t) + 2 * Engines),
    .Depth(QueueDepth)
  ) load_queue (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .push_i      (push_i[EngineLoad]),
    .push_ready_o(push_ready_o[EngineLoad]),
    .push_data_i ({word_i[CommonBits+:$bits(transfer_t)], masks}),
    .head_valid_o(head_valid[EngineLoad]),
    .head_o      ({load_o, signal_mask[EngineLoad], wait_mask[EngineLoad]}),
    .pop_i       (start_o[EngineLoad])
  );

  accel_queue #(
    .Width($bits(transfer_t) + 2 * Engines),
    .Depth(QueueDepth)
  ) save_queue (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .push_i      (push_i[EngineSave]),
    .push_ready_o(push_ready_o[EngineSave]),
    .push_data_i ({word_i[CommonBits+:$bits(transfer_t)], masks}),
    .head_valid_o(head_valid[EngineSave]),
    .head_o      ({save_o, signal_mask[EngineSave], wait_mask[EngineSave]}),
    .pop_i       (start_o[EngineSave])
  );

  accel_queue #(
    .Width(ConvEntry + 2 * Engines),
    .Depth(QueueDepth)
  ) conv_queue (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .push_i      (push_i[EngineConv]),
    .push_ready_o(push_ready_o[EngineConv]),
    .push_data_i ({word_i[CommonBits+:ConvEntry], masks}),
    .head_valid_o(head_valid[EngineConv]),
    .head_o      ({conv_o, signal_mask[EngineConv], wait_mask[EngineConv]}),
    .pop_i       (start_o[EngineConv])
  );

  accel_queue #(
    .Width(AluEntry + 2 * Engines),
    .Depth(QueueDepth)
  ) alu_queue (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .push_i      (push_i[EngineAlu]),
    .push_ready_o(push_ready_o[EngineAlu]),
    .push_data_i ({word_i[CommonBits+:AluEntry], masks}),
    .head_valid_o(head_valid[EngineAlu]),
    .head_o      ({alu_o, signal_mask[EngineAlu], wait_mask[EngineAlu]}),
    .pop_i       (start_o[EngineAlu])
  );

  // The running instruction's tokens for others.
  always_ff @(posedge clk_i) begin
    for (int unsigned e = 0; e < Engines; e++) begin
      if (start_o[e]) begin
        signal_q[e] <= signal_mask[e];
      end
    end
  end

  accel_tokens tokens (
    .clk_i    (clk_i),
    .rst_ni   (rst_ni),
    .clear_i  (clear_i),
    .wait_i   (wait_mask),
    .present_o(present),
    .take_i   (start_o),
    .signal_i (signal_q),
    .give_i   (done_i)
  );

  logic unused_bits;
  assign unused_bits = ^{common, word_i};

endmodule
