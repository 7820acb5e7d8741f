// Instructions that wait in front of an engine. A push is visible at the head one edge later; a full queue takes
// a push at the edge of a pop.
module accel_queue #(
  parameter int unsigned Width = 32,
  parameter int unsigned Depth = 4,
  localparam int unsigned CountBits = $clog2(Depth + 1),
  localparam int unsigned PointerBits = Depth > 1 ? $clog2(Depth) : 1
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             push_i,
  output logic             push_ready_o,
  input  logic [Width-1:0] push_data_i,
  output logic             head_valid_o,
  output logic [Width-1:0] head_o,
  input  logic             pop_i
);

  localparam logic [CountBits-1:0] Full = CountBits'(Depth);
  localparam logic [PointerBits-1:0] Last = PointerBits'(Depth - 1);

  logic [Width-1:0]       entries [Depth];
  logic [PointerBits-1:0] write_q, read_q;
  logic [CountBits-1:0]   count_q;
  logic                   push, pop;

  assign head_valid_o = count_q != '0;
  assign head_o       = entries[read_q];
  assign pop          = pop_i && head_valid_o;
  assign push_ready_o = count_q != Full || pop;
  assign push         = push_i && push_ready_o;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      write_q <= '0;
      read_q  <= '0;
      count_q <= '0;
    end else begin
      if (push) begin
        write_q <= write_q == Last ? '0 : write_q + PointerBits'(1);
      end
      if (pop) begin
        read_q <= read_q == Last ? '0 : read_q + PointerBits'(1);
      end
      count_q <= count_q + CountBits'(push) - CountBits'(pop);
    end
  end

  always_ff @(posedge clk_i) begin
    if (push) begin
      entries[write_q] <= push_data_i;
    end
  end

endmodule
