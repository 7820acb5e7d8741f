// The accelerator with native memory ports: fetch, four engines, tokens, buffers, datapaths.
//
// Instruction port: the word of ins_number_o is taken at the edge where valid and ready are high.
// Read port: a request (byte address, 1 .. PortBytes bytes) is accepted at the edge where request and ready are high; answers
// come in order, byte 0 lowest. Write port: the same with data; done_i once for each word that is in memory.
// With the memory of accel_ddr_model every edge is that of accel_sim.machine.timing (BufferLatency 0).
module accel_core
  import accel_pkg::*;
#(
  parameter int unsigned PixelParallel = 2,
  parameter int unsigned Channels = 4,              // ICP = OCP
  parameter int unsigned AluPixels = 1,
  parameter int unsigned ImageGroups = 2,
  parameter int unsigned ImageRows = 512,
  parameter int unsigned WeightRows = 512,
  parameter int unsigned DepthwiseRows = 256,
  parameter int unsigned BiasRows = 256,
  parameter int unsigned ParameterRows = 64,
  parameter int unsigned BytesPer1024Cycles = 4096,
  parameter int unsigned FetchCycles = 2,
  parameter int unsigned QueueDepth = 4,
  parameter int unsigned BufferLatency = 0,         // 1: buffers are block RAM, one more edge per operand
  parameter int unsigned RequantLatency = 0,
  localparam int unsigned PortBytes = Channels > ParameterBytes ? Channels : ParameterBytes
) (
  input  logic                       clk_i,
  input  logic                       rst_ni,
  // Control and status.
  input  logic                       start_i,
  input  logic [31:0]                count_i,       // instructions
  input  logic [31:0]                ddr_bytes_i,
  input  logic [12:0]                calls_i,
  output logic                       running_o,
  output logic                       ended_o,
  output logic                       trapped_o,
  output logic [31:0]                trap_number_o,
  output logic [47:0]                cycles_o,
  output logic                       host_request_o,
  output logic [11:0]                host_call_o,
  input  logic                       host_done_i,
  // Instructions.
  output logic [31:0]                ins_number_o,
  input  logic                       ins_valid_i,
  input  logic [InstructionBits-1:0] ins_word_i,
  output logic                       ins_ready_o,
  // Reads.
  output logic                       read_request_o,
  input  logic                       read_ready_i,
  output logic [31:0]                read_address_o,
  output logic [5:0]                 read_count_o,
  input  logic                       read_valid_i,
  input  logic [8*PortBytes-1:0]     read_data_i,
  // Writes.
  output logic                       write_request_o,
  input  logic                       write_ready_i,
  output logic [31:0]                write_address_o,
  output logic [5:0]                 write_count_o,
  output logic [8*PortBytes-1:0]     write_data_o,
  input  logic                       write_done_i
);

  localparam int unsigned WordBits = 8 * Channels;
  localparam int unsigned ImageLines = ImageGroups * ImageRows;
  localparam int unsigned CommonBits = $bits(common_t);
  localparam int unsigned ConvEntry = $bits(compute_t) + $bits(conv_t);
  localparam int unsigned AluEntry = $bits(compute_t) + $bits(alu_t);
  localparam int unsigned PixelLog = $clog2(PixelParallel);
  localparam int unsigned BankBits = PixelLog > 0 ? PixelLog : 1;
  localparam int unsigned SaveReader = 0;           // readers and writers of image memory
  localparam int unsigned ConvReader = 1;
  localparam int unsigned AluReader = 2;
  localparam int unsigned ConvWriter = 0;
  localparam int unsigned AluWriter = 1;

  // --- fetch, queues, tokens ---------------------------------------------------------------------------------------
  logic [InstructionBits-1:0]         word;
  common_t                            word_common;
  logic [Engines-1:0]                 push, push_ready, head_valid, start, busy, done, present;
  logic [Engines-1:0][Engines-1:0]    wait_mask, signal_mask, signal_q;
  logic [$bits(transfer_t)-1:0]       load_head, save_head;
  logic [ConvEntry-1:0]               conv_head;
  logic [AluEntry-1:0]                alu_head;
  logic                               idle;

  assign word_common = word[CommonBits-1:0];
  assign idle        = head_valid == '0 && busy == '0;
  assign start       = head_valid & ~busy & present;

  accel_fetch #(
    .FetchCycles  (FetchCycles),
    .PixelParallel(PixelParallel),
    .Channels     (Channels),
    .ImageLines   (ImageLines),
    .WeightRows   (WeightRows),
    .DepthwiseRows(DepthwiseRows),
    .BiasRows     (BiasRows),
    .ParameterRows(ParameterRows)
  ) fetch (
    .clk_i         (clk_i),
    .rst_ni        (rst_ni),
    .start_i       (start_i),
    .count_i       (count_i),
    .ddr_bytes_i   (ddr_bytes_i),
    .calls_i       (calls_i),
    .number_o      (ins_number_o),
    .ins_valid_i   (ins_valid_i),
    .ins_word_i    (ins_word_i),
    .ins_ready_o   (ins_ready_o),
    .push_o        (push),
    .push_ready_i  (push_ready),
    .word_o        (word),
    .idle_i        (idle),
    .host_request_o(host_request_o),
    .host_call_o   (host_call_o),
    .host_done_i   (host_done_i),
    .running_o     (running_o),
    .ended_o       (ended_o),
    .trapped_o     (trapped_o),
    .trap_number_o (trap_number_o),
    .cycles_o      (cycles_o)
  );

  accel_queue #(
    .Width($bits(transfer_t) + 2 * Engines),
    .Depth(QueueDepth)
  ) load_queue (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .push_i      (push[EngineLoad]),
    .push_ready_o(push_ready[EngineLoad]),
    .push_data_i ({word[CommonBits+:$bits(transfer_t)], word_common.signal_mask, word_common.wait_mask}),
    .head_valid_o(head_valid[EngineLoad]),
    .head_o      ({load_head, signal_mask[EngineLoad], wait_mask[EngineLoad]}),
    .pop_i       (start[EngineLoad])
  );

  accel_queue #(
    .Width($bits(transfer_t) + 2 * Engines),
    .Depth(QueueDepth)
  ) save_queue (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .push_i      (push[EngineSave]),
    .push_ready_o(push_ready[EngineSave]),
    .push_data_i ({word[CommonBits+:$bits(transfer_t)], word_common.signal_mask, word_common.wait_mask}),
    .head_valid_o(head_valid[EngineSave]),
    .head_o      ({save_head, signal_mask[EngineSave], wait_mask[EngineSave]}),
    .pop_i       (start[EngineSave])
  );

  accel_queue #(
    .Width(ConvEntry + 2 * Engines),
    .Depth(QueueDepth)
  ) conv_queue (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .push_i      (push[EngineConv]),
    .push_ready_o(push_ready[EngineConv]),
    .push_data_i ({word[CommonBits+:ConvEntry], word_common.signal_mask, word_common.wait_mask}),
    .head_valid_o(head_valid[EngineConv]),
    .head_o      ({conv_head, signal_mask[EngineConv], wait_mask[EngineConv]}),
    .pop_i       (start[EngineConv])
  );

  accel_queue #(
    .Width(AluEntry + 2 * Engines),
    .Depth(QueueDepth)
  ) alu_queue (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .push_i      (push[EngineAlu]),
    .push_ready_o(push_ready[EngineAlu]),
    .push_data_i ({word[CommonBits+:AluEntry], word_common.signal_mask, word_common.wait_mask}),
    .head_valid_o(head_valid[EngineAlu]),
    .head_o      ({alu_head, signal_mask[EngineAlu], wait_mask[EngineAlu]}),
    .pop_i       (start[EngineAlu])
  );

  // The running instruction's tokens for others.
  always_ff @(posedge clk_i) begin
    for (int unsigned e = 0; e < Engines; e++) begin
      if (start[e]) begin
        signal_q[e] <= signal_mask[e];
      end
    end
  end

  accel_tokens tokens (
    .clk_i    (clk_i),
    .rst_ni   (rst_ni),
    .clear_i  (start_i),
    .wait_i   (wait_mask),
    .present_o(present),
    .take_i   (start),
    .signal_i (signal_q),
    .give_i   (done)
  );

  // --- LOAD, SAVE --------------------------------------------------------------------------------------------------
  logic                   load_write, save_read;
  logic [2:0]             load_memory, save_memory;
  logic [5:0]             load_lane, save_lane, save_lane_late;
  logic [15:0]            load_row, save_row;
  logic [8*PortBytes-1:0] load_data, save_buffer_data, load_write_data;
  logic [WordBits-1:0]    save_data;

  accel_transfer #(
    .Storing           (1'b0),
    .PixelParallel     (PixelParallel),
    .Channels          (Channels),
    .BufferLatency     (BufferLatency),
    .BytesPer1024Cycles(BytesPer1024Cycles)
  ) load (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .start_i        (start[EngineLoad]),
    .instruction_i  (load_head),
    .busy_o         (busy[EngineLoad]),
    .done_o         (done[EngineLoad]),
    .request_o      (read_request_o),
    .request_ready_i(read_ready_i),
    .address_o      (read_address_o),
    .count_o        (read_count_o),
    .write_data_o   (load_write_data),
    .answer_i       (read_valid_i),
    .answer_data_i  (read_data_i),
    .buffer_o       (load_write),
    .buffer_memory_o(load_memory),
    .buffer_lane_o  (load_lane),
    .buffer_row_o   (load_row),
    .buffer_data_o  (load_data),
    .buffer_data_i  ('0)
  );

  accel_transfer #(
    .Storing           (1'b1),
    .PixelParallel     (PixelParallel),
    .Channels          (Channels),
    .BufferLatency     (BufferLatency),
    .BytesPer1024Cycles(BytesPer1024Cycles)
  ) save (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .start_i        (start[EngineSave]),
    .instruction_i  (save_head),
    .busy_o         (busy[EngineSave]),
    .done_o         (done[EngineSave]),
    .request_o      (write_request_o),
    .request_ready_i(write_ready_i),
    .address_o      (write_address_o),
    .count_o        (write_count_o),
    .write_data_o   (write_data_o),
    .answer_i       (write_done_i),
    .answer_data_i  ('0),
    .buffer_o       (save_read),
    .buffer_memory_o(save_memory),
    .buffer_lane_o  (save_lane),
    .buffer_row_o   (save_row),
    .buffer_data_o  (save_buffer_data),
    .buffer_data_i  (save_data)
  );

  // --- CONV and ALU: loops, operands, parameters -------------------------------------------------------------------
  localparam int unsigned ConvPhaseBits = $clog2(PixelParallel) + 1;
  localparam int unsigned AluPhaseBits = $clog2(AluPixels) + 1;

  logic [1:0]              bias_read, parameter_read;            // CONV, ALU
  logic [1:0][13:0]        bias_row, parameter_row;
  logic [WordBits-1:0]     bias_data;
  logic [Channels-1:0][63:0] parameter_data;

  logic [PixelParallel-1:0]                    save_img_read, conv_img_read, alu_img_read;
  logic [PixelParallel-1:0][15:0]              conv_img_line, alu_img_line;
  logic [2:0][PixelParallel-1:0][WordBits-1:0] img_data;
  logic [1:0][PixelParallel-1:0]               img_write;
  logic [1:0][PixelParallel-1:0][15:0]         img_write_line;
  logic [1:0][PixelParallel-1:0][WordBits-1:0] img_write_data;

  compute_t                                    conv_ins, alu_compute;
  alu_t                                        alu_ins, conv_alu_ins;
  logic                                        conv_slot, conv_row_inside, conv_everywhere, conv_ragged;
  logic [ConvPhaseBits-1:0]                    conv_phase, conv_phases_log;
  logic signed [23:0]                          conv_column;
  logic [8:0]                                  conv_step;
  logic [12:0]                                 conv_columns;
  logic [13:0]                                 conv_out_x;
  logic [15:0]                                 conv_line, conv_pitch_x;
  logic                                        wgt_read, conv_sum, conv_sum_start, conv_capture, conv_result;
  logic [15:0]                                 wgt_row;
  logic [Channels-1:0][WordBits-1:0]           wgt_data;
  logic [PixelParallel-1:0]                    conv_store, conv_act_load;
  logic [BankBits-1:0]                         conv_store_bank;
  logic [15:0]                                 conv_store_line;
  logic [PixelParallel-1:0][Channels-1:0][7:0] conv_act, conv_code;
  logic                                        wgt_load;
  logic signed [Channels-1:0][31:0]            conv_bias, alu_bias;
  logic [Channels-1:0][31:0]                   conv_multiplier, alu_multiplier;
  logic signed [Channels-1:0][7:0]             conv_exponent, alu_exponent;
  logic signed [Channels-1:0][15:0]            conv_wgt_zero, alu_wgt_zero;

  accel_sequencer #(
    .IsAlu         (1'b0),
    .Lanes         (PixelParallel),
    .PixelParallel (PixelParallel),
    .BufferLatency (BufferLatency),
    .RequantLatency(RequantLatency)
  ) conv_sequencer (
    .clk_i           (clk_i),
    .rst_ni          (rst_ni),
    .start_i         (start[EngineConv]),
    .instruction_i   (conv_head[$bits(compute_t)-1:0]),
    .conv_i          (conv_head[ConvEntry-1:$bits(compute_t)]),
    .alu_i           ('0),
    .busy_o          (busy[EngineConv]),
    .done_o          (done[EngineConv]),
    .instruction_o   (conv_ins),
    .alu_o           (conv_alu_ins),
    .bias_read_o     (bias_read[ConvWriter]),
    .bias_row_o      (bias_row[ConvWriter]),
    .parameter_read_o(parameter_read[ConvWriter]),
    .parameter_row_o (parameter_row[ConvWriter]),
    .slot_o          (conv_slot),
    .phase_o         (conv_phase),
    .phases_log_o    (conv_phases_log),
    .row_inside_o    (conv_row_inside),
    .column_o        (conv_column),
    .step_o          (conv_step),
    .columns_o       (conv_columns),
    .out_x_o         (conv_out_x),
    .line_o          (conv_line),
    .pitch_x_o       (conv_pitch_x),
    .everywhere_o    (conv_everywhere),
    .ragged_o        (conv_ragged),
    .wgt_read_o      (wgt_read),
    .wgt_row_o       (wgt_row),
    .sum_o           (conv_sum),
    .sum_start_o     (conv_sum_start),
    .capture_o       (conv_capture),
    .result_o        (conv_result),
    .store_o         (conv_store),
    .store_bank_o    (conv_store_bank),
    .store_line_o    (conv_store_line)
  );

  accel_operands #(
    .Lanes        (PixelParallel),
    .PixelParallel(PixelParallel),
    .Channels     (Channels),
    .BufferLatency(BufferLatency)
  ) conv_operands (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .slot_i      (conv_slot),
    .phase_i     (conv_phase),
    .phases_log_i(conv_phases_log),
    .row_inside_i(conv_row_inside),
    .column_i    (conv_column),
    .step_i      (conv_step),
    .columns_i   (conv_columns),
    .out_x_i     (conv_out_x),
    .out_width_i (conv_ins.out_width),
    .line_i      (conv_line),
    .pitch_x_i   (conv_pitch_x),
    .everywhere_i(conv_everywhere),
    .ragged_i    (conv_ragged),
    .tail_i      (conv_ins.tail),
    .x_zero_i    (conv_ins.x_zero),
    .read_o      (conv_img_read),
    .read_line_o (conv_img_line),
    .read_data_i (img_data[ConvReader]),
    .act_load_o  (conv_act_load),
    .act_o       (conv_act)
  );

  accel_parameters #(
    .Channels     (Channels),
    .BufferLatency(BufferLatency)
  ) conv_parameters (
    .clk_i           (clk_i),
    .rst_ni          (rst_ni),
    .bias_read_i     (bias_read[ConvWriter]),
    .parameter_read_i(parameter_read[ConvWriter]),
    .bias_data_i     (bias_data),
    .parameter_data_i(parameter_data),
    .bias_o          (conv_bias),
    .multiplier_o    (conv_multiplier),
    .exponent_o      (conv_exponent),
    .wgt_zero_o      (conv_wgt_zero)
  );

  accel_conv_datapath #(
    .PixelParallel (PixelParallel),
    .InputChannels (Channels),
    .OutputChannels(Channels),
    .RequantLatency(RequantLatency)
  ) conv (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .act_load_i  (conv_act_load),
    .act_i       (conv_act),
    .wgt_load_i  (wgt_load),
    .wgt_i       (wgt_data),
    .sum_i       (conv_sum),
    .sum_start_i (conv_sum_start),
    .x_zero_i    (conv_ins.x_zero),
    .wgt_zero_i  (conv_wgt_zero),
    .capture_i   (conv_capture),
    .shift_i     (conv_ins.shift),
    .bias_i      (conv_bias),
    .result_i    (conv_result),
    .mode_i      (mode_e'(conv_ins.mode)),
    .zero_i      (conv_ins.zero),
    .low_i       (conv_ins.low),
    .high_i      (conv_ins.high),
    .multiplier_i(conv_multiplier),
    .exponent_i  (conv_exponent),
    .code_o      (conv_code)
  );

  logic                                    alu_slot, alu_row_inside, alu_everywhere, alu_ragged;
  logic [AluPhaseBits-1:0]                 alu_phase, alu_phases_log;
  logic signed [23:0]                      alu_column;
  logic [8:0]                              alu_step;
  logic [12:0]                             alu_columns;
  logic [13:0]                             alu_out_x;
  logic [15:0]                             alu_line, alu_pitch_x;
  logic                                    dwt_read, alu_sum, alu_sum_start, alu_capture, alu_result, dwt_load;
  logic [15:0]                             dwt_row;
  logic [WordBits-1:0]                     dwt_data;
  logic [AluPixels-1:0]                    alu_store, alu_act_load;
  logic [BankBits-1:0]                     alu_store_bank;
  logic [15:0]                             alu_store_line;
  logic [AluPixels-1:0][Channels-1:0][7:0] alu_act, alu_code, tab_code, tab_data;

  accel_sequencer #(
    .IsAlu         (1'b1),
    .Lanes         (AluPixels),
    .PixelParallel (PixelParallel),
    .BufferLatency (BufferLatency),
    .RequantLatency(RequantLatency)
  ) alu_sequencer (
    .clk_i           (clk_i),
    .rst_ni          (rst_ni),
    .start_i         (start[EngineAlu]),
    .instruction_i   (alu_head[$bits(compute_t)-1:0]),
    .conv_i          ('1),
    .alu_i           (alu_head[AluEntry-1:$bits(compute_t)]),
    .busy_o          (busy[EngineAlu]),
    .done_o          (done[EngineAlu]),
    .instruction_o   (alu_compute),
    .alu_o           (alu_ins),
    .bias_read_o     (bias_read[AluWriter]),
    .bias_row_o      (bias_row[AluWriter]),
    .parameter_read_o(parameter_read[AluWriter]),
    .parameter_row_o (parameter_row[AluWriter]),
    .slot_o          (alu_slot),
    .phase_o         (alu_phase),
    .phases_log_o    (alu_phases_log),
    .row_inside_o    (alu_row_inside),
    .column_o        (alu_column),
    .step_o          (alu_step),
    .columns_o       (alu_columns),
    .out_x_o         (alu_out_x),
    .line_o          (alu_line),
    .pitch_x_o       (alu_pitch_x),
    .everywhere_o    (alu_everywhere),
    .ragged_o        (alu_ragged),
    .wgt_read_o      (dwt_read),
    .wgt_row_o       (dwt_row),
    .sum_o           (alu_sum),
    .sum_start_o     (alu_sum_start),
    .capture_o       (alu_capture),
    .result_o        (alu_result),
    .store_o         (alu_store),
    .store_bank_o    (alu_store_bank),
    .store_line_o    (alu_store_line)
  );

  accel_operands #(
    .Lanes        (AluPixels),
    .PixelParallel(PixelParallel),
    .Channels     (Channels),
    .BufferLatency(BufferLatency)
  ) alu_operands (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .slot_i      (alu_slot),
    .phase_i     (alu_phase),
    .phases_log_i(alu_phases_log),
    .row_inside_i(alu_row_inside),
    .column_i    (alu_column),
    .step_i      (alu_step),
    .columns_i   (alu_columns),
    .out_x_i     (alu_out_x),
    .out_width_i (alu_compute.out_width),
    .line_i      (alu_line),
    .pitch_x_i   (alu_pitch_x),
    .everywhere_i(alu_everywhere),
    .ragged_i    (alu_ragged),
    .tail_i      (alu_compute.tail),
    .x_zero_i    (alu_compute.x_zero),
    .read_o      (alu_img_read),
    .read_line_o (alu_img_line),
    .read_data_i (img_data[AluReader]),
    .act_load_o  (alu_act_load),
    .act_o       (alu_act)
  );

  accel_parameters #(
    .Channels     (Channels),
    .BufferLatency(BufferLatency)
  ) alu_parameters (
    .clk_i           (clk_i),
    .rst_ni          (rst_ni),
    .bias_read_i     (bias_read[AluWriter]),
    .parameter_read_i(parameter_read[AluWriter]),
    .bias_data_i     (bias_data),
    .parameter_data_i(parameter_data),
    .bias_o          (alu_bias),
    .multiplier_o    (alu_multiplier),
    .exponent_o      (alu_exponent),
    .wgt_zero_o      (alu_wgt_zero)
  );

  accel_alu_datapath #(
    .AluPixels     (AluPixels),
    .Channels      (Channels),
    .RequantLatency(RequantLatency)
  ) alu (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .act_load_i   (alu_act_load),
    .act_i        (alu_act),
    .wgt_load_i   (dwt_load),
    .wgt_i        (dwt_data),
    .op_i         (alu_op_e'(alu_ins.op)),
    .sum_i        (alu_sum),
    .sum_start_i  (alu_sum_start),
    .x_zero_i     (alu_compute.x_zero),
    .wgt_zero_i   (alu_wgt_zero),
    .capture_i    (alu_capture),
    .shift_i      (alu_compute.shift),
    .bias_i       (alu_bias),
    .result_i     (alu_result),
    .mode_i       (mode_e'(alu_compute.mode)),
    .zero_i       (alu_compute.zero),
    .low_i        (alu_compute.low),
    .high_i       (alu_compute.high),
    .multiplier_i (alu_multiplier),
    .exponent_i   (alu_exponent),
    .second_zero_i(alu_ins.second_zero),
    .real_a_i     (alu_ins.real_a),
    .real_b_i     (alu_ins.real_b),
    .real_c_i     (alu_ins.real_c),
    .tab_code_o   (tab_code),
    .tab_i        (tab_data),
    .code_o       (alu_code)
  );

  // --- weights and SAVE data come BufferLatency after the read -------------------------------------------------------
  if (BufferLatency == 0) begin : gen_now
    assign wgt_load       = wgt_read;
    assign dwt_load       = dwt_read;
    assign save_lane_late = save_lane;
  end else begin : gen_late
    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) begin
        wgt_load       <= 1'b0;
        dwt_load       <= 1'b0;
        save_lane_late <= '0;
      end else begin
        wgt_load <= wgt_read;
        dwt_load <= dwt_read;
        if (save_read) begin
          save_lane_late <= save_lane;
        end
      end
    end
  end

  // --- image ports -------------------------------------------------------------------------------------------------
  always_comb begin
    for (int unsigned b = 0; b < PixelParallel; b++) begin
      save_img_read[b] = save_read && save_lane == 6'(b);

      img_write[ConvWriter][b]      = conv_store[b];
      img_write_line[ConvWriter][b] = conv_store_line;
      img_write_data[ConvWriter][b] = conv_code[b];

      img_write[AluWriter][b]      = 1'b0;
      img_write_line[AluWriter][b] = alu_store_line;
      img_write_data[AluWriter][b] = '0;
      for (int unsigned l = 0; l < AluPixels; l++) begin
        if (alu_store[l] && 32'(alu_store_bank) + l == b) begin
          img_write[AluWriter][b]      = 1'b1;
          img_write_data[AluWriter][b] = alu_code[l];
        end
      end
    end
  end

  always_comb begin
    save_data = '0;
    for (int unsigned b = 0; b < PixelParallel; b++) begin
      if (save_lane_late == 6'(b)) begin
        save_data = img_data[SaveReader][b];
      end
    end
  end

  accel_buffers #(
    .PixelParallel(PixelParallel),
    .Channels     (Channels),
    .AluPixels    (AluPixels),
    .ImageGroups  (ImageGroups),
    .ImageRows    (ImageRows),
    .WeightRows   (WeightRows),
    .DepthwiseRows(DepthwiseRows),
    .BiasRows     (BiasRows),
    .ParameterRows(ParameterRows),
    .BufferLatency(BufferLatency)
  ) buffers (
    .clk_i           (clk_i),
    .rst_ni          (rst_ni),
    .load_i          (load_write),
    .load_memory_i   (load_memory),
    .load_lane_i     (load_lane),
    .load_row_i      (load_row),
    .load_data_i     (load_data),
    .img_read_i      ({alu_img_read, conv_img_read, save_img_read}),
    .img_read_line_i ({alu_img_line, conv_img_line, {PixelParallel{save_row}}}),
    .img_data_o      (img_data),
    .img_write_i     (img_write),
    .img_write_line_i(img_write_line),
    .img_write_data_i(img_write_data),
    .wgt_read_i      (wgt_read),
    .wgt_row_i       (wgt_row),
    .wgt_data_o      (wgt_data),
    .dwt_read_i      (dwt_read),
    .dwt_row_i       (dwt_row),
    .dwt_data_o      (dwt_data),
    .bias_read_i     (bias_read),
    .bias_row_i      (bias_row),
    .bias_data_o     (bias_data),
    .rqp_read_i      (parameter_read),
    .rqp_row_i       (parameter_row),
    .rqp_data_o      (parameter_data),
    .tab_table_i     (alu_compute.weight_base[0]),
    .tab_code_i      (tab_code),
    .tab_data_o      (tab_data)
  );

  logic unused_outputs;
  assign unused_outputs = ^{load_write_data, save_memory, save_buffer_data, conv_store_bank, conv_alu_ins, alu_ins,
                            conv_ins, alu_compute, word_common, word};

endmodule
