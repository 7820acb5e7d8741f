// accel_round_shift against the definition of rounding, for all values and all places.
//
// With q the result and the number n = +-value: |q * 2^places - value| is at most half of 2^places, and on
// a tie the neighbour is the one that the rounding names.
module formal_round_shift
  import accel_datapath_pkg::*;
#(
  parameter int unsigned Width = 32
) (
  input logic [Width-1:0] value,
  input logic             negative,
  input logic [5:0]       places,
  input logic [1:0]       rounding
);

  logic [Width:0]  result;
  logic [2*Width+1:0] unit, scaled, wide, twice;
  logic            above;

  accel_round_shift #(
    .Width     (Width),
    .PlacesBits(6)
  ) dut (
    .value_i   (value),
    .negative_i(negative),
    .places_i  (places),
    .rounding_i(rounding_e'(rounding)),
    .value_o   (result)
  );

  always_comb begin
    assume (rounding != 2'd3);
    assume (places <= 6'(Width) + 6'd1);
    unit   = (2*Width+2)'(1) << places;
    wide   = (2*Width+2)'(value);
    scaled = (2*Width+2)'(result) << places;
    above  = scaled >= wide;
    twice  = (above ? scaled - wide : wide - scaled) << 1;
    assert (twice <= unit);
    if (twice == unit) begin
      if (rounding == 2'(RoundEven)) assert (!result[0]);
      if (rounding == 2'(RoundUp)) assert (above != negative);
      if (rounding == 2'(RoundAway)) assert (above);
    end
  end

endmodule
