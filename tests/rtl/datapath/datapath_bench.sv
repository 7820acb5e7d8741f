// Every module of the datapath that has registers, in several sizes, for one simulation build.
// The test writes the signals below; the number behind a name picks the instance.
module datapath_bench #(
  parameter int unsigned Lanes = 2,
  parameter int unsigned Inputs = 4,
  parameter int unsigned Outputs = 2,
  parameter int unsigned SlowLatency = 3
) (
  input logic clk_i,
  input logic rst_ni
);

  // --- accel_requant: instance k has Latency k, and every rounding of shifts ------------------------
  logic        requant_in_valid   [6];
  logic        requant_in_ready   [6];
  logic [31:0] requant_acc        [6];
  logic [31:0] requant_multiplier [6];
  logic [ 7:0] requant_exponent   [6];
  logic [ 1:0] requant_mode       [6];
  logic [ 7:0] requant_zero       [6];
  logic [ 7:0] requant_low        [6];
  logic [ 7:0] requant_high       [6];
  logic        requant_out_valid  [6];
  logic        requant_out_ready  [6];
  logic [ 7:0] requant_code       [6];

  for (genvar k = 0; k < 6; k++) begin : gen_requant
    accel_requant #(
      .Latency      (k),
      .ShiftRounding(accel_datapath_pkg::rounding_e'((k + 1) % 3))
    ) requant (
      .clk_i       (clk_i),
      .rst_ni      (rst_ni),
      .in_valid_i  (requant_in_valid[k]),
      .in_ready_o  (requant_in_ready[k]),
      .acc_i       (requant_acc[k]),
      .multiplier_i(requant_multiplier[k]),
      .exponent_i  (requant_exponent[k]),
      .mode_i      (accel_pkg::mode_e'(requant_mode[k])),
      .zero_i      (requant_zero[k]),
      .low_i       (requant_low[k]),
      .high_i      (requant_high[k]),
      .out_valid_o (requant_out_valid[k]),
      .out_ready_i (requant_out_ready[k]),
      .code_o      (requant_code[k])
    );
  end

  // --- accel_pair: instance k has Latency k ---------------------------------------------------------
  logic        pair_in_valid  [6];
  logic        pair_in_ready  [6];
  logic [15:0] pair_pair      [6];
  logic        pair_multiply  [6];
  logic [31:0] pair_real_a    [6];
  logic [31:0] pair_real_b    [6];
  logic [31:0] pair_real_c    [6];
  logic [ 7:0] pair_first     [6];
  logic [ 7:0] pair_second    [6];
  logic        pair_half_up   [6];
  logic [ 7:0] pair_zero      [6];
  logic [ 7:0] pair_low       [6];
  logic [ 7:0] pair_high      [6];
  logic        pair_out_valid [6];
  logic        pair_out_ready [6];
  logic [ 7:0] pair_code      [6];

  for (genvar k = 0; k < 6; k++) begin : gen_pair
    accel_pair #(
      .Latency(k)
    ) pair (
      .clk_i      (clk_i),
      .rst_ni     (rst_ni),
      .in_valid_i (pair_in_valid[k]),
      .in_ready_o (pair_in_ready[k]),
      .pair_i     (pair_pair[k]),
      .multiply_i (pair_multiply[k]),
      .real_a_i   (pair_real_a[k]),
      .real_b_i   (pair_real_b[k]),
      .real_c_i   (pair_real_c[k]),
      .first_i    (pair_first[k]),
      .second_i   (pair_second[k]),
      .half_up_i  (pair_half_up[k]),
      .zero_i     (pair_zero[k]),
      .low_i      (pair_low[k]),
      .high_i     (pair_high[k]),
      .out_valid_o(pair_out_valid[k]),
      .out_ready_i(pair_out_ready[k]),
      .code_o     (pair_code[k])
    );
  end

  // --- the two datapaths: instance 0 has no latency in its requantisers, instance 1 SlowLatency -----
  logic [Lanes-1:0]            conv_act_load   [2];
  logic [Lanes*Inputs*8-1:0]   conv_act        [2];
  logic                        conv_wgt_load   [2];
  logic [Outputs*Inputs*8-1:0] conv_wgt        [2];
  logic                        conv_sum        [2];
  logic                        conv_sum_start  [2];
  logic [7:0]                  conv_x_zero     [2];
  logic [Outputs*16-1:0]       conv_wgt_zero   [2];
  logic                        conv_capture    [2];
  logic [4:0]                  conv_shift      [2];
  logic [Outputs*32-1:0]       conv_bias       [2];
  logic                        conv_result     [2];
  logic [1:0]                  conv_mode       [2];
  logic [7:0]                  conv_zero       [2];
  logic [7:0]                  conv_low        [2];
  logic [7:0]                  conv_high       [2];
  logic [Outputs*32-1:0]       conv_multiplier [2];
  logic [Outputs*8-1:0]        conv_exponent   [2];
  logic [Lanes*Outputs*8-1:0]  conv_code       [2];

  for (genvar k = 0; k < 2; k++) begin : gen_conv
    accel_conv_datapath #(
      .PixelParallel (Lanes),
      .InputChannels (Inputs),
      .OutputChannels(Outputs),
      .RequantLatency(k * SlowLatency)
    ) conv (
      .clk_i       (clk_i),
      .rst_ni      (rst_ni),
      .act_load_i  (conv_act_load[k]),
      .act_i       (conv_act[k]),
      .wgt_load_i  (conv_wgt_load[k]),
      .wgt_i       (conv_wgt[k]),
      .sum_i       (conv_sum[k]),
      .sum_start_i (conv_sum_start[k]),
      .x_zero_i    (conv_x_zero[k]),
      .wgt_zero_i  (conv_wgt_zero[k]),
      .capture_i   (conv_capture[k]),
      .shift_i     (conv_shift[k]),
      .bias_i      (conv_bias[k]),
      .result_i    (conv_result[k]),
      .mode_i      (accel_pkg::mode_e'(conv_mode[k])),
      .zero_i      (conv_zero[k]),
      .low_i       (conv_low[k]),
      .high_i      (conv_high[k]),
      .multiplier_i(conv_multiplier[k]),
      .exponent_i  (conv_exponent[k]),
      .code_o      (conv_code[k])
    );
  end

  // Pixels x channels: 1 x 2 in instance 0, 2 x 1 in instance 1.
  localparam int unsigned Elements = 2;
  logic [Elements-1:0]            alu_act_load    [2];
  logic [Elements*8-1:0] alu_act         [2];
  logic                         alu_wgt_load    [2];
  logic [Elements*8-1:0]        alu_wgt         [2];
  logic [2:0]                   alu_op          [2];
  logic                         alu_sum         [2];
  logic                         alu_sum_start   [2];
  logic [7:0]                   alu_x_zero      [2];
  logic [Elements*16-1:0]       alu_wgt_zero    [2];
  logic                         alu_capture     [2];
  logic [4:0]                   alu_shift       [2];
  logic [Elements*32-1:0]       alu_bias        [2];
  logic                         alu_result      [2];
  logic [1:0]                   alu_mode        [2];
  logic [7:0]                   alu_zero        [2];
  logic [7:0]                   alu_low         [2];
  logic [7:0]                   alu_high        [2];
  logic [Elements*32-1:0]       alu_multiplier  [2];
  logic [Elements*8-1:0]        alu_exponent    [2];
  logic [7:0]                   alu_second_zero [2];
  logic [31:0]                  alu_real_a      [2];
  logic [31:0]                  alu_real_b      [2];
  logic [31:0]                  alu_real_c      [2];
  logic [Elements*8-1:0] alu_tab_code    [2];
  logic [Elements*8-1:0] alu_tab         [2];
  logic [Elements*8-1:0] alu_code        [2];

  // The activation table of the tests: one for all lanes.
  logic [7:0] table_mem [256];

  for (genvar k = 0; k < 2; k++) begin : gen_alu
    localparam int unsigned Pixels = k + 1;
    localparam int unsigned Channels = Elements - k;

    for (genvar lane = 0; lane < Elements; lane++) begin : gen_table
      assign alu_tab[k][8*lane +: 8] = table_mem[alu_tab_code[k][8*lane +: 8]];
    end

    accel_alu_datapath #(
      .AluPixels     (Pixels),
      .Channels      (Channels),
      .RequantLatency(k * SlowLatency)
    ) alu (
      .clk_i        (clk_i),
      .rst_ni       (rst_ni),
      .act_load_i   (alu_act_load[k][Pixels-1:0]),
      .act_i        (alu_act[k]),
      .wgt_load_i   (alu_wgt_load[k]),
      .wgt_i        (alu_wgt[k][8*Channels-1:0]),
      .op_i         (accel_pkg::alu_op_e'(alu_op[k])),
      .sum_i        (alu_sum[k]),
      .sum_start_i  (alu_sum_start[k]),
      .x_zero_i     (alu_x_zero[k]),
      .wgt_zero_i   (alu_wgt_zero[k][16*Channels-1:0]),
      .capture_i    (alu_capture[k]),
      .shift_i      (alu_shift[k]),
      .bias_i       (alu_bias[k][32*Channels-1:0]),
      .result_i     (alu_result[k]),
      .mode_i       (accel_pkg::mode_e'(alu_mode[k])),
      .zero_i       (alu_zero[k]),
      .low_i        (alu_low[k]),
      .high_i       (alu_high[k]),
      .multiplier_i (alu_multiplier[k][32*Channels-1:0]),
      .exponent_i   (alu_exponent[k][8*Channels-1:0]),
      .second_zero_i(alu_second_zero[k]),
      .real_a_i     (alu_real_a[k]),
      .real_b_i     (alu_real_b[k]),
      .real_c_i     (alu_real_c[k]),
      .tab_code_o   (alu_tab_code[k]),
      .tab_i        (alu_tab[k]),
      .code_o       (alu_code[k])
    );
  end

endmodule
