// LOAD (Storing = 0) or SAVE (Storing = 1): for y < ny, x < nx, c < nc: a word between DDR and a buffer.
//
// The word with number w passes the memory port at the first edge t after the start with t > w and
// 1024 (bytes so far, its own included) <= bandwidth t: DDR is read, or the buffer. LOAD writes the buffer when the
// memory answers, in order. SAVE hands the word to the memory one edge after the read. The engine is free one edge after
// the last buffer write or the last acknowledged DDR write.
module accel_transfer
  import accel_pkg::*;
#(
  parameter bit          Storing = 1'b0,
  parameter int unsigned PixelParallel = 2,
  parameter int unsigned Channels = 4,
  parameter int unsigned BufferLatency = 1,
  parameter int unsigned BytesPer1024Cycles = 4096,
  localparam int unsigned PortBytes = Channels > ParameterBytes ? Channels : ParameterBytes,
  localparam int unsigned LaneBits = 6
) (
  input  logic                      clk_i,
  input  logic                      rst_ni,
  input  logic                      start_i,
  input  transfer_t                 instruction_i,
  output logic                      busy_o,
  output logic                      done_o,          // at the edge of the last write
  // DDR reads (LOAD), or writes (SAVE); count_o bytes from address_o on, byte 0 lowest.
  output logic                      request_o,
  input  logic                      request_ready_i,
  output logic [31:0]               address_o,
  output logic [5:0]                count_o,
  output logic [8*PortBytes-1:0]    write_data_o,
  input  logic                      answer_i,        // LOAD: data, in order; SAVE: a write is done
  input  logic [8*PortBytes-1:0]    answer_data_i,
  // Buffer: LOAD writes, SAVE reads.
  output logic                      buffer_o,
  output logic [2:0]                buffer_memory_o,
  output logic [LaneBits-1:0]       buffer_lane_o,
  output logic [15:0]               buffer_row_o,
  output logic [8*PortBytes-1:0]    buffer_data_o,
  input  logic [8*Channels-1:0]     buffer_data_i    // SAVE: BufferLatency after buffer_o
);

  localparam int unsigned CreditBits = $clog2(BytesPer1024Cycles) + 17;
  localparam logic [CreditBits-1:0] CreditLimit = {1'b0, {(CreditBits - 1) {1'b1}}};

  transfer_t instruction_q;
  logic      busy_q;

  assign busy_o = busy_q;

  // --- word size and lanes ---------------------------------------------------------------------------------------
  logic [5:0]          word_bytes;
  logic [LaneBits-1:0] last_lane;

  always_comb begin
    word_bytes = 6'(Channels);
    last_lane  = '0;
    unique case (instruction_q.memory)
      MemImg: last_lane = LaneBits'(PixelParallel - 1);
      MemWgt: last_lane = LaneBits'(Channels - 1);
      MemRqp: begin
        last_lane  = LaneBits'(Channels - 1);
        word_bytes = 6'(ParameterBytes);
      end
      MemTab: word_bytes = 6'd1;
      default: last_lane = '0;
    endcase
  end

  // --- at the port: DDR addresses, bandwidth -----------------------------------------------------------------------
  logic [13:0]           y_q, x_q, c_q;
  logic [31:0]           line_address_q, pixel_address_q, address_q;
  logic [16:0]           left_q;           // bytes of the run that are left
  logic [CreditBits-1:0] credit_q, credit, cost;
  logic                  sent_q, last_c, last_x, last_y, step, affordable;
  logic [5:0]            count;

  assign last_c     = c_q == instruction_q.nc - 14'd1;
  assign last_x     = x_q == instruction_q.nx - 14'd1;
  assign last_y     = y_q == instruction_q.ny - 14'd1;
  assign count      = left_q < 17'(word_bytes) ? left_q[5:0] : word_bytes;
  assign credit     = credit_q + CreditBits'(BytesPer1024Cycles);
  assign cost       = CreditBits'(count) << 10;
  assign affordable = credit >= cost;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      credit_q <= '0;
      sent_q   <= 1'b1;
      y_q      <= '0;
      x_q      <= '0;
      c_q      <= '0;
    end else if (start_i) begin
      credit_q <= '0;
      sent_q   <= 1'b0;
      y_q      <= '0;
      x_q      <= '0;
      c_q      <= '0;
    end else begin
      if (step) begin
        credit_q <= credit - cost;
        c_q      <= last_c ? '0 : c_q + 14'd1;
        if (last_c) begin
          x_q    <= last_x ? '0 : x_q + 14'd1;
          sent_q <= last_x && last_y;
          if (last_x) begin
            y_q <= y_q + 14'd1;
          end
        end
      end else if (credit < CreditLimit) begin
        credit_q <= credit;
      end
    end
  end

  logic moves;
  assign moves = start_i || step;

  always_ff @(posedge clk_i iff start_i) begin
    instruction_q <= instruction_i;
  end

  always_ff @(posedge clk_i iff moves) begin
    if (start_i) begin
      line_address_q  <= instruction_i.address;
      pixel_address_q <= instruction_i.address;
      address_q       <= instruction_i.address;
      left_q          <= instruction_i.valid;
    end else begin
      if (!last_c) begin
        address_q <= address_q + 32'(word_bytes);
        left_q    <= left_q - 17'(word_bytes);
      end else begin
        left_q <= instruction_q.valid;
        if (!last_x) begin
          pixel_address_q <= pixel_address_q + 32'(instruction_q.ddr_pitch_x);
          address_q       <= pixel_address_q + 32'(instruction_q.ddr_pitch_x);
        end else begin
          line_address_q  <= line_address_q + 32'(instruction_q.ddr_pitch_y);
          pixel_address_q <= line_address_q + 32'(instruction_q.ddr_pitch_y);
          address_q       <= line_address_q + 32'(instruction_q.ddr_pitch_y);
        end
      end
    end
  end

  // --- at the buffer: lanes and rows -------------------------------------------------------------------------------
  logic                buffer_step, buffer_start;
  logic [13:0]         by_q, bx_q, bc_q;
  logic [15:0]         line_row_q, pixel_row_q;
  logic [LaneBits-1:0] lane_q;
  logic [16:0]         buffer_left_q;
  logic                buffer_last_c, buffer_last_x, buffer_last_y;

  assign buffer_start    = start_i;
  assign buffer_last_c   = bc_q == instruction_q.nc - 14'd1;
  assign buffer_last_x   = bx_q == instruction_q.nx - 14'd1;
  assign buffer_last_y   = by_q == instruction_q.ny - 14'd1;
  assign buffer_o        = buffer_step;
  assign buffer_memory_o = instruction_q.memory;
  assign buffer_lane_o   = lane_q;
  assign buffer_row_o    = pixel_row_q + 16'(bc_q);

  logic buffer_moves;
  assign buffer_moves = buffer_start || buffer_step;

  always_ff @(posedge clk_i iff buffer_moves) begin
    if (buffer_start) begin
      by_q          <= '0;
      bx_q          <= '0;
      bc_q          <= '0;
      lane_q        <= '0;
      line_row_q    <= instruction_i.base;
      pixel_row_q   <= instruction_i.base;
      buffer_left_q <= instruction_i.valid;
    end else begin
      bc_q          <= buffer_last_c ? '0 : bc_q + 14'd1;
      buffer_left_q <= buffer_last_c ? instruction_q.valid : buffer_left_q - 17'(word_bytes);
      if (buffer_last_c) begin
        bx_q   <= buffer_last_x ? '0 : bx_q + 14'd1;
        lane_q <= buffer_last_x || lane_q == last_lane ? '0 : lane_q + LaneBits'(1);
        if (buffer_last_x) begin
          by_q        <= by_q + 14'd1;
          line_row_q  <= line_row_q + instruction_q.pitch_y;
          pixel_row_q <= line_row_q + instruction_q.pitch_y;
        end else if (lane_q == last_lane) begin
          pixel_row_q <= pixel_row_q + instruction_q.pitch_x;
        end
      end
    end
  end

  // --- the two directions --------------------------------------------------------------------------------------------
  if (Storing) begin : gen_save
    logic                  pending_q;      // a word has been read and waits for the memory
    logic [31:0]           pending_address_q;
    logic [5:0]            pending_count_q;
    logic [31:0]           outstanding_q;  // words read and not yet in DDR

    assign step          = busy_q && !sent_q && affordable && (!pending_q || request_ready_i);
    assign buffer_step   = step;
    assign request_o     = pending_q;
    assign address_o     = pending_address_q;
    assign count_o       = pending_count_q;
    assign done_o        = busy_q && sent_q && answer_i && outstanding_q == 32'd1;
    assign buffer_data_o = '0;

    if (BufferLatency == 0) begin : gen_register
      logic [8*Channels-1:0] data_q;
      always_ff @(posedge clk_i) begin
        if (step) begin
          data_q <= buffer_data_i;
        end
      end
      assign write_data_o = (8 * PortBytes)'(data_q);
    end else begin : gen_latch
      assign write_data_o = (8 * PortBytes)'(buffer_data_i);
    end

    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) begin
        pending_q     <= 1'b0;
        outstanding_q <= '0;
      end else begin
        pending_q     <= step || (pending_q && !request_ready_i);
        outstanding_q <= outstanding_q + 32'(step) - 32'(answer_i);
      end
    end

    always_ff @(posedge clk_i) begin
      if (step) begin
        pending_address_q <= address_q;
        pending_count_q   <= count;
      end
    end

    logic unused_load;
    assign unused_load = ^{answer_data_i, buffer_left_q, buffer_last_y};
  end else begin : gen_load
    assign step         = busy_q && !sent_q && affordable && request_ready_i;
    assign request_o    = busy_q && !sent_q && affordable;
    assign address_o    = address_q;
    assign count_o      = count;
    assign write_data_o = '0;
    assign buffer_step  = busy_q && answer_i;
    assign done_o       = buffer_step && buffer_last_c && buffer_last_x && buffer_last_y;

    // Bytes that DDR does not have are zero.
    always_comb begin
      for (int unsigned b = 0; b < PortBytes; b++) begin
        buffer_data_o[8*b +: 8] = 17'(b) < buffer_left_q && b < 32'(word_bytes)
                                  ? answer_data_i[8*b +: 8] : 8'd0;
      end
    end

    logic unused_save;
    assign unused_save = ^buffer_data_i;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      busy_q <= 1'b0;
    end else begin
      busy_q <= start_i || (busy_q && !done_o);
    end
  end

endmodule
