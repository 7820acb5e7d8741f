// One bank of a memory: one read port, one write port, whole rows. The only RAM primitive.
//
// Latency 1: block or Ultra RAM; data_o follows the edge at which read_i was sampled, and stays.
// Latency 0: distributed RAM; data_o follows row_i at once, read_i is not looked at.
// A read at the edge of a write to the same row gives the old row. Content is never reset.
// A simulator reads and flips bits in `mem` between edges.
module accel_ram #(
  parameter int unsigned Width = 32,
  parameter int unsigned Depth = 512,
  parameter int unsigned Latency = 1,
  localparam int unsigned RowBits = $clog2(Depth)
) (
  input  logic               clk_i,
  input  logic               read_i,
  input  logic [RowBits-1:0] row_i,
  output logic [Width-1:0]   data_o,
  input  logic               write_i,
  input  logic [RowBits-1:0] write_row_i,
  input  logic [Width-1:0]   write_data_i
);

  logic [Width-1:0] mem [Depth];

  always_ff @(posedge clk_i) begin
    if (write_i) begin
      mem[write_row_i] <= write_data_i;
    end
  end

  if (Latency == 0) begin : gen_asynchronous
    logic unused_read;
    assign unused_read = read_i;
    assign data_o = mem[row_i];
  end else begin : gen_synchronous
    logic [Width-1:0] data_q;
    always_ff @(posedge clk_i) begin
      if (read_i) begin
        data_q <= mem[row_i];
      end
    end
    assign data_o = data_q;
  end

endmodule
