// The modules between instruction memory and datapath, each alone and in several sizes, for one simulation build. The
// tests write and read the signals below; the number behind a name picks the instance.
module control_bench
  import accel_pkg::*;
(
  input logic clk_i,
  input logic rst_ni
);

  // --- accel_queue: depths 1, 2, 3, 5 ----------------------------------------------------------------
  localparam int unsigned QueueDepths [4] = '{1, 2, 3, 5};
  logic       queue_push       [4];
  logic       queue_push_ready [4];
  logic [7:0] queue_push_data  [4];
  logic       queue_head_valid [4];
  logic [7:0] queue_head       [4];
  logic       queue_pop        [4];

  for (genvar k = 0; k < 4; k++) begin : gen_queue
    accel_queue #(
      .Width(8),
      .Depth(QueueDepths[k])
    ) queue (
      .clk_i       (clk_i),
      .rst_ni      (rst_ni),
      .push_i      (queue_push[k]),
      .push_ready_o(queue_push_ready[k]),
      .push_data_i (queue_push_data[k]),
      .head_valid_o(queue_head_valid[k]),
      .head_o      (queue_head[k]),
      .pop_i       (queue_pop[k])
    );
  end

  // --- accel_issue: depths 1, 4 ----------------------------------------------------------------------
  localparam int unsigned IssueDepths [2] = '{1, 4};
  logic                                   issue_clear      [2];
  logic [Engines-1:0]                     issue_push       [2];
  logic [Engines-1:0]                     issue_push_ready [2];
  logic [InstructionBits-1:0]             issue_word       [2];
  logic                                   issue_idle       [2];
  logic [$bits(transfer_t)-1:0]           issue_load       [2];
  logic [$bits(transfer_t)-1:0]           issue_save       [2];
  logic [$bits(compute_t)+$bits(conv_t)-1:0] issue_conv    [2];
  logic [$bits(compute_t)+$bits(alu_t)-1:0]  issue_alu     [2];
  logic [Engines-1:0]                     issue_start      [2];
  logic [Engines-1:0]                     issue_busy       [2];
  logic [Engines-1:0]                     issue_done       [2];

  for (genvar k = 0; k < 2; k++) begin : gen_issue
    accel_issue #(
      .QueueDepth(IssueDepths[k])
    ) issue (
      .clk_i       (clk_i),
      .rst_ni      (rst_ni),
      .clear_i     (issue_clear[k]),
      .push_i      (issue_push[k]),
      .push_ready_o(issue_push_ready[k]),
      .word_i      (issue_word[k]),
      .idle_o      (issue_idle[k]),
      .load_o      (issue_load[k]),
      .save_o      (issue_save[k]),
      .conv_o      (issue_conv[k]),
      .alu_o       (issue_alu[k]),
      .start_o     (issue_start[k]),
      .busy_i      (issue_busy[k]),
      .done_i      (issue_done[k])
    );
  end

  // --- accel_decode ----------------------------------------------------------------------------------
  logic [InstructionBits-1:0] decode_word;
  logic [31:0]                decode_ddr_bytes;
  logic [12:0]                decode_calls;
  logic                       decode_legal;
  logic [Engines-1:0]         decode_engine;
  logic                       decode_host;
  logic                       decode_end;

  accel_decode decode (
    .word_i     (decode_word),
    .ddr_bytes_i(decode_ddr_bytes),
    .calls_i    (decode_calls),
    .legal_o    (decode_legal),
    .engine_o   (decode_engine),
    .host_o     (decode_host),
    .end_o      (decode_end)
  );

  // --- accel_fetch: an instruction every 2, every 5 edges --------------------------------------------
  localparam int unsigned FetchCycles [2] = '{2, 5};
  logic                       fetch_start        [2];
  logic [31:0]                fetch_count        [2];
  logic [31:0]                fetch_ddr_bytes    [2];
  logic [12:0]                fetch_calls        [2];
  logic [31:0]                fetch_number       [2];
  logic                       fetch_ins_valid    [2];
  logic [InstructionBits-1:0] fetch_ins_word     [2];
  logic                       fetch_ins_ready    [2];
  logic [Engines-1:0]         fetch_push         [2];
  logic [Engines-1:0]         fetch_push_ready   [2];
  logic [InstructionBits-1:0] fetch_word         [2];
  logic                       fetch_idle         [2];
  logic                       fetch_host_request [2];
  logic [11:0]                fetch_host_call    [2];
  logic                       fetch_host_done    [2];
  logic                       fetch_running      [2];
  logic                       fetch_ended        [2];
  logic                       fetch_trapped      [2];
  logic [31:0]                fetch_trap_number  [2];
  logic [47:0]                fetch_cycles       [2];

  for (genvar k = 0; k < 2; k++) begin : gen_fetch
    accel_fetch #(
      .FetchCycles(FetchCycles[k])
    ) fetch (
      .clk_i         (clk_i),
      .rst_ni        (rst_ni),
      .start_i       (fetch_start[k]),
      .count_i       (fetch_count[k]),
      .ddr_bytes_i   (fetch_ddr_bytes[k]),
      .calls_i       (fetch_calls[k]),
      .number_o      (fetch_number[k]),
      .ins_valid_i   (fetch_ins_valid[k]),
      .ins_word_i    (fetch_ins_word[k]),
      .ins_ready_o   (fetch_ins_ready[k]),
      .push_o        (fetch_push[k]),
      .push_ready_i  (fetch_push_ready[k]),
      .word_o        (fetch_word[k]),
      .idle_i        (fetch_idle[k]),
      .host_request_o(fetch_host_request[k]),
      .host_call_o   (fetch_host_call[k]),
      .host_done_i   (fetch_host_done[k]),
      .running_o     (fetch_running[k]),
      .ended_o       (fetch_ended[k]),
      .trapped_o     (fetch_trapped[k]),
      .trap_number_o (fetch_trap_number[k]),
      .cycles_o      (fetch_cycles[k])
    );
  end

  // --- accel_transfer: LOAD, LOAD with less bandwidth, SAVE, SAVE with less bandwidth and block RAM ----
  localparam bit          TransferStoring [4] = '{1'b0, 1'b0, 1'b1, 1'b1};
  localparam int unsigned TransferPixels  [4] = '{2, 4, 2, 4};
  localparam int unsigned TransferRate    [4] = '{4096, 1500, 4096, 1500};
  localparam int unsigned TransferLatency [4] = '{0, 0, 0, 1};
  logic                         transfer_start         [4];
  logic [$bits(transfer_t)-1:0] transfer_instruction   [4];
  logic                         transfer_busy          [4];
  logic                         transfer_done          [4];
  logic                         transfer_request       [4];
  logic                         transfer_request_ready [4];
  logic [31:0]                  transfer_address       [4];
  logic [5:0]                   transfer_count         [4];
  logic [63:0]                  transfer_write_data    [4];
  logic                         transfer_answer        [4];
  logic [63:0]                  transfer_answer_data   [4];
  logic                         transfer_buffer        [4];
  logic [2:0]                   transfer_memory        [4];
  logic [5:0]                   transfer_lane          [4];
  logic [15:0]                  transfer_row           [4];
  logic [63:0]                  transfer_buffer_data   [4];
  logic [31:0]                  transfer_image         [4];   // what image memory gives to SAVE

  for (genvar k = 0; k < 4; k++) begin : gen_transfer
    // Image memory without storage: the word of a lane and a row is a function of both.
    logic [31:0] content;
    assign content = (32'(transfer_row[k]) << 6 | 32'(transfer_lane[k])) * 32'h9E37_79B1;
    if (TransferLatency[k] == 0) begin : gen_now
      assign transfer_image[k] = content;
    end else begin : gen_later
      always_ff @(posedge clk_i) begin
        if (transfer_buffer[k]) begin
          transfer_image[k] <= content;
        end
      end
    end

    accel_transfer #(
      .Storing           (TransferStoring[k]),
      .PixelParallel     (TransferPixels[k]),
      .BufferLatency     (TransferLatency[k]),
      .BytesPer1024Cycles(TransferRate[k])
    ) transfer (
      .clk_i          (clk_i),
      .rst_ni         (rst_ni),
      .start_i        (transfer_start[k]),
      .instruction_i  (transfer_instruction[k]),
      .busy_o         (transfer_busy[k]),
      .done_o         (transfer_done[k]),
      .request_o      (transfer_request[k]),
      .request_ready_i(transfer_request_ready[k]),
      .address_o      (transfer_address[k]),
      .count_o        (transfer_count[k]),
      .write_data_o   (transfer_write_data[k]),
      .answer_i       (transfer_answer[k]),
      .answer_data_i  (transfer_answer_data[k]),
      .buffer_o       (transfer_buffer[k]),
      .buffer_memory_o(transfer_memory[k]),
      .buffer_lane_o  (transfer_lane[k]),
      .buffer_row_o   (transfer_row[k]),
      .buffer_data_o  (transfer_buffer_data[k]),
      .buffer_data_i  (transfer_image[k])
    );
  end

  // --- accel_sequencer: CONV, CONV of four pixels with late operands and results, ALU, ALU of two pixels of four ----
  localparam bit          SequencerAlu     [4] = '{1'b0, 1'b0, 1'b1, 1'b1};
  localparam int unsigned SequencerLanes   [4] = '{2, 4, 1, 2};
  localparam int unsigned SequencerPixels  [4] = '{2, 4, 2, 4};
  localparam int unsigned SequencerLatency [4] = '{0, 1, 0, 1};
  localparam int unsigned SequencerRequant [4] = '{0, 2, 0, 0};
  logic                        sequencer_start    [4];
  logic [$bits(compute_t)-1:0] sequencer_compute  [4];
  logic [1:0]                  sequencer_conv     [4];
  logic [$bits(alu_t)-1:0]     sequencer_alu      [4];
  logic [180:0]                sequencer_now      [4];   // all outputs; names and widths: sequencer_model.FIELDS

  for (genvar k = 0; k < 4; k++) begin : gen_sequencer
    localparam int unsigned Lanes = SequencerLanes[k];
    localparam int unsigned PhaseBits = $clog2(Lanes) + 1;
    localparam int unsigned BankBits = $clog2(SequencerPixels[k]);
    logic                 busy, done, bias_read, parameter_read, slot, row_inside, everywhere, ragged, wgt_read;
    logic                 sum, sum_start, capture, result;
    logic [13:0]          bias_row, parameter_row, out_x;
    logic [PhaseBits-1:0] phase, phases_log;
    logic signed [23:0]   column;
    logic [8:0]           step;
    logic [12:0]          columns;
    logic [15:0]          line, pitch_x, wgt_row, store_line;
    logic [Lanes-1:0]     store;
    logic [BankBits-1:0]  store_bank;
    compute_t             unused_compute;
    alu_t                 unused_alu;

    assign sequencer_now[k] = {
      busy, done, bias_read, parameter_read, slot, wgt_read, sum, sum_start, capture, result,
      row_inside, everywhere, ragged, 4'(phase), 4'(phases_log), 4'(store), 4'(store_bank), bias_row, parameter_row,
      out_x, step, columns, line, pitch_x, wgt_row, store_line, column
    };

    accel_sequencer #(
      .IsAlu         (SequencerAlu[k]),
      .Lanes         (Lanes),
      .PixelParallel (SequencerPixels[k]),
      .BufferLatency (SequencerLatency[k]),
      .RequantLatency(SequencerRequant[k])
    ) sequencer (
      .clk_i           (clk_i),
      .rst_ni          (rst_ni),
      .start_i         (sequencer_start[k]),
      .instruction_i   (sequencer_compute[k]),
      .conv_i          (sequencer_conv[k]),
      .alu_i           (sequencer_alu[k]),
      .busy_o          (busy),
      .done_o          (done),
      .instruction_o   (unused_compute),
      .alu_o           (unused_alu),
      .bias_read_o     (bias_read),
      .bias_row_o      (bias_row),
      .parameter_read_o(parameter_read),
      .parameter_row_o (parameter_row),
      .slot_o          (slot),
      .phase_o         (phase),
      .phases_log_o    (phases_log),
      .row_inside_o    (row_inside),
      .column_o        (column),
      .step_o          (step),
      .columns_o       (columns),
      .out_x_o         (out_x),
      .line_o          (line),
      .pitch_x_o       (pitch_x),
      .everywhere_o    (everywhere),
      .ragged_o        (ragged),
      .wgt_read_o      (wgt_read),
      .wgt_row_o       (wgt_row),
      .sum_o           (sum),
      .sum_start_o     (sum_start),
      .capture_o       (capture),
      .result_o        (result),
      .store_o         (store),
      .store_bank_o    (store_bank),
      .store_line_o    (store_line)
    );
  end

endmodule
