// Two bytes to one, exactly as accel_sim.machine.arithmetic.pair_result, in integer logic:
//   add       round(fma(a - first, real_a, fma(b - second, real_b, real_c))) + zero, clamped
//   multiply  round(f32(f32((a - first) * (b - second) * real_a) + real_c)) + zero, clamped
// a is the lower byte of pair_i, b the upper one; the real constants are bits of binary32. The
// result of no number is low_i. Ties go to even, or upwards with half_up_i.
//
// Streams with valid and ready. Latency cycles (0: combinational) when nothing stalls; one result a
// cycle.
module accel_pair
  import accel_datapath_pkg::*;
#(
  parameter int unsigned Latency = 0    // 0..5 register stages
) (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        in_valid_i,
  output logic        in_ready_o,
  input  logic [15:0] pair_i,
  input  logic        multiply_i,
  input  logic [31:0] real_a_i,
  input  logic [31:0] real_b_i,
  input  logic [31:0] real_c_i,
  input  logic [ 7:0] first_i,
  input  logic [ 7:0] second_i,
  input  logic        half_up_i,
  input  logic [ 7:0] zero_i,
  input  logic [ 7:0] low_i,      // low_i <= high_i
  input  logic [ 7:0] high_i,
  output logic        out_valid_o,
  input  logic        out_ready_i,
  output logic [ 7:0] code_o
);

  // Where the registers are: input and sum of the first step, input and sum of the second, its
  // result.
  localparam bit [4:0] Cuts = Latency == 0 ? 5'b00000 :
                              Latency == 1 ? 5'b00100 :
                              Latency == 2 ? 5'b01010 :
                              Latency == 3 ? 5'b01110 :
                              Latency == 4 ? 5'b11110 : 5'b11111;
  if (Latency > 5) begin : gen_too_many
    $error("accel_pair: Latency %0d, at most 5 stages can be cut", Latency);
  end

  // What goes along beside the numbers.
  typedef struct packed {
    logic       half_up;
    logic [7:0] zero;
    logic [7:0] low;
    logic [7:0] high;
  } limits_t;

  // For the second step.
  typedef struct packed {
    limits_t     limits;
    logic        multiply;
    logic        negative;
    logic [7:0]  factor;
    logic [31:0] multiplicand;
    logic [31:0] addend;
  } second_t;

  typedef struct packed {
    limits_t limits;
    real_t   value;
  } result_t;

  // --- operands ----------------------------------------------------------------------------------
  logic signed [ 8:0] a, b;
  logic        [ 7:0] a_magnitude, b_magnitude;
  logic        [15:0] factor;
  logic               factor_negative;
  second_t            second_d;

  assign a               = signed'({1'b0, pair_i[7:0]}) - signed'({1'b0, first_i});
  assign b               = signed'({1'b0, pair_i[15:8]}) - signed'({1'b0, second_i});
  assign a_magnitude     = a[8] ? 8'(-a) : a[7:0];
  assign b_magnitude     = b[8] ? 8'(-b) : b[7:0];
  assign factor          = multiply_i ? 16'(a_magnitude) * 16'(b_magnitude) : 16'(b_magnitude);
  assign factor_negative = multiply_i ? a[8] ^ b[8] : b[8];

  always_comb begin
    second_d.limits       = '{half_up: half_up_i, zero: zero_i, low: low_i, high: high_i};
    second_d.multiply     = multiply_i;
    second_d.negative     = !multiply_i && a[8];
    second_d.factor       = multiply_i ? 8'd1 : a_magnitude;
    second_d.multiplicand = real_a_i;
    second_d.addend       = real_c_i;
  end

  // --- first step: b * real_b + real_c, or a * b * real_a ----------------------------------------
  // What goes along has registers at the same places, which stall together with those of the
  // numbers.
  logic    first_valid, first_ready, along_valid_1, along_ready_1, along_valid_2;
  real_t   first;
  second_t second_1, second_2;
  logic    unused_along;

  accel_multiply_add #(
    .FactorBits   (16),
    .RegisterInput(Cuts[0]),
    .RegisterSum  (Cuts[1])
  ) multiply_add_first (
    .clk_i            (clk_i),
    .rst_ni           (rst_ni),
    .in_valid_i       (in_valid_i),
    .in_ready_o       (in_ready_o),
    .factor_negative_i(factor_negative),
    .factor_i         (factor),
    .multiplicand_i   (unpack(multiply_i ? real_a_i : real_b_i)),
    .addend_i         (unpack(multiply_i ? 32'd0 : real_c_i)),
    .out_valid_o      (first_valid),
    .out_ready_i      (first_ready),
    .result_o         (first)
  );

  accel_stage #(
    .Width     ($bits(second_t)),
    .Registered(Cuts[0])
  ) stage_along_input (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .in_valid_i (in_valid_i),
    .in_ready_o (unused_along),
    .in_data_i  (second_d),
    .out_valid_o(along_valid_1),
    .out_ready_i(along_ready_1),
    .out_data_o (second_1)
  );

  accel_stage #(
    .Width     ($bits(second_t)),
    .Registered(Cuts[1])
  ) stage_along_sum (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .in_valid_i (along_valid_1),
    .in_ready_o (along_ready_1),
    .in_data_i  (second_1),
    .out_valid_o(along_valid_2),
    .out_ready_i(first_ready),
    .out_data_o (second_2)
  );

  // --- second step: a * real_a + first, or first + real_c ----------------------------------------
  typedef struct packed {
    second_t along;
    real_t   first;
  } between_t;

  between_t between_d, between;
  limits_t  limits;
  real_t    multiplicand, addend, value;
  logic     between_valid, between_ready, value_valid, value_ready;
  logic     limits_valid, unused_limits;

  assign between_d = '{along: second_2, first: first};

  accel_stage #(
    .Width     ($bits(between_t)),
    .Registered(Cuts[2])
  ) stage_between (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .in_valid_i (first_valid),
    .in_ready_o (first_ready),
    .in_data_i  (between_d),
    .out_valid_o(between_valid),
    .out_ready_i(between_ready),
    .out_data_o (between)
  );

  assign multiplicand = between.along.multiply ? between.first : unpack(between.along.multiplicand);
  assign addend       = between.along.multiply ? unpack(between.along.addend) : between.first;

  accel_multiply_add #(
    .FactorBits   (8),
    .RegisterInput(1'b0),
    .RegisterSum  (Cuts[3])
  ) multiply_add_second (
    .clk_i            (clk_i),
    .rst_ni           (rst_ni),
    .in_valid_i       (between_valid),
    .in_ready_o       (between_ready),
    .factor_negative_i(between.along.negative),
    .factor_i         (between.along.factor),
    .multiplicand_i   (multiplicand),
    .addend_i         (addend),
    .out_valid_o      (value_valid),
    .out_ready_i      (value_ready),
    .result_o         (value)
  );

  accel_stage #(
    .Width     ($bits(limits_t)),
    .Registered(Cuts[3])
  ) stage_limits (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .in_valid_i (between_valid),
    .in_ready_o (unused_limits),
    .in_data_i  (between.along.limits),
    .out_valid_o(limits_valid),
    .out_ready_i(value_ready),
    .out_data_o (limits)
  );

  // --- to an integer, zero point, limits ---------------------------------------------------------
  result_t            result_d, result;
  logic signed [10:0] places_wanted;
  logic        [ 5:0] places;
  logic        [24:0] whole;
  logic        [ 9:0] magnitude;
  logic               endless;

  assign result_d = '{limits: limits, value: value};

  accel_stage #(
    .Width     ($bits(result_t)),
    .Registered(Cuts[4])
  ) stage_result (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .in_valid_i (value_valid),
    .in_ready_o (value_ready),
    .in_data_i  (result_d),
    .out_valid_o(out_valid_o),
    .out_ready_i(out_ready_i),
    .out_data_o (result)
  );

  // A significand is normalised or zero here: from 2^-14 on it means 512 or more.
  assign places_wanted = -11'(result.value.exponent);
  assign endless       = result.value.nan || result.value.infinite
                         || (places_wanted < 11'sd15 && result.value.significand != '0);
  assign places        = places_wanted > 11'sd25 ? 6'd26 : places_wanted[5:0];

  accel_round_shift #(
    .Width     (24),
    .PlacesBits(6)
  ) round_shift (
    .value_i   (result.value.significand),
    .negative_i(result.value.negative),
    .places_i  (places),
    .rounding_i(result.limits.half_up ? RoundUp : RoundEven),
    .value_o   (whole)
  );

  assign magnitude = endless ? 10'd512 : whole[9:0];

  accel_saturate saturate (
    .negative_i (result.value.negative || result.value.nan),
    .magnitude_i(magnitude),
    .zero_i     (result.limits.zero),
    .low_i      (result.limits.low),
    .high_i     (result.limits.high),
    .code_o     (code_o)
  );

  logic unused_bits;
  assign unused_bits = ^{whole[24:10], along_valid_2, limits_valid};

endmodule
