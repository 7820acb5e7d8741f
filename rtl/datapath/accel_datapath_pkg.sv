// Types that the arithmetic modules share.
package accel_datapath_pkg;

  // What a rounding shift does with a tie; everything else goes to the nearest integer.
  typedef enum logic [1:0] {
    RoundEven = 2'd0,  // to the even integer (IEEE 754 roundTiesToEven)
    RoundUp   = 2'd1,  // towards plus infinity, also for negative numbers
    RoundAway = 2'd2   // away from zero
  } rounding_e;

  // A binary32 value taken apart: (-1)^negative * significand * 2^exponent. Zero has significand 0
  // and an exponent of -149 or less.
  // Subnormal inputs keep the exponent -149 and a significand below 2^23; results of
  // accel_multiply_add are normalised instead (exponent down to -172), which is the same value.
  typedef struct packed {
    logic               negative;
    logic               nan;
    logic               infinite;
    logic signed [9:0]  exponent;
    logic        [23:0] significand;
  } real_t;

  // Exponents of the largest finite and the smallest binary32, with a significand of 24 bits.
  parameter logic signed [9:0] LargestExponent = 10'sd104;
  parameter logic signed [9:0] SmallestExponent = -10'sd172;

  function automatic real_t unpack(logic [31:0] bits);
    real_t value;
    value.negative    = bits[31];
    value.nan         = bits[30:23] == 8'hff && bits[22:0] != '0;
    value.infinite    = bits[30:23] == 8'hff && bits[22:0] == '0;
    value.exponent    = (bits[30:23] == '0 ? 10'sd1 : signed'({2'b0, bits[30:23]})) - 10'sd150;
    value.significand = {bits[30:23] != '0, bits[22:0]};
    return value;
  endfunction

endpackage
