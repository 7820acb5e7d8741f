// Shift to the left: by places_i, or (automatic_i) until the highest bit is one. Combinational.
//
// places_o is the number of places. lost_o: ones have left at the upper end. A zero that is shifted
// automatically goes by 2^PlacesBits - 1 places and stays zero; one of its bits is never set.
module accel_normalise #(
  parameter int unsigned Width = 32,
  localparam int unsigned PlacesBits = $clog2(Width)
) (
  input  logic [Width-1:0]      value_i,
  input  logic                  automatic_i,
  input  logic [PlacesBits-1:0] places_i,
  output logic [Width-1:0]      value_o,
  output logic [PlacesBits-1:0] places_o,
  output logic                  lost_o
);

  // One step for every bit of the number of places, the highest first.
  always_comb begin
    value_o  = value_i;
    places_o = '0;
    lost_o   = 1'b0;
    for (int k = PlacesBits - 1; k >= 0; k--) begin
      places_o[k] = automatic_i ? value_o >> (Width - (1 << k)) == '0 : places_i[k];
      if (places_o[k]) begin
        lost_o  = lost_o || value_o >> (Width - (1 << k)) != '0;
        value_o = value_o << (1 << k);
      end
    end
  end

endmodule
