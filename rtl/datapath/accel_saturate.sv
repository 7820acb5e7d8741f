// Rounded result to byte: clamp(zero_i +- magnitude_i, low_i, high_i). Combinational.
//
// 512 as a magnitude stands for everything above: no byte is reached from there. low_i <= high_i.
module accel_saturate (
  input  logic       negative_i,
  input  logic [9:0] magnitude_i,  // 0..512
  input  logic [7:0] zero_i,
  input  logic [7:0] low_i,
  input  logic [7:0] high_i,
  output logic [7:0] code_o
);

  logic signed [11:0] sum, low, high;

  assign low  = signed'({4'b0, low_i});
  assign high = signed'({4'b0, high_i});
  assign sum  = negative_i ? signed'({4'b0, zero_i}) - signed'({2'b0, magnitude_i})
                           : signed'({4'b0, zero_i}) + signed'({2'b0, magnitude_i});

  always_comb begin
    code_o = sum[7:0];
    if (sum < low) begin
      code_o = low_i;
    end else if (sum > high) begin
      code_o = high_i;
    end
  end

endmodule
