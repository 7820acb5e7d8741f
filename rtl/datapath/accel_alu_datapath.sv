// The ALU: for every lane and channel an accumulator, a requantiser, a pair unit, and the way
// through a table. The sequencer says when each register is loaded; nothing stalls in here.
//
// Every register reads what the others held before the edge. The code of what capture_i took is
// there for a result_i 1 + RequantLatency edges after it. Registers have the Machine's names, bank
// first.
module accel_alu_datapath
  import accel_pkg::*;
#(
  parameter int unsigned AluPixels = 1,
  parameter int unsigned Channels = 4,
  parameter int unsigned RequantLatency = 0
) (
  input  logic                                    clk_i,
  input  logic                                    rst_ni,
  input  logic [AluPixels-1:0]                    act_load_i,
  input  logic [AluPixels-1:0][Channels-1:0][7:0] act_i,
  input  logic                                    wgt_load_i,
  input  logic [Channels-1:0][7:0]                wgt_i,
  input  alu_op_e                                 op_i,         // stable while the instruction runs
  // alu_acc <= f(sum_start_i ? 0 : alu_acc, alu_act, alu_wgt), see below.
  input  logic                                    sum_i,
  input  logic                                    sum_start_i,
  input  logic [7:0]                              x_zero_i,     // of the first operand
  input  logic signed [Channels-1:0][15:0]        wgt_zero_i,
  // alu_rqa <= AluDepthwise, AluSum: (alu_acc << shift_i) + bias_i, mod 2^32; others: alu_acc.
  input  logic                                    capture_i,
  input  logic [4:0]                              shift_i,
  input  logic signed [Channels-1:0][31:0]        bias_i,
  // alu_rqo <= requantised alu_rqa, its lowest byte (AluMax), the table's answer, or the pair's
  // result.
  input  logic                                    result_i,
  input  mode_e                                   mode_i,
  input  logic [7:0]                              zero_i,
  input  logic [7:0]                              low_i,
  input  logic [7:0]                              high_i,
  input  logic [Channels-1:0][31:0]               multiplier_i,
  input  logic signed [Channels-1:0][7:0]         exponent_i,
  input  logic [7:0]                              second_zero_i,
  input  logic [31:0]                             real_a_i,     // bits of binary32
  input  logic [31:0]                             real_b_i,
  input  logic [31:0]                             real_c_i,
  // Tables, read asynchronously, a bank per lane and channel.
  output logic [AluPixels-1:0][Channels-1:0][7:0] tab_code_o,
  input  logic [AluPixels-1:0][Channels-1:0][7:0] tab_i,
  output logic [AluPixels-1:0][Channels-1:0][7:0] code_o
);

  logic [7:0]         alu_act [AluPixels][Channels];
  logic [7:0]         alu_wgt [1][Channels];
  logic signed [31:0] alu_acc [AluPixels][Channels];
  logic signed [31:0] alu_rqa [AluPixels][Channels];
  logic [7:0]         alu_rqo [AluPixels][Channels];

  logic requantises;
  assign requantises = op_i == AluDepthwise || op_i == AluSum;

  for (genvar c = 0; c < Channels; c++) begin : gen_wgt
    always_ff @(posedge clk_i) begin
      if (wgt_load_i) begin
        alu_wgt[0][c] <= wgt_i[c];
      end
    end
  end

  for (genvar p = 0; p < AluPixels; p++) begin : gen_pixel
    for (genvar c = 0; c < Channels; c++) begin : gen_element
      logic signed [8:0]  value;
      logic signed [16:0] weight;
      logic signed [31:0] held, total;
      logic [7:0]         requantised, paired, passed_d, passed, code;
      logic               unused_requant_ready, unused_requant_valid;
      logic               unused_pair_ready, unused_pair_valid;

      assign value  = signed'({1'b0, alu_act[p][c]}) - signed'({1'b0, x_zero_i});
      assign weight = 17'(signed'(alu_wgt[0][c])) - 17'(signed'(wgt_zero_i[c]));
      assign held   = sum_start_i ? 32'sd0 : alu_acc[p][c];

      always_comb begin
        unique case (op_i)
          AluDepthwise: total = held + 32'(value) * 32'(weight);
          AluSum:       total = held + 32'(value);
          AluMax:       total = held > signed'({24'b0, alu_act[p][c]})
                                ? held : signed'({24'b0, alu_act[p][c]});
          AluTable:     total = signed'({24'b0, alu_act[p][c]});
          default:      total = held | (sum_start_i ? signed'({24'b0, alu_act[p][c]})
                                                    : signed'({16'b0, alu_act[p][c], 8'b0}));
        endcase
      end

      always_ff @(posedge clk_i or negedge rst_ni) begin
        if (!rst_ni) begin
          alu_acc[p][c] <= '0;
        end else if (sum_i) begin
          alu_acc[p][c] <= total;
        end
      end

      always_ff @(posedge clk_i) begin
        if (act_load_i[p]) begin
          alu_act[p][c] <= act_i[p][c];
        end
        if (result_i) begin
          alu_rqo[p][c] <= code;
        end
      end

      always_ff @(posedge clk_i iff capture_i) begin
        alu_rqa[p][c] <= requantises ? (alu_acc[p][c] << shift_i) + signed'(bias_i[c])
                                     : alu_acc[p][c];
      end

      accel_requant #(
        .Latency(RequantLatency)
      ) requant (
        .clk_i       (clk_i),
        .rst_ni      (rst_ni),
        .in_valid_i  (1'b1),
        .in_ready_o  (unused_requant_ready),
        .acc_i       (alu_rqa[p][c]),
        .multiplier_i(multiplier_i[c]),
        .exponent_i  (signed'(exponent_i[c])),
        .mode_i      (mode_i),
        .zero_i      (zero_i),
        .low_i       (low_i),
        .high_i      (high_i),
        .out_valid_o (unused_requant_valid),
        .out_ready_i (1'b1),
        .code_o      (requantised)
      );

      accel_pair #(
        .Latency(RequantLatency)
      ) pair (
        .clk_i      (clk_i),
        .rst_ni     (rst_ni),
        .in_valid_i (1'b1),
        .in_ready_o (unused_pair_ready),
        .pair_i     (alu_rqa[p][c][15:0]),
        .multiply_i (op_i != AluAdd),
        .real_a_i   (real_a_i),
        .real_b_i   (real_b_i),
        .real_c_i   (real_c_i),
        .first_i    (x_zero_i),
        .second_i   (second_zero_i),
        .half_up_i  (mode_i != ModeFloat32),
        .zero_i     (zero_i),
        .low_i      (low_i),
        .high_i     (high_i),
        .out_valid_o(unused_pair_valid),
        .out_ready_i(1'b1),
        .code_o     (paired)
      );

      // The short ways wait as long as the requantiser takes.
      assign tab_code_o[p][c] = alu_rqa[p][c][7:0];
      assign passed_d = op_i == AluTable ? tab_i[p][c] : alu_rqa[p][c][7:0];

      accel_delay #(
        .Width  (8),
        .Latency(RequantLatency)
      ) delay (
        .clk_i (clk_i),
        .data_i(passed_d),
        .data_o(passed)
      );

      always_comb begin
        unique case (op_i)
          AluDepthwise, AluSum: code = requantised;
          AluMax, AluTable:     code = passed;
          default:              code = paired;
        endcase
      end

      assign code_o[p][c] = alu_rqo[p][c];
    end
  end

endmodule
