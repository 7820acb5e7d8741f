// Another toplevel around the core, for the tests: one 32-bit bus in the manner of Wishbone (classic cycles, one access at a
// time) for instructions, LOAD and SAVE alike, and plain ports instead of registers. With mistake_i it makes a mistake:
// 1 writes whole 32-bit words where fewer bytes are meant, 2 loses the lowest address bits of reads, 3 reads
// no more than the first bus word of a longer one, 4 skips an instruction after each host call.
module plug_in_top
  import accel_pkg::*;
#(
  parameter int unsigned PixelParallel = 2,
  parameter int unsigned Channels = 4,
  parameter int unsigned AluPixels = 1,
  parameter int unsigned ImageGroups = 2,
  parameter int unsigned ImageRows = 512,
  parameter int unsigned WeightRows = 512,
  parameter int unsigned DepthwiseRows = 256,
  parameter int unsigned BiasRows = 256,
  parameter int unsigned ParameterRows = 64,
  parameter int unsigned BytesPer1024Cycles = 4096,
  parameter int unsigned FetchCycles = 2,
  parameter int unsigned QueueDepth = 4,
  parameter int unsigned BufferLatency = 0
) (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic [2:0]  mistake_i,
  input  logic        start_i,
  input  logic [31:0] count_i,
  input  logic [31:0] ddr_bytes_i,
  input  logic [12:0] calls_i,
  input  logic [31:0] ddr_base_i,
  input  logic [31:0] ins_base_i,
  output logic        ended_o,
  output logic        trapped_o,
  output logic [31:0] trap_number_o,
  output logic [47:0] cycles_o,
  output logic        host_request_o,
  output logic [11:0] host_call_o,
  input  logic        host_done_i,
  output logic        cyc_o,
  output logic        we_o,
  output logic [31:0] adr_o,
  output logic [3:0]  sel_o,
  output logic [31:0] dat_o,
  input  logic [31:0] dat_i,
  input  logic        ack_i
);

  localparam int unsigned PortBytes = Channels > ParameterBytes ? Channels : ParameterBytes;

  logic [31:0]                ins_number;
  logic                       ins_valid, ins_ready, running;
  logic                       read_request, read_ready, read_valid;
  logic [31:0]                read_address, write_address;
  logic [5:0]                 read_count, write_count;
  logic                       write_request, write_ready, write_done;
  logic [8*PortBytes-1:0]     write_data;

  // --- one access after the other ------------------------------------------------------------------
  typedef enum logic [1:0] {
    StIdle,
    StFetch,
    StLoad,
    StSave
  } state_e;

  state_e       state_q;
  logic [31:0]  address_q, skipped_q;
  logic [6:0]   left_q, got_q, count;
  logic [511:0] bytes_q, word_q;
  logic         full_q, done_q, last;      // full: an instruction waits to be taken
  logic [1:0]   lane;
  logic [8*PortBytes-1:0] read_data_q;

  assign lane  = mistake_i == 3'd2 && state_q == StLoad ? 2'd0 : address_q[1:0];
  assign count = left_q < 7'd4 - 7'(lane) ? left_q : 7'd4 - 7'(lane);
  assign last  = ack_i && (left_q == count || (mistake_i == 3'd3 && state_q == StLoad));
  assign cyc_o = state_q != StIdle;
  assign we_o  = state_q == StSave;
  assign adr_o = {address_q[31:2], 2'b00};
  assign sel_o = mistake_i == 3'd1 ? 4'hf : 4'((5'd1 << count) - 5'd1) << lane;
  assign dat_o = 32'(bytes_q >> {got_q, 3'b000}) << {lane, 3'b000};

  assign write_ready = state_q == StIdle;
  assign read_ready  = state_q == StIdle && !write_request;
  assign ins_valid   = full_q;
  assign read_valid  = done_q;
  assign write_done  = last && state_q == StSave;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q   <= StIdle;
      full_q    <= 1'b0;
      done_q    <= 1'b0;
      skipped_q <= '0;
    end else begin
      done_q <= last && state_q == StLoad;
      if (full_q && ins_ready) full_q <= 1'b0;
      if (host_done_i && mistake_i == 3'd4) skipped_q <= skipped_q + 32'd1;
      if (state_q == StIdle) begin
        got_q   <= '0;
        bytes_q <= '0;
        if (write_request) begin
          state_q   <= StSave;
          address_q <= ddr_base_i + write_address;
          left_q    <= 7'(write_count);
          bytes_q   <= 512'(write_data);
        end else if (read_request) begin
          state_q   <= StLoad;
          address_q <= ddr_base_i + read_address;
          left_q    <= 7'(read_count);
        end else if (running && !full_q && !done_q && ins_number < count_i) begin
          state_q   <= StFetch;
          address_q <= ins_base_i + ((ins_number + skipped_q) << 6);
          left_q    <= 7'd64;
        end
      end else if (ack_i) begin
        address_q <= address_q + 32'(count);
        left_q    <= left_q - count;
        got_q     <= got_q + count;
        if (state_q != StSave) begin
          bytes_q <= bytes_q | (512'(dat_i >> {lane, 3'b000}) << {got_q, 3'b000});
        end
        if (last) begin
          state_q <= StIdle;
          full_q  <= state_q == StFetch;
          if (state_q == StFetch) word_q <= bytes_q | (512'(dat_i) << {got_q, 3'b000});
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (last && state_q == StLoad) begin
      read_data_q <= (8 * PortBytes)'(bytes_q | (512'(dat_i >> {lane, 3'b000}) << {got_q, 3'b000}));
    end
  end

  accel_core #(
    .PixelParallel     (PixelParallel),
    .Channels          (Channels),
    .AluPixels         (AluPixels),
    .ImageGroups       (ImageGroups),
    .ImageRows         (ImageRows),
    .WeightRows        (WeightRows),
    .DepthwiseRows     (DepthwiseRows),
    .BiasRows          (BiasRows),
    .ParameterRows     (ParameterRows),
    .BytesPer1024Cycles(BytesPer1024Cycles),
    .FetchCycles       (FetchCycles),
    .QueueDepth        (QueueDepth),
    .BufferLatency     (BufferLatency)
  ) core (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .start_i        (start_i),
    .count_i        (count_i),
    .ddr_bytes_i    (ddr_bytes_i),
    .calls_i        (calls_i),
    .running_o      (running),
    .ended_o        (ended_o),
    .trapped_o      (trapped_o),
    .trap_number_o  (trap_number_o),
    .cycles_o       (cycles_o),
    .host_request_o (host_request_o),
    .host_call_o    (host_call_o),
    .host_done_i    (host_done_i),
    .ins_number_o   (ins_number),
    .ins_valid_i    (ins_valid),
    .ins_word_i     (word_q),
    .ins_ready_o    (ins_ready),
    .read_request_o (read_request),
    .read_ready_i   (read_ready),
    .read_address_o (read_address),
    .read_count_o   (read_count),
    .read_valid_i   (read_valid),
    .read_data_i    (read_data_q),
    .write_request_o(write_request),
    .write_ready_i  (write_ready),
    .write_address_o(write_address),
    .write_count_o  (write_count),
    .write_data_o   (write_data),
    .write_done_i   (write_done)
  );

endmodule
