// factor * multiplicand + addend with one rounding to binary32, ties to even; factor is an integer.
//
// Exact for every input, also where a binary32 result would be subnormal: all terms are multiples
// of 2^-149 then, and so is their sum. A result beyond the largest binary32 is infinite. The sign
// of a zero is not kept. Streams with valid and ready; RegisterSum and RegisterInput add a cycle of
// latency each.
//
// The product stands still and the addend is shifted to it, in a window that reaches Low bits below
// the product's lowest and High bits above the addend's place at equal exponents. An addend that
// lies lower only tells the rounding that something is there; so does a product below an addend
// that lies higher.
module accel_multiply_add
  import accel_datapath_pkg::*;
#(
  parameter int unsigned FactorBits = 8,
  parameter bit          RegisterInput = 1'b0,
  parameter bit          RegisterSum = 1'b0
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
  input  logic                  in_valid_i,
  output logic                  in_ready_o,
  input  logic                  factor_negative_i,
  input  logic [FactorBits-1:0] factor_i,
  input  real_t                 multiplicand_i,
  input  real_t                 addend_i,
  output logic                  out_valid_o,
  input  logic                  out_ready_i,
  output real_t                 result_o
);

  localparam int unsigned ProductBits = FactorBits + 24;
  localparam int unsigned Low = 26;
  localparam int unsigned High = ProductBits + 2;
  localparam int unsigned WindowBits = Low + High + 24;
  localparam int unsigned SumBits = WindowBits + 1;
  localparam logic signed [10:0] LowPlaces = 11'(Low);
  localparam logic signed [10:0] HighPlaces = 11'(High);
  localparam logic signed [10:0] MostPlaces = 11'(WindowBits);
  localparam int unsigned PlacesBits = $clog2(WindowBits + 1);

  typedef struct packed {
    logic                  factor_negative;
    logic [FactorBits-1:0] factor;
    real_t                 multiplicand;
    real_t                 addend;
  } operands_t;

  typedef struct packed {
    logic               negative;
    logic               nan;
    logic               infinite;
    logic               sticky;
    logic signed [9:0]  exponent;   // of the sum's lowest bit
    logic [SumBits-1:0] sum;
  } sum_t;

  operands_t operands_d, operands;
  sum_t      sum_d, sum;
  logic      operands_valid, operands_ready;

  assign operands_d = '{
      factor_negative: factor_negative_i, factor: factor_i,
      multiplicand: multiplicand_i, addend: addend_i
  };

  accel_stage #(
    .Width     ($bits(operands_t)),
    .Registered(RegisterInput)
  ) stage_operands (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .in_valid_i (in_valid_i),
    .in_ready_o (in_ready_o),
    .in_data_i  (operands_d),
    .out_valid_o(operands_valid),
    .out_ready_i(operands_ready),
    .out_data_o (operands)
  );

  // --- product, aligned addend, sum --------------------------------------------------------------
  logic        [ProductBits-1:0] product;
  logic                          product_negative, opposite, below;
  logic                          product_infinite, product_nan, high, lost;
  logic signed [10:0]            places_wanted;
  logic        [PlacesBits-1:0]  places;
  logic        [WindowBits-1:0]  addend, kept;
  logic        [SumBits:0]       total;

  assign product          = ProductBits'(operands.factor)
                            * ProductBits'(operands.multiplicand.significand);
  assign product_negative = operands.factor_negative ^ operands.multiplicand.negative;
  assign product_infinite = operands.multiplicand.infinite && operands.factor != '0;
  assign product_nan      = operands.multiplicand.nan
                            || (operands.multiplicand.infinite && operands.factor == '0);
  assign opposite         = product_negative != operands.addend.negative;

  // The addend's way from the upper end of the window.
  assign places_wanted = 11'(operands.multiplicand.exponent) - 11'(operands.addend.exponent)
                         + HighPlaces;
  assign high          = places_wanted < 11'sd0 || product == '0;

  always_comb begin
    if (high) begin
      places = '0;
    end else if (places_wanted > MostPlaces) begin
      places = PlacesBits'(WindowBits);
    end else begin
      places = PlacesBits'(unsigned'(places_wanted));
    end
  end

  assign addend = {operands.addend.significand, (Low + High)'(0)};

  accel_shift_right #(
    .Width     (WindowBits),
    .PlacesBits(PlacesBits)
  ) shift_right (
    .value_i (addend),
    .places_i(places),
    .value_o (kept),
    .lost_o  (lost)
  );

  // Taking away an addend with lost bits takes one more from the window, and leaves a remainder.
  assign below  = lost && opposite;
  assign total  = opposite ? (SumBits + 1)'({product, Low'(0)}) - (SumBits + 1)'(kept)
                             - (SumBits + 1)'(below)
                           : (SumBits + 1)'({product, Low'(0)}) + (SumBits + 1)'(kept);

  always_comb begin
    sum_d.sticky   = lost;
    sum_d.negative = product_negative;
    sum_d.sum      = total[SumBits-1:0];
    if (opposite && total[SumBits]) begin
      sum_d.negative = operands.addend.negative;
      sum_d.sum      = SumBits'(0) - total[SumBits-1:0];
    end
    sum_d.exponent = high ? operands.addend.exponent - 10'(LowPlaces) - 10'(HighPlaces)
                          : operands.multiplicand.exponent - 10'(LowPlaces);
    sum_d.infinite = product_infinite || operands.addend.infinite;
    sum_d.nan      = product_nan || operands.addend.nan
                     || (product_infinite && operands.addend.infinite && opposite);
    if (operands.addend.infinite) begin
      sum_d.negative = operands.addend.negative;
    end else if (product_infinite) begin
      sum_d.negative = product_negative;
    end
  end

  accel_stage #(
    .Width     ($bits(sum_t)),
    .Registered(RegisterSum)
  ) stage_sum (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .in_valid_i (operands_valid),
    .in_ready_o (operands_ready),
    .in_data_i  (sum_d),
    .out_valid_o(out_valid_o),
    .out_ready_i(out_ready_i),
    .out_data_o (sum)
  );

  // --- 24 bits -----------------------------------------------------------------------------------
  localparam int unsigned NormaliseBits = $clog2(SumBits);

  logic        [SumBits-1:0]       normal;
  logic        [NormaliseBits-1:0] done;
  logic                            up, unused_lost;
  logic        [24:0]              significand;
  logic signed [9:0]               exponent;

  accel_normalise #(
    .Width(SumBits)
  ) normalise (
    .value_i    (sum.sum),
    .automatic_i(1'b1),
    .places_i   ('0),
    .value_o    (normal),
    .places_o   (done),
    .lost_o     (unused_lost)
  );

  assign up          = normal[SumBits-25]
                       && (normal[SumBits-24] || normal[SumBits-26:0] != '0 || sum.sticky);
  assign significand = 25'(normal[SumBits-1-:24]) + 25'(up);
  assign exponent    = sum.exponent + signed'(10'(SumBits - 24)) - signed'(10'(done))
                       + 10'(significand[24]);

  always_comb begin
    result_o.negative    = sum.negative;
    result_o.nan         = sum.nan;
    // A zero lies below everything, lest a product next to it pass for a remainder.
    result_o.exponent    = normal[SumBits-1] ? exponent : SmallestExponent;
    result_o.significand = {significand[24] | significand[23], significand[22:0]};
    result_o.infinite    = sum.infinite || (normal[SumBits-1] && exponent > LargestExponent);
  end

endmodule
