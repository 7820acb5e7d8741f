// The modules between the memories and the datapaths, each alone and in several sizes, for one simulation build. The
// tests write and read the signals below; the number behind a name picks the instance. Buses have the width of the
// widest instance; the others use their lowest bits.
module memory_bench (
  input logic clk_i,
  input logic rst_ni
);

  // --- accel_parameters: channels and latency of the biases; bench_parameters.SIZES ------------------
  localparam int unsigned ParametersChannels [4] = '{4, 4, 8, 2};
  localparam int unsigned ParametersLatency  [4] = '{0, 1, 1, 0};
  logic         parameters_bias_read      [4];
  logic         parameters_parameter_read [4];
  logic [63:0]  parameters_bias_data      [4];
  logic [511:0] parameters_parameter_data [4];
  logic [255:0] parameters_bias           [4];
  logic [255:0] parameters_multiplier     [4];
  logic [63:0]  parameters_exponent       [4];
  logic [127:0] parameters_wgt_zero       [4];

  for (genvar k = 0; k < 4; k++) begin : gen_parameters
    localparam int unsigned Channels = ParametersChannels[k];
    logic [32*Channels-1:0] bias, multiplier;
    logic [8*Channels-1:0]  exponent;
    logic [16*Channels-1:0] wgt_zero;

    assign parameters_bias[k]       = 256'(bias);
    assign parameters_multiplier[k] = 256'(multiplier);
    assign parameters_exponent[k]   = 64'(exponent);
    assign parameters_wgt_zero[k]   = 128'(wgt_zero);

    accel_parameters #(
      .Channels     (Channels),
      .BufferLatency(ParametersLatency[k])
    ) parameters (
      .clk_i           (clk_i),
      .rst_ni          (rst_ni),
      .bias_read_i     (parameters_bias_read[k]),
      .parameter_read_i(parameters_parameter_read[k]),
      .bias_data_i     (parameters_bias_data[k][8*Channels-1:0]),
      .parameter_data_i(parameters_parameter_data[k][64*Channels-1:0]),
      .bias_o          (bias),
      .multiplier_o    (multiplier),
      .exponent_o      (exponent),
      .wgt_zero_o      (wgt_zero)
    );
  end

  // --- accel_operands: lanes, banks, channels, latency; bench_operands.SIZES -------------------------
  localparam int unsigned OperandsLanes    [5] = '{2, 4, 1, 2, 1};
  localparam int unsigned OperandsPixels   [5] = '{2, 4, 2, 4, 1};
  localparam int unsigned OperandsChannels [5] = '{4, 4, 4, 8, 2};
  localparam int unsigned OperandsLatency  [5] = '{0, 1, 1, 0, 1};
  logic               operands_slot       [5];
  logic [3:0]         operands_phase      [5];
  logic [3:0]         operands_phases_log [5];
  logic               operands_row_inside [5];
  logic [23:0]        operands_column     [5];
  logic [8:0]         operands_step       [5];
  logic [12:0]        operands_columns    [5];
  logic [13:0]        operands_out_x      [5];
  logic [12:0]        operands_out_width  [5];
  logic [15:0]        operands_line       [5];
  logic [15:0]        operands_pitch_x    [5];
  logic               operands_everywhere [5];
  logic               operands_ragged     [5];
  logic [5:0]         operands_tail       [5];
  logic [7:0]         operands_x_zero     [5];
  logic [3:0]         operands_read       [5];
  logic [63:0]        operands_read_line  [5];
  logic [255:0]       operands_read_data  [5];
  logic [3:0]         operands_act_load   [5];
  logic [127:0]       operands_act        [5];

  for (genvar k = 0; k < 5; k++) begin : gen_operands
    localparam int unsigned Lanes = OperandsLanes[k];
    localparam int unsigned Pixels = OperandsPixels[k];
    localparam int unsigned Channels = OperandsChannels[k];
    localparam int unsigned PhaseBits = $clog2(Lanes) + 1;
    logic [Pixels-1:0]           read;
    logic [16*Pixels-1:0]        read_line;
    logic [Lanes-1:0]            act_load;
    logic [8*Lanes*Channels-1:0] act;

    assign operands_read[k]      = 4'(read);
    assign operands_read_line[k] = 64'(read_line);
    assign operands_act_load[k]  = 4'(act_load);
    assign operands_act[k]       = 128'(act);

    accel_operands #(
      .Lanes        (Lanes),
      .PixelParallel(Pixels),
      .Channels     (Channels),
      .BufferLatency(OperandsLatency[k])
    ) operands (
      .clk_i       (clk_i),
      .rst_ni      (rst_ni),
      .slot_i      (operands_slot[k]),
      .phase_i     (operands_phase[k][PhaseBits-1:0]),
      .phases_log_i(operands_phases_log[k][PhaseBits-1:0]),
      .row_inside_i(operands_row_inside[k]),
      .column_i    (operands_column[k]),
      .step_i      (operands_step[k]),
      .columns_i   (operands_columns[k]),
      .out_x_i     (operands_out_x[k]),
      .out_width_i (operands_out_width[k]),
      .line_i      (operands_line[k]),
      .pitch_x_i   (operands_pitch_x[k]),
      .everywhere_i(operands_everywhere[k]),
      .ragged_i    (operands_ragged[k]),
      .tail_i      (operands_tail[k]),
      .x_zero_i    (operands_x_zero[k]),
      .read_o      (read),
      .read_line_o (read_line),
      .read_data_i (operands_read_data[k][8*Pixels*Channels-1:0]),
      .act_load_o  (act_load),
      .act_o       (act)
    );
  end

  // --- accel_buffers: banks, channels, groups, latency; bench_buffers.SIZES --------------------------
  localparam int unsigned BuffersPixels    [3] = '{2, 4, 1};
  localparam int unsigned BuffersChannels  [3] = '{4, 8, 16};
  localparam int unsigned BuffersAluPixels [3] = '{1, 2, 1};
  localparam int unsigned BuffersGroups    [3] = '{2, 3, 2};
  localparam int unsigned BuffersLatency   [3] = '{0, 1, 1};
  logic          buffers_load           [3];
  logic [2:0]    buffers_load_memory    [3];
  logic [5:0]    buffers_load_lane      [3];
  logic [15:0]   buffers_load_row       [3];
  logic [127:0]  buffers_load_data      [3];
  logic [11:0]   buffers_img_read       [3];
  logic [191:0]  buffers_img_read_line  [3];
  logic [767:0]  buffers_img_data       [3];
  logic [7:0]    buffers_img_write      [3];
  logic [127:0]  buffers_img_write_line [3];
  logic [511:0]  buffers_img_write_data [3];
  logic          buffers_wgt_read       [3];
  logic [15:0]   buffers_wgt_row        [3];
  logic [2047:0] buffers_wgt_data       [3];
  logic          buffers_dwt_read       [3];
  logic [15:0]   buffers_dwt_row        [3];
  logic [127:0]  buffers_dwt_data       [3];
  logic [1:0]    buffers_bias_read      [3];
  logic [27:0]   buffers_bias_row       [3];
  logic [127:0]  buffers_bias_data      [3];
  logic [1:0]    buffers_rqp_read       [3];
  logic [27:0]   buffers_rqp_row        [3];
  logic [1023:0] buffers_rqp_data       [3];
  logic          buffers_tab_table      [3];
  logic [127:0]  buffers_tab_code       [3];
  logic [127:0]  buffers_tab_data       [3];

  for (genvar k = 0; k < 3; k++) begin : gen_buffers
    localparam int unsigned Pixels = BuffersPixels[k];
    localparam int unsigned Channels = BuffersChannels[k];
    localparam int unsigned Word = 8 * Channels;
    localparam int unsigned Port = 8 * (Channels > 8 ? Channels : 8);
    localparam int unsigned Codes = 8 * BuffersAluPixels[k] * Channels;
    logic [3*Pixels*Word-1:0] img_data;
    logic [Channels*Word-1:0] wgt_data;
    logic [Word-1:0]          dwt_data, bias_data;
    logic [64*Channels-1:0]   rqp_data;
    logic [Codes-1:0]         tab_data;

    assign buffers_img_data[k]  = 768'(img_data);
    assign buffers_wgt_data[k]  = 2048'(wgt_data);
    assign buffers_dwt_data[k]  = 128'(dwt_data);
    assign buffers_bias_data[k] = 128'(bias_data);
    assign buffers_rqp_data[k]  = 1024'(rqp_data);
    assign buffers_tab_data[k]  = 128'(tab_data);

    accel_buffers #(
      .PixelParallel(Pixels),
      .Channels     (Channels),
      .AluPixels    (BuffersAluPixels[k]),
      .ImageGroups  (BuffersGroups[k]),
      .ImageRows    (16),
      .WeightRows   (8),
      .DepthwiseRows(8),
      .BiasRows     (8),
      .ParameterRows(4),
      .BufferLatency(BuffersLatency[k])
    ) buffers (
      .clk_i           (clk_i),
      .rst_ni          (rst_ni),
      .load_i          (buffers_load[k]),
      .load_memory_i   (buffers_load_memory[k]),
      .load_lane_i     (buffers_load_lane[k]),
      .load_row_i      (buffers_load_row[k]),
      .load_data_i     (buffers_load_data[k][Port-1:0]),
      .img_read_i      (buffers_img_read[k][3*Pixels-1:0]),
      .img_read_line_i (buffers_img_read_line[k][48*Pixels-1:0]),
      .img_data_o      (img_data),
      .img_write_i     (buffers_img_write[k][2*Pixels-1:0]),
      .img_write_line_i(buffers_img_write_line[k][32*Pixels-1:0]),
      .img_write_data_i(buffers_img_write_data[k][2*Pixels*Word-1:0]),
      .wgt_read_i      (buffers_wgt_read[k]),
      .wgt_row_i       (buffers_wgt_row[k]),
      .wgt_data_o      (wgt_data),
      .dwt_read_i      (buffers_dwt_read[k]),
      .dwt_row_i       (buffers_dwt_row[k]),
      .dwt_data_o      (dwt_data),
      .bias_read_i     (buffers_bias_read[k]),
      .bias_row_i      (buffers_bias_row[k]),
      .bias_data_o     (bias_data),
      .rqp_read_i      (buffers_rqp_read[k]),
      .rqp_row_i       (buffers_rqp_row[k]),
      .rqp_data_o      (rqp_data),
      .tab_table_i     (buffers_tab_table[k]),
      .tab_code_i      (buffers_tab_code[k][Codes-1:0]),
      .tab_data_o      (tab_data)
    );
  end

endmodule
