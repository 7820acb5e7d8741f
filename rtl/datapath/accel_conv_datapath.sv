// Array of PixelParallel x OutputChannels processing elements with InputChannels multipliers each,
// and a requantiser per element. The sequencer says when each register is loaded; nothing stalls in
// here.
//
// Every register reads what the others held before the edge, so that all five steps of different
// blocks can happen at one edge. The code of what capture_i took is there for a result_i 1 +
// RequantLatency edges after it. Registers have the Machine's names, bank first.
module accel_conv_datapath #(
  parameter int unsigned PixelParallel = 2,
  parameter int unsigned InputChannels = 4,
  parameter int unsigned OutputChannels = 4,
  parameter int unsigned RequantLatency = 0
) (
  input  logic                                                clk_i,
  input  logic                                                rst_ni,
  // Operands. Bytes of lanes in padding already are x_zero_i.
  input  logic [PixelParallel-1:0]                            act_load_i,
  input  logic [PixelParallel-1:0][InputChannels-1:0][7:0]    act_i,
  input  logic                                                wgt_load_i,
  input  logic [OutputChannels-1:0][InputChannels-1:0][7:0]   wgt_i,
  // pe_acc <= (sum_start_i ? 0 : pe_acc) + sum of (pe_act - x_zero_i) * (pe_wgt - wgt_zero_i), mod
  // 2^32.
  input  logic                                                sum_i,
  input  logic                                                sum_start_i,
  input  logic [7:0]                                          x_zero_i,
  input  logic signed [OutputChannels-1:0][15:0]              wgt_zero_i,
  // pe_rqa <= (pe_acc << shift_i) + bias_i, mod 2^32.
  input  logic                                                capture_i,
  input  logic [4:0]                                          shift_i,
  input  logic signed [OutputChannels-1:0][31:0]              bias_i,
  // pe_rqo <= requantised pe_rqa. Parameters are stable from capture_i to result_i.
  input  logic                                                result_i,
  input  accel_pkg::mode_e                                    mode_i,
  input  logic [7:0]                                          zero_i,
  input  logic [7:0]                                          low_i,
  input  logic [7:0]                                          high_i,
  input  logic [OutputChannels-1:0][31:0]                     multiplier_i,
  input  logic signed [OutputChannels-1:0][7:0]               exponent_i,
  output logic [PixelParallel-1:0][OutputChannels-1:0][7:0]   code_o
);

  logic [7:0]         pe_act [PixelParallel][InputChannels];
  logic [7:0]         pe_wgt [OutputChannels][InputChannels];
  logic signed [31:0] pe_acc [PixelParallel][OutputChannels];
  logic signed [31:0] pe_rqa [PixelParallel][OutputChannels];
  logic [7:0]         pe_rqo [PixelParallel][OutputChannels];

  // --- operands ----------------------------------------------------------------------------------
  logic signed [8:0]  act [PixelParallel][InputChannels];
  logic signed [16:0] wgt [OutputChannels][InputChannels];

  for (genvar p = 0; p < PixelParallel; p++) begin : gen_act
    for (genvar j = 0; j < InputChannels; j++) begin : gen_channel
      always_ff @(posedge clk_i) begin
        if (act_load_i[p]) begin
          pe_act[p][j] <= act_i[p][j];
        end
      end
      assign act[p][j] = signed'({1'b0, pe_act[p][j]}) - signed'({1'b0, x_zero_i});
    end
  end

  for (genvar c = 0; c < OutputChannels; c++) begin : gen_wgt
    for (genvar j = 0; j < InputChannels; j++) begin : gen_channel
      always_ff @(posedge clk_i) begin
        if (wgt_load_i) begin
          pe_wgt[c][j] <= wgt_i[c][j];
        end
      end
      assign wgt[c][j] = 17'(signed'(pe_wgt[c][j])) - 17'(signed'(wgt_zero_i[c]));
    end
  end

  // --- elements ----------------------------------------------------------------------------------
  for (genvar p = 0; p < PixelParallel; p++) begin : gen_pixel
    for (genvar c = 0; c < OutputChannels; c++) begin : gen_element
      logic signed [31:0] total;
      logic [7:0]         code;
      logic               unused_ready, unused_valid;

      always_comb begin
        total = sum_start_i ? 32'sd0 : pe_acc[p][c];
        for (int unsigned j = 0; j < InputChannels; j++) begin
          total = total + 32'(act[p][j]) * 32'(wgt[c][j]);
        end
      end

      always_ff @(posedge clk_i or negedge rst_ni) begin
        if (!rst_ni) begin
          pe_acc[p][c] <= '0;
        end else if (sum_i) begin
          pe_acc[p][c] <= total;
        end
      end

      always_ff @(posedge clk_i iff capture_i) begin
        pe_rqa[p][c] <= (pe_acc[p][c] << shift_i) + signed'(bias_i[c]);
      end

      always_ff @(posedge clk_i) begin
        if (result_i) begin
          pe_rqo[p][c] <= code;
        end
      end

      accel_requant #(
        .Latency(RequantLatency)
      ) requant (
        .clk_i       (clk_i),
        .rst_ni      (rst_ni),
        .in_valid_i  (1'b1),
        .in_ready_o  (unused_ready),
        .acc_i       (pe_rqa[p][c]),
        .multiplier_i(multiplier_i[c]),
        .exponent_i  (signed'(exponent_i[c])),
        .mode_i      (mode_i),
        .zero_i      (zero_i),
        .low_i       (low_i),
        .high_i      (high_i),
        .out_valid_o (unused_valid),
        .out_ready_i (1'b1),
        .code_o      (code)
      );

      assign code_o[p][c] = pe_rqo[p][c];
    end
  end

endmodule
