// Accumulator to byte, exactly as accel_sim.machine.arithmetic.requantised, in integer logic.
//
// float32:  three roundings of binary32, ties to even: the accumulator to 24 bits, the product
//           with the multiplier to 24 bits, the product to an integer. Infinite multipliers and no
//           numbers give a limit.
// shift:    acc * 2^-exponent, one rounding; ShiftRounding chooses ties upwards (the Machine's, and
//           the DPU's), to even, or away from zero.
// gemmlowp: saturating shift to the left, doubling high multiply, rounding shift to the right.
// Then the zero point is added and the sum clamped.
//
// All modes share one path: sign and magnitude, shift left, 32 x 32 bit product, round to a
// significand, rounding shift right, saturate. Shift mode multiplies by 2^31, which the doubling
// high half takes away.
//
// Streams with valid and ready. Latency cycles (0: combinational) when nothing stalls; one result a
// cycle.
module accel_requant
  import accel_datapath_pkg::*;
#(
  parameter int unsigned Latency = 0,               // 0..5 register stages
  parameter rounding_e   ShiftRounding = RoundUp
) (
  input  logic               clk_i,
  input  logic               rst_ni,
  input  logic               in_valid_i,
  output logic               in_ready_o,
  input  logic signed [31:0] acc_i,
  // float32: bits of a binary32; gemmlowp: significand, unsigned.
  input  logic        [31:0] multiplier_i,
  input  logic signed [ 7:0] exponent_i,    // shift, gemmlowp
  input  accel_pkg::mode_e   mode_i,
  input  logic        [ 7:0] zero_i,
  input  logic        [ 7:0] low_i,         // low_i <= high_i
  input  logic        [ 7:0] high_i,
  output logic               out_valid_o,
  input  logic               out_ready_i,
  output logic        [ 7:0] code_o
);

  // Where the registers are: in front of step k for bit k.
  localparam bit [4:0] Cuts = Latency == 0 ? 5'b00000 :
                              Latency == 1 ? 5'b00100 :
                              Latency == 2 ? 5'b01010 :
                              Latency == 3 ? 5'b01110 :
                              Latency == 4 ? 5'b11110 : 5'b11111;
  if (Latency > 5) begin : gen_too_many
    $error("accel_requant: Latency %0d, at most 5 stages can be cut", Latency);
  end

  // What goes along to the last step.
  typedef struct packed {
    logic       negative;
    logic       nothing;   // the result is 0 before the zero point
    logic       endless;   // the result is beyond every limit
    logic [7:0] zero;
    logic [7:0] low;
    logic [7:0] high;
  } fate_t;

  typedef struct packed {
    logic signed [31:0] acc;
    logic [31:0]        multiplier;
    logic signed [7:0]  exponent;
    accel_pkg::mode_e   mode;
    logic [7:0]         zero;
    logic [7:0]         low;
    logic [7:0]         high;
  } operands_t;

  typedef struct packed {
    fate_t             fate;
    logic              is_real;
    rounding_e         rounding;
    logic [5:0]        places;     // shift, gemmlowp
    logic signed [9:0] exponent;   // float32: of the product's bit 46
    logic [31:0]       factor;
    logic [31:0]       multiplier;
  } factors_t;

  typedef struct packed {
    fate_t             fate;
    logic              is_real;
    rounding_e         rounding;
    logic [5:0]        places;
    logic signed [9:0] exponent;
    logic [63:0]       bits;
  } product_t;

  typedef struct packed {
    fate_t       fate;
    rounding_e   rounding;
    logic [5:0]  places;
    logic [31:0] value;
  } rounded_t;

  typedef struct packed {
    fate_t      fate;
    logic [9:0] magnitude;
  } integer_t;

  operands_t operands_d, operands;
  factors_t  factors_d, factors;
  product_t  product_d, product;
  rounded_t  rounded_d, rounded;
  integer_t  integer_d, result;
  // Valid and ready between the steps.
  logic      valid_0, valid_1, valid_2, valid_3;
  logic      ready_0, ready_1, ready_2, ready_3;

  // --- step 0: magnitude, shifted left, rounded to 24 bits ---------------------------------------
  assign operands_d = '{
      acc: acc_i, multiplier: multiplier_i, exponent: exponent_i, mode: mode_i,
      zero: zero_i, low: low_i, high: high_i
  };

  accel_stage #(
    .Width     ($bits(operands_t)),
    .Registered(Cuts[0])
  ) stage_operands (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .in_valid_i (in_valid_i),
    .in_ready_o (in_ready_o),
    .in_data_i  (operands_d),
    .out_valid_o(valid_0),
    .out_ready_i(ready_0),
    .out_data_o (operands)
  );

  logic               is_real, is_shift, acc_negative, lost, real_up;
  logic        [31:0] magnitude, shifted;
  logic        [ 4:0] left, left_wanted, left_done;
  logic        [ 5:0] right_wanted;
  logic        [24:0] significand;
  logic signed [ 8:0] left_signed, right_signed;
  real_t              scale;

  assign is_real      = operands.mode == accel_pkg::ModeFloat32;
  assign is_shift     = operands.mode == accel_pkg::ModeShift;
  assign acc_negative = operands.acc[31];
  assign magnitude    = acc_negative ? 32'd0 - unsigned'(operands.acc) : unsigned'(operands.acc);
  assign scale        = unpack(operands.multiplier);

  // Places to the left and to the right; 31 and 33 stand for more: everything saturates, or
  // vanishes.
  always_comb begin
    right_signed = is_shift ? 9'(operands.exponent) : -9'(operands.exponent);
    left_signed  = -right_signed;
    left_wanted  = '0;
    right_wanted = '0;
    if (right_signed > 9'sd0) begin
      right_wanted = right_signed > 9'sd33 ? 6'd33 : right_signed[5:0];
    end else begin
      left_wanted = left_signed > 9'sd31 ? 5'd31 : left_signed[4:0];
    end
  end

  assign left = left_wanted;

  accel_normalise #(
    .Width(32)
  ) normalise (
    .value_i    (magnitude),
    .automatic_i(is_real),
    .places_i   (left),
    .value_o    (shifted),
    .places_o   (left_done),
    .lost_o     (lost)
  );

  assign real_up     = shifted[7] && (shifted[8] || shifted[6:0] != '0);
  assign significand = 25'(shifted[31:8]) + 25'(real_up);

  always_comb begin
    factors_d.fate.negative = acc_negative ^ (is_real && scale.negative);
    factors_d.fate.nothing  = is_real && (operands.acc == '0 || operands.multiplier[30:23] == '0);
    factors_d.fate.endless  = 1'b0;
    factors_d.fate.zero     = operands.zero;
    factors_d.fate.low      = operands.low;
    factors_d.fate.high     = operands.high;
    factors_d.is_real       = is_real;
    factors_d.rounding      = is_real ? RoundEven : is_shift ? ShiftRounding : RoundAway;
    factors_d.places        = right_wanted;
    // Bit 46 of the product: 2^23 * 2^23 times the weights of both lowest bits.
    factors_d.exponent      = 10'sd31 - signed'({5'b0, left_done}) + 10'(significand[24])
                              + scale.exponent + 10'sd23;
    factors_d.factor        = shifted;
    factors_d.multiplier    = operands.multiplier;
    if (is_real) begin
      factors_d.factor     = {8'b0, significand[24] | significand[23], significand[22:0]};
      factors_d.multiplier = {8'b0, scale.significand};
      if (scale.nan || (scale.infinite && operands.acc == '0)) begin
        // No number: the lower limit.
        factors_d.fate.negative = 1'b1;
        factors_d.fate.nothing  = 1'b0;
        factors_d.fate.endless  = 1'b1;
      end else if (scale.infinite) begin
        factors_d.fate.endless = 1'b1;
      end
    end else if (is_shift) begin
      factors_d.multiplier   = 32'h8000_0000;
      factors_d.fate.endless = lost;
    end else begin
      if (lost || shifted[31]) begin
        factors_d.factor = acc_negative ? 32'h8000_0000 : 32'h7fff_ffff;
      end
      if (operands.exponent < -8'sd31) begin
        factors_d.fate.nothing = 1'b1;
      end
    end
  end

  // --- step 1: product ---------------------------------------------------------------------------
  accel_stage #(
    .Width     ($bits(factors_t)),
    .Registered(Cuts[1])
  ) stage_factors (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .in_valid_i (valid_0),
    .in_ready_o (ready_0),
    .in_data_i  (factors_d),
    .out_valid_o(valid_1),
    .out_ready_i(ready_1),
    .out_data_o (factors)
  );

  assign product_d = '{
      fate: factors.fate, is_real: factors.is_real, rounding: factors.rounding,
      places: factors.places, exponent: factors.exponent,
      bits: 64'(factors.factor) * 64'(factors.multiplier)
  };

  // --- step 2: product rounded to 24 bits, or its doubled high half ------------------------------
  accel_stage #(
    .Width     ($bits(product_t)),
    .Registered(Cuts[2])
  ) stage_product (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .in_valid_i (valid_1),
    .in_ready_o (ready_1),
    .in_data_i  (product_d),
    .out_valid_o(valid_2),
    .out_ready_i(ready_2),
    .out_data_o (product)
  );

  logic               top, product_up;
  logic        [24:0] product_significand;
  logic signed [ 9:0] product_exponent;
  logic        [63:0] doubled;

  always_comb begin
    top = product.bits[47];
    if (top) begin
      product_up = product.bits[23] && (product.bits[24] || product.bits[22:0] != '0);
      product_significand = 25'(product.bits[47:24]) + 25'(product_up);
    end else begin
      product_up = product.bits[22] && (product.bits[23] || product.bits[21:0] != '0);
      product_significand = 25'(product.bits[46:23]) + 25'(product_up);
    end
    // The value lies in [2^exponent, 2^(exponent + 1)); a carry out of 24 bits leaves zeros.
    product_exponent = product.exponent + 10'(top) + 10'(product_significand[24]);
    doubled = product.bits + 64'h4000_0000 - 64'(product.fate.negative);
  end

  always_comb begin
    rounded_d.fate     = product.fate;
    rounded_d.rounding = product.rounding;
    rounded_d.places   = product.places;
    rounded_d.value    = doubled[62:31];
    if (product.is_real) begin
      rounded_d.value  = {8'b0, product_significand[24] | product_significand[23],
                          product_significand[22:0]};
      rounded_d.places = 6'(10'sd23 - product_exponent);
      if (product_exponent > 10'sd8) begin
        rounded_d.fate.endless = 1'b1;
      end else if (product_exponent < -10'sd1) begin
        rounded_d.fate.nothing = 1'b1;
      end
    end
  end

  // --- step 3: to an integer ---------------------------------------------------------------------
  accel_stage #(
    .Width     ($bits(rounded_t)),
    .Registered(Cuts[3])
  ) stage_rounded (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .in_valid_i (valid_2),
    .in_ready_o (ready_2),
    .in_data_i  (rounded_d),
    .out_valid_o(valid_3),
    .out_ready_i(ready_3),
    .out_data_o (rounded)
  );

  logic [32:0] whole;

  accel_round_shift #(
    .Width     (32),
    .PlacesBits(6)
  ) round_shift (
    .value_i   (rounded.value),
    .negative_i(rounded.fate.negative),
    .places_i  (rounded.places),
    .rounding_i(rounded.rounding),
    .value_o   (whole)
  );

  always_comb begin
    integer_d.fate      = rounded.fate;
    integer_d.magnitude = whole[32:9] != '0 ? 10'd512 : whole[9:0];
    if (rounded.fate.nothing) begin
      integer_d.magnitude = 10'd0;
    end else if (rounded.fate.endless) begin
      integer_d.magnitude = 10'd512;
    end
  end

  // --- step 4: zero point and limits -------------------------------------------------------------
  accel_stage #(
    .Width     ($bits(integer_t)),
    .Registered(Cuts[4])
  ) stage_integer (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .in_valid_i (valid_3),
    .in_ready_o (ready_3),
    .in_data_i  (integer_d),
    .out_valid_o(out_valid_o),
    .out_ready_i(out_ready_i),
    .out_data_o (result)
  );

  accel_saturate saturate (
    .negative_i (result.fate.negative),
    .magnitude_i(result.magnitude),
    .zero_i     (result.fate.zero),
    .low_i      (result.fate.low),
    .high_i     (result.fate.high),
    .code_o     (code_o)
  );

  logic unused_bits;
  assign unused_bits = ^{doubled[63], doubled[30:0], result.fate.nothing,
                         result.fate.endless};

endmodule
