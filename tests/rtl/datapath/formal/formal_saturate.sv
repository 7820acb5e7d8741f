// accel_saturate: the code is between the limits, and the sum itself where that is.
module formal_saturate (
  input logic       negative,
  input logic [9:0] magnitude,
  input logic [7:0] zero,
  input logic [7:0] low,
  input logic [7:0] high
);

  logic [7:0]         code;
  logic signed [15:0] sum, at;

  accel_saturate dut (
    .negative_i (negative),
    .magnitude_i(magnitude),
    .zero_i     (zero),
    .low_i      (low),
    .high_i     (high),
    .code_o     (code)
  );

  always_comb begin
    assume (low <= high);
    assume (magnitude <= 10'd512);
    sum = signed'({8'b0, zero}) + (negative ? -signed'({6'b0, magnitude}) : signed'({6'b0, magnitude}));
    at  = signed'({8'b0, code});
    assert (code >= low && code <= high);
    assert (sum < signed'({8'b0, low}) ? code == low : sum > signed'({8'b0, high}) ? code == high : at == sum);
    // 512 means: everything above.
    if (magnitude == 10'd512) assert (code == (negative ? low : high));
  end

endmodule
