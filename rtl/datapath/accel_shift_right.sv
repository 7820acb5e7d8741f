// Shift to the right by any number of places. lost_o: ones have left at the lower end.
// Combinational.
module accel_shift_right #(
  parameter int unsigned Width = 32,
  parameter int unsigned PlacesBits = 6
) (
  input  logic [Width-1:0]      value_i,
  input  logic [PlacesBits-1:0] places_i,
  output logic [Width-1:0]      value_o,
  output logic                  lost_o
);

  // One step for every bit of the number of places, the highest first.
  always_comb begin
    value_o = value_i;
    lost_o  = 1'b0;
    for (int k = PlacesBits - 1; k >= 0; k--) begin
      if (places_i[k]) begin
        lost_o  = lost_o || ((1 << k) >= Width ? value_o != '0
                                               : value_o << (Width - (1 << k)) != '0);
        value_o = value_o >> (1 << k);
      end
    end
  end

endmodule
