// ALU: loops and addresses, operands, parameters of the channel group, and its datapath. It may have
// fewer lanes than a group has image banks: a block is stored in AluPixels banks from store_bank_o on.
module accel_alu_engine
  import accel_pkg::*;
#(
  parameter int unsigned PixelParallel = 2,
  parameter int unsigned Channels = 4,
  parameter int unsigned AluPixels = 1,
  parameter int unsigned BufferLatency = 0,
  parameter int unsigned RequantLatency = 0,
  localparam int unsigned EntryBits = $bits(compute_t) + $bits(alu_t),
  localparam int unsigned PixelLog = $clog2(PixelParallel),
  localparam int unsigned BankBits = PixelLog > 0 ? PixelLog : 1
) (
  input  logic                                        clk_i,
  input  logic                                        rst_ni,
  input  logic                                        start_i,
  input  logic [EntryBits-1:0]                        instruction_i,  // compute_t, alu_t
  output logic                                        busy_o,
  output logic                                        done_o,
  // Constants.
  output logic                                        bias_read_o,
  output logic [13:0]                                 bias_row_o,
  input  logic [8*Channels-1:0]                       bias_data_i,
  output logic                                        parameter_read_o,
  output logic [13:0]                                 parameter_row_o,
  input  logic [Channels-1:0][63:0]                   parameter_data_i,
  output logic                                        wgt_read_o,     // depthwise weights
  output logic [15:0]                                 wgt_row_o,
  input  logic [8*Channels-1:0]                       wgt_data_i,
  output logic                                        tab_table_o,
  output logic [AluPixels-1:0][Channels-1:0][7:0]     tab_code_o,
  input  logic [AluPixels-1:0][Channels-1:0][7:0]     tab_data_i,
  // Image memory.
  output logic [PixelParallel-1:0]                    img_read_o,
  output logic [PixelParallel-1:0][15:0]              img_line_o,
  input  logic [PixelParallel-1:0][8*Channels-1:0]    img_data_i,
  output logic [AluPixels-1:0]                        store_o,
  output logic [BankBits-1:0]                         store_bank_o,
  output logic [15:0]                                 store_line_o,
  output logic [AluPixels-1:0][Channels-1:0][7:0]     store_data_o
);

  localparam int unsigned PhaseBits = $clog2(AluPixels) + 1;

  compute_t                                compute;
  alu_t                                    operation;
  logic                                    slot, row_inside, everywhere, ragged;
  logic [PhaseBits-1:0]                    phase, phases_log;
  logic signed [23:0]                      column;
  logic [8:0]                              step;
  logic [12:0]                             columns;
  logic [13:0]                             out_x;
  logic [15:0]                             line, pitch_x;
  logic                                    wgt_load, sum, sum_start, capture, result;
  logic [AluPixels-1:0]                    act_load;
  logic [AluPixels-1:0][Channels-1:0][7:0] act;
  logic signed [Channels-1:0][31:0]        bias;
  logic [Channels-1:0][31:0]               multiplier;
  logic signed [Channels-1:0][7:0]         exponent;
  logic signed [Channels-1:0][15:0]        wgt_zero;

  assign tab_table_o = compute.weight_base[0];

  accel_sequencer #(
    .IsAlu         (1'b1),
    .Lanes         (AluPixels),
    .PixelParallel (PixelParallel),
    .BufferLatency (BufferLatency),
    .RequantLatency(RequantLatency)
  ) sequencer (
    .clk_i           (clk_i),
    .rst_ni          (rst_ni),
    .start_i         (start_i),
    .instruction_i   (instruction_i[$bits(compute_t)-1:0]),
    .conv_i          ('1),
    .alu_i           (instruction_i[EntryBits-1:$bits(compute_t)]),
    .busy_o          (busy_o),
    .done_o          (done_o),
    .instruction_o   (compute),
    .alu_o           (operation),
    .bias_read_o     (bias_read_o),
    .bias_row_o      (bias_row_o),
    .parameter_read_o(parameter_read_o),
    .parameter_row_o (parameter_row_o),
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
    .wgt_read_o      (wgt_read_o),
    .wgt_row_o       (wgt_row_o),
    .sum_o           (sum),
    .sum_start_o     (sum_start),
    .capture_o       (capture),
    .result_o        (result),
    .store_o         (store_o),
    .store_bank_o    (store_bank_o),
    .store_line_o    (store_line_o)
  );

  accel_operands #(
    .Lanes        (AluPixels),
    .PixelParallel(PixelParallel),
    .Channels     (Channels),
    .BufferLatency(BufferLatency)
  ) operands (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .slot_i      (slot),
    .phase_i     (phase),
    .phases_log_i(phases_log),
    .row_inside_i(row_inside),
    .column_i    (column),
    .step_i      (step),
    .columns_i   (columns),
    .out_x_i     (out_x),
    .out_width_i (compute.out_width),
    .line_i      (line),
    .pitch_x_i   (pitch_x),
    .everywhere_i(everywhere),
    .ragged_i    (ragged),
    .tail_i      (compute.tail),
    .x_zero_i    (compute.x_zero),
    .read_o      (img_read_o),
    .read_line_o (img_line_o),
    .read_data_i (img_data_i),
    .act_load_o  (act_load),
    .act_o       (act)
  );

  accel_parameters #(
    .Channels     (Channels),
    .BufferLatency(BufferLatency)
  ) parameters (
    .clk_i           (clk_i),
    .rst_ni          (rst_ni),
    .bias_read_i     (bias_read_o),
    .parameter_read_i(parameter_read_o),
    .bias_data_i     (bias_data_i),
    .parameter_data_i(parameter_data_i),
    .bias_o          (bias),
    .multiplier_o    (multiplier),
    .exponent_o      (exponent),
    .wgt_zero_o      (wgt_zero)
  );

  accel_alu_datapath #(
    .AluPixels     (AluPixels),
    .Channels      (Channels),
    .RequantLatency(RequantLatency)
  ) datapath (
    .clk_i        (clk_i),
    .rst_ni       (rst_ni),
    .act_load_i   (act_load),
    .act_i        (act),
    .wgt_load_i   (wgt_load),
    .wgt_i        (wgt_data_i),
    .op_i         (alu_op_e'(operation.op)),
    .sum_i        (sum),
    .sum_start_i  (sum_start),
    .x_zero_i     (compute.x_zero),
    .wgt_zero_i   (wgt_zero),
    .capture_i    (capture),
    .shift_i      (compute.shift),
    .bias_i       (bias),
    .result_i     (result),
    .mode_i       (mode_e'(compute.mode)),
    .zero_i       (compute.zero),
    .low_i        (compute.low),
    .high_i       (compute.high),
    .multiplier_i (multiplier),
    .exponent_i   (exponent),
    .second_zero_i(operation.second_zero),
    .real_a_i     (operation.real_a),
    .real_b_i     (operation.real_b),
    .real_c_i     (operation.real_c),
    .tab_code_o   (tab_code_o),
    .tab_i        (tab_data_i),
    .code_o       (store_data_o)
  );

  // Weights come BufferLatency after the read.
  if (BufferLatency == 0) begin : gen_now
    assign wgt_load = wgt_read_o;
  end else begin : gen_late
    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) begin
        wgt_load <= 1'b0;
      end else begin
        wgt_load <= wgt_read_o;
      end
    end
  end

  logic unused_bits;
  assign unused_bits = ^{compute, operation};

endmodule
