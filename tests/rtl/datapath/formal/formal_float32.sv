// accel_requant in float32 mode against the definition of its three roundings, for every accumulator,
// every finite multiplier, zero point and pair of limits.
//
// The 24 x 24 bit product is taken from the design: the proof is about everything in front of the
// multiplier and behind it. What it needs to know about a product of two significands is assumed.
module formal_float32 (
  input logic signed [31:0] acc,
  input logic [31:0]        multiplier,
  input logic signed [7:0]  exponent,
  input logic [7:0]         zero,
  input logic [7:0]         low,
  input logic [7:0]         high
);

  logic [7:0]         code;
  logic               ready, valid;

  accel_requant dut (
    .clk_i       (1'b0),
    .rst_ni      (1'b1),
    .in_valid_i  (1'b1),
    .in_ready_o  (ready),
    .acc_i       (acc),
    .multiplier_i(multiplier),
    .exponent_i  (exponent),
    .mode_i      (accel_pkg::ModeFloat32),
    .zero_i      (zero),
    .low_i       (low),
    .high_i      (high),
    .out_valid_o (valid),
    .out_ready_i (1'b1),
    .code_o      (code)
  );

  logic [31:0] magnitude;
  logic [5:0]  length;          // bits of the magnitude
  logic [5:0]  surplus;         // of them beyond 24
  logic [47:0] rounded, remainder, half, factor, product;
  logic [47:0] significand, product_remainder, product_half;
  logic [5:0]  product_surplus;
  logic signed [10:0] scale_exponent, result_exponent;
  logic [9:0]  whole;
  logic [4:0]  places;
  logic [24:0] rest, unit;
  logic signed [11:0] expected;

  always_comb begin
    assume (low <= high);
    assume (multiplier[30:23] != 8'hff);

    // First rounding: |acc| to a multiple of 2^surplus.
    magnitude = acc < 0 ? 32'd0 - unsigned'(acc) : unsigned'(acc);
    length = 6'd0;
    for (int k = 0; k < 32; k++) begin
      if (magnitude[k]) length = 6'(k + 1);
    end
    surplus   = length > 6'd24 ? length - 6'd24 : 6'd0;
    rounded   = 48'(magnitude) >> surplus;
    remainder = 48'(magnitude) - (rounded << surplus);
    half      = surplus == 6'd0 ? 48'd1 : 48'd1 << (surplus - 6'd1);
    if (remainder > half || (surplus != 6'd0 && remainder == half && rounded[0])) begin
      rounded = rounded + 48'd1;
    end

    // The design's multiplier gets the same number, only moved to the upper end of 24 bits.
    factor  = 48'(dut.factors.factor[23:0]);
    product = dut.product.bits[47:0];
    if (acc != 0 && multiplier[30:23] != 8'd0) begin
      if (rounded[24]) begin
        assert (factor == 48'h80_0000);
      end else begin
        assert (factor == rounded << (length > 6'd24 ? 6'd0 : 6'd24 - length));
      end
      assert (dut.factors.factor[31:24] == 8'd0);
      assert (dut.factors.multiplier == {9'd1, multiplier[22:0]});
      assume (dut.product.bits[63:48] == 16'd0);
      assume (product[47:46] != 2'd0);
    end

    // Second rounding: the product to 24 bits.
    product_surplus   = product[47] ? 6'd24 : 6'd23;
    significand       = product >> product_surplus;
    product_remainder = product - (significand << product_surplus);
    product_half      = 48'd1 << (product_surplus - 6'd1);
    if (product_remainder > product_half || (product_remainder == product_half && significand[0])) begin
      significand = significand + 48'd1;
    end
    // Weight of the significand's lowest bit: that of the factor, of the multiplier, and the surplus.
    scale_exponent  = signed'({3'b0, multiplier[30:23]}) - 11'sd150;
    result_exponent = scale_exponent + signed'({5'b0, product_surplus})
                      + signed'({5'b0, length}) - 11'sd24 + (rounded[24] ? 11'sd1 : 11'sd0);

    // Third rounding: to an integer; 512 stands for more, and less than a quarter is nothing.
    places = 5'd0;
    unit   = 25'd1;
    whole  = 10'd512;
    rest   = 25'd0;
    if (acc == 0 || multiplier[30:23] == 8'd0 || result_exponent < -11'sd25) begin
      whole = 10'd0;
    end else if (result_exponent < -11'sd14) begin
      places = 5'(-result_exponent);
      whole  = 10'(significand >> places);
      rest   = 25'(significand - (48'(whole) << places));
      unit   = 25'(1) << (places - 5'd1);
      if (rest > unit || (rest == unit && whole[0])) begin
        whole = whole + 10'd1;
      end
    end
    expected = (acc < 0) != multiplier[31] ? signed'({4'b0, zero}) - signed'({2'b0, whole})
                                           : signed'({4'b0, zero}) + signed'({2'b0, whole});
    if (expected < signed'({4'b0, low})) begin
      expected = signed'({4'b0, low});
    end else if (expected > signed'({4'b0, high})) begin
      expected = signed'({4'b0, high});
    end
    assert (code == expected[7:0]);
    assert (ready && valid);
  end

endmodule
