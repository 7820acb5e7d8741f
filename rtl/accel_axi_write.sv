// Writes of the core's native port as AXI4 INCR bursts with strobes. Words gather in a beat;
// beats that follow one another are a burst, until the 4 KiB page ends, it has MaxBeats or 255
// words, or a cycle passes without a request. Data and address of a burst are offered once it is
// complete, neither waiting for the other's ready. A word is done when the response of the burst
// with its last byte has come; done_o once a cycle. error_o: a response that is no OKAY.
module accel_axi_write #(
  parameter int unsigned PortBytes = 8,
  parameter int unsigned DataBytes = 8,         // of the bus; a power of two
  parameter int unsigned AddressBits = 40,
  parameter int unsigned MaxBeats = 16
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
  input  logic [8*PortBytes-1:0] data_i,
  output logic                   done_o,
  // Bus.
  output logic                   aw_valid_o,
  input  logic                   aw_ready_i,
  output logic [AddressBits-1:0] aw_address_o,
  output logic [7:0]             aw_len_o,
  output logic                   w_valid_o,
  input  logic                   w_ready_i,
  output logic [8*DataBytes-1:0] w_data_o,
  output logic [DataBytes-1:0]   w_strobe_o,
  output logic                   w_last_o,
  input  logic                   b_valid_i,
  output logic                   b_ready_o,
  input  logic [1:0]             b_resp_i
);

  localparam int unsigned OffsetBits = $clog2(DataBytes);
  localparam int unsigned BeatBits = AddressBits - OffsetBits;
  localparam int unsigned PageBeatBits = 12 - OffsetBits;
  localparam int unsigned Beats = 2 * MaxBeats;     // that wait
  localparam int unsigned Bursts = 8;               // that wait for a response

  // --- words to pieces of a beat -----------------------------------------------------------------
  logic [5:0]             gone_q, left, count;      // bytes of the word
  logic [AddressBits-1:0] address;
  logic [BeatBits-1:0]    beat;
  logic [OffsetBits-1:0]  position;
  logic [OffsetBits:0]    in_beat;
  logic                   whole, take;
  logic [8*DataBytes-1:0] part;
  logic [DataBytes-1:0]   part_strobe;

  assign address  = address_i + AddressBits'(gone_q);
  assign left     = count_i - gone_q;
  assign beat     = address[AddressBits-1:OffsetBits];
  assign position = address[OffsetBits-1:0];
  assign in_beat  = (OffsetBits + 1)'(DataBytes) - {1'b0, position};
  assign whole    = 32'(left) <= 32'(in_beat);
  assign count    = whole ? left : 6'(in_beat);
  assign ready_o  = take && whole;

  always_comb begin
    part        = '0;
    part_strobe = '0;
    for (int unsigned b = 0; b < PortBytes; b++) begin
      if (b >= 32'(gone_q) && b < 32'(gone_q) + 32'(count)) begin
        part[8*OffsetBits'(32'(position) + b - 32'(gone_q)) +: 8] = data_i[8*b +: 8];
        part_strobe[OffsetBits'(32'(position) + b - 32'(gone_q))] = 1'b1;
      end
    end
  end

  // --- beats to bursts ---------------------------------------------------------------------------
  logic                   open_q, same, follows, close, push;
  logic                   beat_ready, beat_valid, burst_ready, words_ready;
  logic [BeatBits-1:0]    first_q, beat_q;
  logic [7:0]             len_q, words_q;           // beats less one; words that end in this burst
  logic [8*DataBytes-1:0] data_q;
  logic [DataBytes-1:0]   strobe_q;

  assign same    = open_q && beat == beat_q && words_q != '1;
  assign follows = open_q && beat == beat_q + BeatBits'(1) && beat[PageBeatBits-1:0] != '0
                   && len_q != 8'(MaxBeats - 1) && words_q != '1;
  assign close   = open_q && !(request_i && (same || follows)) && beat_ready && burst_ready
                   && words_ready;
  assign push    = close || (take && follows);
  assign take    = request_i && (same || (follows && beat_ready) || !open_q || close);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      open_q <= 1'b0;
      gone_q <= '0;
    end else begin
      open_q <= take || (open_q && !close);
      if (clear_i) begin
        gone_q <= '0;
      end else if (take) begin
        gone_q <= whole ? '0 : gone_q + count;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (take) begin
      beat_q  <= beat;
      words_q <= (same || follows ? words_q : '0) + 8'(whole);
      if (same) begin
        strobe_q <= strobe_q | part_strobe;
        for (int unsigned b = 0; b < DataBytes; b++) begin
          if (part_strobe[b]) begin
            data_q[8*b +: 8] <= part[8*b +: 8];
          end
        end
      end else begin
        data_q   <= part;
        strobe_q <= part_strobe;
        first_q  <= follows ? first_q : beat;
        len_q    <= follows ? len_q + 8'd1 : '0;
      end
    end
  end

  accel_queue #(
    .Width(9 * DataBytes + 1),
    .Depth(Beats)
  ) beats (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .push_i      (push),
    .push_ready_o(beat_ready),
    .push_data_i ({close, strobe_q, data_q}),
    .head_valid_o(beat_valid),
    .head_o      ({w_last_o, w_strobe_o, w_data_o}),
    .pop_i       (w_valid_o && w_ready_i)
  );

  accel_queue #(
    .Width(AddressBits + 8),
    .Depth(4)
  ) bursts (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .push_i      (close),
    .push_ready_o(burst_ready),
    .push_data_i ({first_q, OffsetBits'(0), len_q}),
    .head_valid_o(aw_valid_o),
    .head_o      ({aw_address_o, aw_len_o}),
    .pop_i       (aw_ready_i)
  );

  // --- data of complete bursts only --------------------------------------------------------------
  logic       finish;
  logic [3:0] complete_q;

  assign w_valid_o = beat_valid && complete_q != '0;
  assign finish    = w_valid_o && w_ready_i && w_last_o;

  // --- responses to words ------------------------------------------------------------------------
  logic        words_valid;
  logic [7:0]  words;
  logic [11:0] done_q;      // words that are in memory and not yet told

  accel_queue #(
    .Width(8),
    .Depth(Bursts)
  ) outstanding (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .push_i      (close),
    .push_ready_o(words_ready),
    .push_data_i (words_q),
    .head_valid_o(words_valid),
    .head_o      (words),
    .pop_i       (b_valid_i && b_ready_o)
  );

  assign b_ready_o = words_valid && !done_q[11];
  assign error_o   = b_valid_i && b_ready_o && b_resp_i != 2'b00;
  assign done_o    = done_q != '0;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      complete_q <= '0;
      done_q     <= '0;
    end else begin
      complete_q <= complete_q + 4'(close) - 4'(finish);
      done_q     <= done_q - 12'(done_o) + (b_valid_i && b_ready_o ? 12'(words) : '0);
    end
  end

  assign idle_o = !open_q && !beat_valid && !aw_valid_o && !words_valid && !done_o;

endmodule
