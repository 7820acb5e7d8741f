// Shift of a magnitude to the right with rounding: rounded(value_i / 2^places_i). Combinational.
//
// negative_i says that the number is -value_i, which only RoundUp looks at; the result is a
// magnitude too. Any number of places is allowed: far beyond Width the result is 0.
module accel_round_shift
  import accel_datapath_pkg::*;
#(
  parameter int unsigned Width = 32,
  parameter int unsigned PlacesBits = 6
) (
  input  logic [Width-1:0]      value_i,
  input  logic                  negative_i,
  input  logic [PlacesBits-1:0] places_i,
  input  rounding_e             rounding_i,
  output logic [Width:0]        value_o
);

  logic [Width:0]   shifted;   // with one bit below the result
  logic [Width-1:0] quotient;
  logic             guard, sticky, up;

  accel_shift_right #(
    .Width     (Width + 1),
    .PlacesBits(PlacesBits)
  ) shift_right (
    .value_i ({value_i, 1'b0}),
    .places_i(places_i),
    .value_o (shifted),
    .lost_o  (sticky)
  );

  assign quotient = shifted[Width:1];
  assign guard    = shifted[0];

  always_comb begin
    unique case (rounding_i)
      RoundEven: up = guard && (sticky || quotient[0]);
      RoundUp:   up = guard && (sticky || !negative_i);
      default:   up = guard;  // RoundAway
    endcase
  end

  assign value_o = (Width + 1)'(quotient) + (Width + 1)'(up);

endmodule
