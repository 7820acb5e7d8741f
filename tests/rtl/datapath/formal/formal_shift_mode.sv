// accel_requant in shift mode against its definition in plain arithmetic, for every accumulator, exponent,
// zero point and pair of limits: clamp(((acc + 2^(e-1)) >> e) + zero), or acc << -e.
module formal_shift_mode (
  input logic signed [31:0] acc,
  input logic [31:0]        multiplier,
  input logic signed [7:0]  exponent,
  input logic [7:0]         zero,
  input logic [7:0]         low,
  input logic [7:0]         high
);

  logic [7:0]         code;
  logic               ready, valid;
  logic signed [71:0] wide, half, rounded, shifted, expected;
  logic [6:0]         right;
  logic [4:0]         left;

  accel_requant dut (
    .clk_i       (1'b0),
    .rst_ni      (1'b1),
    .in_valid_i  (1'b1),
    .in_ready_o  (ready),
    .acc_i       (acc),
    .multiplier_i(multiplier),
    .exponent_i  (exponent),
    .mode_i      (accel_pkg::ModeShift),
    .zero_i      (zero),
    .low_i       (low),
    .high_i      (high),
    .out_valid_o (valid),
    .out_ready_i (1'b1),
    .code_o      (code)
  );

  always_comb begin
    assume (low <= high);
    right = exponent > 8'sd62 ? 7'd62 : exponent < 8'sd0 ? 7'd0 : exponent[6:0];
    left  = exponent >= 8'sd0 ? 5'd0 : exponent < -8'sd24 ? 5'd24 : 5'(-exponent);
    wide  = 72'(acc);
    half  = right == 7'd0 ? 72'sd0 : 72'sd1 <<< (right - 7'd1);
    rounded  = (wide + half) >>> right;
    shifted  = rounded <<< left;
    expected = shifted + signed'({64'b0, zero});
    if (expected < signed'({64'b0, low})) begin
      expected = signed'({64'b0, low});
    end else if (expected > signed'({64'b0, high})) begin
      expected = signed'({64'b0, high});
    end
    assert (code == expected[7:0]);
    assert (ready && valid);
  end

endmodule
