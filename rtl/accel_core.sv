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
  parameter int unsigned BufferLatency = 0,         // 1: block RAM, one more edge per operand
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
  localparam int unsigned ConvEntry = $bits(compute_t) + $bits(conv_t);
  localparam int unsigned AluEntry = $bits(compute_t) + $bits(alu_t);
  localparam int unsigned PixelLog = $clog2(PixelParallel);
  localparam int unsigned BankBits = PixelLog > 0 ? PixelLog : 1;
  localparam int unsigned SaveReader = 0;           // readers and writers of image memory
  localparam int unsigned ConvReader = 1;
  localparam int unsigned AluReader = 2;
  localparam int unsigned ConvWriter = 0;
  localparam int unsigned AluWriter = 1;

  // --- fetch, queues, tokens -----------------------------------------------------------------------
  logic [InstructionBits-1:0] word;
  logic [Engines-1:0]         push, push_ready, start, busy, done;
  logic                       idle;
  transfer_t                  load_head, save_head;
  logic [ConvEntry-1:0]       conv_head;
  logic [AluEntry-1:0]        alu_head;

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

  accel_issue #(
    .QueueDepth(QueueDepth)
  ) issue (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .clear_i     (start_i),
    .push_i      (push),
    .push_ready_o(push_ready),
    .word_i      (word),
    .idle_o      (idle),
    .load_o      (load_head),
    .save_o      (save_head),
    .conv_o      (conv_head),
    .alu_o       (alu_head),
    .start_o     (start),
    .busy_i      (busy),
    .done_i      (done)
  );

  // --- LOAD, SAVE ----------------------------------------------------------------------------------
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

  // --- CONV, ALU -----------------------------------------------------------------------------------
  logic [1:0]                                  bias_read, parameter_read;  // CONV, ALU
  logic [1:0][13:0]                            bias_row, parameter_row;
  logic [WordBits-1:0]                         bias_data;
  logic [Channels-1:0][63:0]                   parameter_data;
  logic                                        wgt_read, dwt_read, tab_table;
  logic [15:0]                                 wgt_row, dwt_row;
  logic [Channels-1:0][WordBits-1:0]           wgt_data;
  logic [WordBits-1:0]                         dwt_data;
  logic [AluPixels-1:0][Channels-1:0][7:0]     tab_code, tab_data;
  logic [PixelParallel-1:0]                    save_img_read, conv_img_read, alu_img_read;
  logic [PixelParallel-1:0][15:0]              conv_img_line, alu_img_line;
  logic [2:0][PixelParallel-1:0][WordBits-1:0] img_data;
  logic [1:0][PixelParallel-1:0]               img_write;
  logic [1:0][PixelParallel-1:0][15:0]         img_write_line;
  logic [1:0][PixelParallel-1:0][WordBits-1:0] img_write_data;
  logic [PixelParallel-1:0]                    conv_store;
  logic [AluPixels-1:0]                        alu_store;
  logic [BankBits-1:0]                         alu_store_bank;
  logic [15:0]                                 conv_store_line, alu_store_line;
  logic [PixelParallel-1:0][Channels-1:0][7:0] conv_code;
  logic [AluPixels-1:0][Channels-1:0][7:0]     alu_code;

  accel_conv_engine #(
    .PixelParallel (PixelParallel),
    .Channels      (Channels),
    .BufferLatency (BufferLatency),
    .RequantLatency(RequantLatency)
  ) conv (
    .clk_i           (clk_i),
    .rst_ni          (rst_ni),
    .start_i         (start[EngineConv]),
    .instruction_i   (conv_head),
    .busy_o          (busy[EngineConv]),
    .done_o          (done[EngineConv]),
    .bias_read_o     (bias_read[ConvWriter]),
    .bias_row_o      (bias_row[ConvWriter]),
    .bias_data_i     (bias_data),
    .parameter_read_o(parameter_read[ConvWriter]),
    .parameter_row_o (parameter_row[ConvWriter]),
    .parameter_data_i(parameter_data),
    .wgt_read_o      (wgt_read),
    .wgt_row_o       (wgt_row),
    .wgt_data_i      (wgt_data),
    .img_read_o      (conv_img_read),
    .img_line_o      (conv_img_line),
    .img_data_i      (img_data[ConvReader]),
    .store_o         (conv_store),
    .store_line_o    (conv_store_line),
    .store_data_o    (conv_code)
  );

  accel_alu_engine #(
    .PixelParallel (PixelParallel),
    .Channels      (Channels),
    .AluPixels     (AluPixels),
    .BufferLatency (BufferLatency),
    .RequantLatency(RequantLatency)
  ) alu (
    .clk_i           (clk_i),
    .rst_ni          (rst_ni),
    .start_i         (start[EngineAlu]),
    .instruction_i   (alu_head),
    .busy_o          (busy[EngineAlu]),
    .done_o          (done[EngineAlu]),
    .bias_read_o     (bias_read[AluWriter]),
    .bias_row_o      (bias_row[AluWriter]),
    .bias_data_i     (bias_data),
    .parameter_read_o(parameter_read[AluWriter]),
    .parameter_row_o (parameter_row[AluWriter]),
    .parameter_data_i(parameter_data),
    .wgt_read_o      (dwt_read),
    .wgt_row_o       (dwt_row),
    .wgt_data_i      (dwt_data),
    .tab_table_o     (tab_table),
    .tab_code_o      (tab_code),
    .tab_data_i      (tab_data),
    .img_read_o      (alu_img_read),
    .img_line_o      (alu_img_line),
    .img_data_i      (img_data[AluReader]),
    .store_o         (alu_store),
    .store_bank_o    (alu_store_bank),
    .store_line_o    (alu_store_line),
    .store_data_o    (alu_code)
  );

  // --- SAVE data come BufferLatency after the read -------------------------------------------------
  if (BufferLatency == 0) begin : gen_now
    assign save_lane_late = save_lane;
  end else begin : gen_late
    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) begin
        save_lane_late <= '0;
      end else if (save_read) begin
        save_lane_late <= save_lane;
      end
    end
  end

  // --- image ports ---------------------------------------------------------------------------------
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
    .tab_table_i     (tab_table),
    .tab_code_i      (tab_code),
    .tab_data_o      (tab_data)
  );

  logic unused_outputs;
  assign unused_outputs = ^{load_write_data, save_memory, save_buffer_data};

endmodule
