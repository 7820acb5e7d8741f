// accel_normalise: shifts by what it says, loses nothing on its own account, and ends with a one on top.
module formal_normalise #(
  parameter int unsigned Width = 32
) (
  input logic [Width-1:0]         value,
  input logic                     automatic_shift,
  input logic [$clog2(Width)-1:0] places
);

  logic [Width-1:0]         shifted;
  logic [$clog2(Width)-1:0] done;
  logic                     lost;
  logic [2*Width-1:0]       wide;

  accel_normalise #(
    .Width(Width)
  ) dut (
    .value_i    (value),
    .automatic_i(automatic_shift),
    .places_i   (places),
    .value_o    (shifted),
    .places_o   (done),
    .lost_o     (lost)
  );

  always_comb begin
    wide = (2*Width)'(value) << done;
    assert (shifted == wide[Width-1:0]);
    assert (lost == (wide[2*Width-1:Width] != '0));
    if (automatic_shift) begin
      assert (!lost);
      assert (shifted[Width-1] == (value != '0));
    end else begin
      assert (done == places);
    end
  end

endmodule
