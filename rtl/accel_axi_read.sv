// Reads of the core's native port as AXI4 INCR bursts. Requests that go on where the one before
// ended join its burst, until the 4 KiB page ends, the burst has MaxBeats, a cycle passes
// without a request, or the list of pieces is full. A request across a page is two pieces.
// Answers come in order, one at most a cycle, at least 3 cycles after the request; bytes behind
// those asked for are zero. The response is looked at beat by beat: error_o for each that is no
// OKAY.
module accel_axi_read #(
  parameter int unsigned PortBytes = 8,
  parameter int unsigned DataBytes = 8,         // of the bus; a power of two
  parameter int unsigned AddressBits = 40,
  parameter int unsigned MaxBeats = 16,
  parameter int unsigned Pieces = 32            // that wait for data
) (
  input  logic                   clk_i,
  input  logic                   rst_ni,
  input  logic                   clear_i,       // while idle: forget a word that was given up
  output logic                   idle_o,        // nothing is on its way
  output logic                   error_o,
  // Native: valid and ready.
  input  logic                   request_i,
  output logic                   ready_o,
  input  logic [AddressBits-1:0] address_i,
  input  logic [5:0]             count_i,       // 1 .. PortBytes
  output logic                   answer_o,
  output logic [8*PortBytes-1:0] data_o,
  // Bus.
  output logic                   ar_valid_o,
  input  logic                   ar_ready_i,
  output logic [AddressBits-1:0] ar_address_o,
  output logic [7:0]             ar_len_o,
  input  logic                   r_valid_i,
  output logic                   r_ready_o,
  input  logic [8*DataBytes-1:0] r_data_i,
  input  logic [1:0]             r_resp_i
);

  localparam int unsigned OffsetBits = $clog2(DataBytes);
  localparam int unsigned BeatBits = AddressBits - OffsetBits;
  localparam int unsigned PageBits = 12;

  typedef struct packed {
    logic                  fresh;     // first of a burst: the rest of the beat before is not for it
    logic                  last;      // of its word
    logic [OffsetBits-1:0] offset;    // in its first beat
    logic [5:0]            count;
  } piece_t;

  // --- requests to pieces, pieces to bursts ------------------------------------------------------
  logic                   open_q, split_q;        // a burst is being made; half of a word is away
  logic [BeatBits-1:0]    first_q, last, first;   // beats of the burst; of this piece
  logic [AddressBits-1:0] next_q;                 // where the burst's bytes end
  logic [7:0]             len_q;                  // beats less one
  logic [5:0]             gone_q, left, amount;   // of a split word; of this piece
  logic [AddressBits-1:0] address, final_byte;
  logic [PageBits:0]      in_page;                // bytes up to the end of the page
  logic                   crosses, joins, take, close, piece_ready, burst_ready;
  logic [BeatBits-1:0]    span;
  piece_t                 piece, head;

  assign address    = split_q ? address_i + AddressBits'(gone_q) : address_i;
  assign left       = split_q ? count_i - gone_q : count_i;
  assign in_page    = (PageBits + 1)'(1 << PageBits) - {1'b0, address[PageBits-1:0]};
  assign crosses    = (PageBits + 1)'(left) > in_page;
  assign amount     = crosses ? in_page[5:0] : left;
  assign final_byte = address + AddressBits'(amount) - AddressBits'(1);
  assign first      = address[AddressBits-1:OffsetBits];
  assign last       = final_byte[AddressBits-1:OffsetBits];
  assign span       = last - first_q;
  assign joins      = open_q && address == next_q && address[PageBits-1:0] != '0
                      && span < BeatBits'(MaxBeats);
  assign piece      = '{
    fresh: !joins,
    last: !crosses,
    offset: address[OffsetBits-1:0],
    count: amount
  };
  assign close      = open_q && (!request_i || !joins || !piece_ready) && burst_ready;
  assign take       = request_i && piece_ready && (joins || !open_q || close);
  assign ready_o    = take && !crosses;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      open_q  <= 1'b0;
      split_q <= 1'b0;
    end else begin
      open_q  <= take || (open_q && !close);
      split_q <= !clear_i && (take ? crosses : split_q);
    end
  end

  always_ff @(posedge clk_i) begin
    if (take) begin
      next_q <= final_byte + AddressBits'(1);
      gone_q <= in_page[5:0];
      if (joins) begin
        len_q <= 8'(span);
      end else begin
        first_q <= first;
        len_q   <= 8'(last - first);
      end
    end
  end

  accel_queue #(
    .Width(AddressBits + 8),
    .Depth(4)
  ) bursts (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .push_i      (close),
    .push_ready_o(burst_ready),
    .push_data_i ({first_q, OffsetBits'(0), len_q}),
    .head_valid_o(ar_valid_o),
    .head_o      ({ar_address_o, ar_len_o}),
    .pop_i       (ar_ready_i)
  );

  // --- beats to words ----------------------------------------------------------------------------
  logic                   head_valid, beat_q, used_q, stale, usable, exhausted, piece_done;
  logic [8*DataBytes-1:0] beat_data_q;
  logic [5:0]             taken_q, have_q, wanted, count;
  logic [OffsetBits-1:0]  position;
  logic [OffsetBits:0]    in_beat;
  logic [8*PortBytes-1:0] word_q, word, part;

  accel_queue #(
    .Width($bits(piece_t)),
    .Depth(Pieces)
  ) pieces (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .push_i      (take),
    .push_ready_o(piece_ready),
    .push_data_i (piece),
    .head_valid_o(head_valid),
    .head_o      (head),
    .pop_i       (piece_done)
  );

  assign stale      = head_valid && head.fresh && taken_q == '0 && beat_q && used_q;
  assign usable     = head_valid && beat_q && !stale;
  assign position   = head.offset + OffsetBits'(taken_q);
  assign in_beat    = (OffsetBits + 1)'(DataBytes) - {1'b0, position};
  assign wanted     = head.count - taken_q;
  assign exhausted  = usable && 32'(wanted) >= 32'(in_beat);
  assign count      = 32'(wanted) > 32'(in_beat) ? 6'(in_beat) : wanted;
  assign piece_done = usable && 32'(wanted) <= 32'(in_beat);
  assign r_ready_o  = !beat_q || stale || exhausted;
  assign error_o    = r_valid_i && r_ready_o && r_resp_i != 2'b00;

  always_comb begin
    part = '0;
    for (int unsigned b = 0; b < PortBytes; b++) begin
      if (b < DataBytes && b < 32'(count)) begin
        part[8*b +: 8] = beat_data_q[8*OffsetBits'(position + OffsetBits'(b)) +: 8];
      end
    end
    word = word_q | (part << {have_q, 3'b000});
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      beat_q   <= 1'b0;
      used_q   <= 1'b0;
      taken_q  <= '0;
      have_q   <= '0;
      word_q   <= '0;
      answer_o <= 1'b0;
    end else begin
      beat_q   <= (r_valid_i && r_ready_o) || (beat_q && !stale && !exhausted);
      used_q   <= (usable || used_q) && !(r_ready_o && r_valid_i);
      answer_o <= piece_done && head.last;
      if (usable) begin
        taken_q <= piece_done ? '0 : taken_q + count;
        have_q  <= piece_done && head.last ? '0 : have_q + count;
        word_q  <= piece_done && head.last ? '0 : word;
      end
      if (clear_i) begin
        have_q <= '0;
        word_q <= '0;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (r_valid_i && r_ready_o) begin
      beat_data_q <= r_data_i;
    end
    if (piece_done && head.last) begin
      data_o <= word;
    end
  end

  assign idle_o = !open_q && !ar_valid_o && !head_valid;

endmodule
