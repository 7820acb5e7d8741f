// The accelerator as a block for a system on chip: accel_core behind one AXI4 master port
// (instructions, LOAD, SAVE) and registers behind an AXI4-Lite port; docs/rtl.md has the
// registers and a run step by step. All reads of LOAD have ID 0, those of instructions ID 1,
// writes ID 0. Bursts are INCR, full width, up to MaxBeats, never across 4 KiB. A response that
// is no OKAY ends the run with a trap. Bus ports have the names of the AXI specification, by
// which integration tools and bus models find them; all others follow the conventions of the
// design.
module accel_top
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
  parameter int unsigned FetchCycles = 2,
  parameter int unsigned QueueDepth = 4,
  parameter int unsigned BufferLatency = 1,
  parameter int unsigned RequantLatency = 0,
  parameter int unsigned AddressBits = 40,
  parameter int unsigned DataBytes = 8,             // of the AXI4 port: a power of two, 4 .. 64
  parameter int unsigned MaxBeats = 16
) (
  input  logic                   clk_i,
  input  logic                   rst_ni,
  output logic                   interrupt_o,       // while ended, trapped, or in want of the host
  // AXI4 master.
  output logic [0:0]             m_axi_awid,
  output logic [AddressBits-1:0] m_axi_awaddr,
  output logic [7:0]             m_axi_awlen,
  output logic [2:0]             m_axi_awsize,
  output logic [1:0]             m_axi_awburst,
  output logic                   m_axi_awlock,
  output logic [3:0]             m_axi_awcache,
  output logic [2:0]             m_axi_awprot,
  output logic                   m_axi_awvalid,
  input  logic                   m_axi_awready,
  output logic [8*DataBytes-1:0] m_axi_wdata,
  output logic [DataBytes-1:0]   m_axi_wstrb,
  output logic                   m_axi_wlast,
  output logic                   m_axi_wvalid,
  input  logic                   m_axi_wready,
  input  logic [0:0]             m_axi_bid,
  input  logic [1:0]             m_axi_bresp,
  input  logic                   m_axi_bvalid,
  output logic                   m_axi_bready,
  output logic [0:0]             m_axi_arid,
  output logic [AddressBits-1:0] m_axi_araddr,
  output logic [7:0]             m_axi_arlen,
  output logic [2:0]             m_axi_arsize,
  output logic [1:0]             m_axi_arburst,
  output logic                   m_axi_arlock,
  output logic [3:0]             m_axi_arcache,
  output logic [2:0]             m_axi_arprot,
  output logic                   m_axi_arvalid,
  input  logic                   m_axi_arready,
  input  logic [0:0]             m_axi_rid,
  input  logic [8*DataBytes-1:0] m_axi_rdata,
  input  logic [1:0]             m_axi_rresp,
  input  logic                   m_axi_rlast,
  input  logic                   m_axi_rvalid,
  output logic                   m_axi_rready,
  // AXI4-Lite slave.
  input  logic [7:0]             s_axil_awaddr,
  input  logic [2:0]             s_axil_awprot,
  input  logic                   s_axil_awvalid,
  output logic                   s_axil_awready,
  input  logic [31:0]            s_axil_wdata,
  input  logic [3:0]             s_axil_wstrb,
  input  logic                   s_axil_wvalid,
  output logic                   s_axil_wready,
  output logic [1:0]             s_axil_bresp,
  output logic                   s_axil_bvalid,
  input  logic                   s_axil_bready,
  input  logic [7:0]             s_axil_araddr,
  input  logic [2:0]             s_axil_arprot,
  input  logic                   s_axil_arvalid,
  output logic                   s_axil_arready,
  output logic [31:0]            s_axil_rdata,
  output logic [1:0]             s_axil_rresp,
  output logic                   s_axil_rvalid,
  input  logic                   s_axil_rready
);

  localparam int unsigned PortBytes = Channels > ParameterBytes ? Channels : ParameterBytes;
  localparam logic LoadId = 1'b0;
  localparam logic FetchId = 1'b1;
  localparam logic [1:0] Incrementing = 2'b01;
  localparam logic [3:0] Bufferable = 4'b0011;      // normal memory, not cached
  localparam logic [2:0] Size = 3'($clog2(DataBytes));

  // --- registers and control ---------------------------------------------------------------------
  logic        start, abort, host_done, clear, core_rst_n, core_start;
  logic        running, busy, ended, trapped;
  logic [31:0] count, ddr_bytes, number, trap_number;
  logic [12:0] calls;
  logic [63:0] ins_base, ddr_base;
  logic [2:0]  cause;
  logic [47:0] cycles;
  logic        bus_idle, fetch_error, read_error, write_error, fetch_idle, read_idle, write_idle;
  logic        core_running, core_ended, core_trapped, host_request;
  logic [31:0] core_number;
  logic [47:0] core_cycles;
  logic [11:0] host_call;

  assign bus_idle    = fetch_idle && read_idle && write_idle;
  assign interrupt_o = ended || trapped || (running && host_request);

  accel_axi_registers registers (
    .clk_i         (clk_i),
    .rst_ni        (rst_ni),
    .aw_valid_i    (s_axil_awvalid),
    .aw_ready_o    (s_axil_awready),
    .aw_address_i  (s_axil_awaddr),
    .w_valid_i     (s_axil_wvalid),
    .w_ready_o     (s_axil_wready),
    .w_data_i      (s_axil_wdata),
    .w_strobe_i    (s_axil_wstrb),
    .b_valid_o     (s_axil_bvalid),
    .b_ready_i     (s_axil_bready),
    .b_resp_o      (s_axil_bresp),
    .ar_valid_i    (s_axil_arvalid),
    .ar_ready_o    (s_axil_arready),
    .ar_address_i  (s_axil_araddr),
    .r_valid_o     (s_axil_rvalid),
    .r_ready_i     (s_axil_rready),
    .r_data_o      (s_axil_rdata),
    .r_resp_o      (s_axil_rresp),
    .start_o       (start),
    .abort_o       (abort),
    .host_done_o   (host_done),
    .count_o       (count),
    .ddr_bytes_o   (ddr_bytes),
    .calls_o       (calls),
    .ins_base_o    (ins_base),
    .ddr_base_o    (ddr_base),
    .busy_i        (busy),
    .ended_i       (ended),
    .trapped_i     (trapped),
    .cause_i       (cause),
    .host_request_i(running && host_request),
    .host_call_i   (host_call),
    .trap_number_i (trap_number),
    .cycles_i      (cycles),
    .sizes_i       ({8'(AluPixels), 8'(ImageGroups), 8'(Channels), 8'(PixelParallel)})
  );

  accel_axi_control control (
    .clk_i         (clk_i),
    .rst_ni        (rst_ni),
    .start_i       (start),
    .abort_i       (abort),
    .bus_idle_i    (bus_idle),
    .fetch_error_i (fetch_error),
    .read_error_i  (read_error),
    .write_error_i (write_error),
    .clear_o       (clear),
    .core_rst_no   (core_rst_n),
    .core_start_o  (core_start),
    .core_ended_i  (core_ended),
    .core_trapped_i(core_trapped),
    .core_number_i (core_number),
    .core_cycles_i (core_cycles),
    .running_o     (running),
    .busy_o        (busy),
    .ended_o       (ended),
    .trapped_o     (trapped),
    .cause_o       (cause),
    .number_o      (trap_number),
    .cycles_o      (cycles)
  );

  // --- core --------------------------------------------------------------------------------------
  logic                       ins_valid, ins_ready;
  logic [InstructionBits-1:0] ins_word;
  logic                       read_request, read_ready, read_valid;
  logic [31:0]                read_address;
  logic [5:0]                 read_count;
  logic [8*PortBytes-1:0]     read_data;
  logic                       write_request, write_ready, write_done;
  logic [31:0]                write_address;
  logic [5:0]                 write_count;
  logic [8*PortBytes-1:0]     write_data;

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
    .BytesPer1024Cycles(1024 * PortBytes),      // the bus sets the pace
    .FetchCycles       (FetchCycles),
    .QueueDepth        (QueueDepth),
    .BufferLatency     (BufferLatency),
    .RequantLatency    (RequantLatency)
  ) core (
    .clk_i          (clk_i),
    .rst_ni         (core_rst_n),
    .start_i        (core_start),
    .count_i        (count),
    .ddr_bytes_i    (ddr_bytes),
    .calls_i        (calls),
    .running_o      (core_running),
    .ended_o        (core_ended),
    .trapped_o      (core_trapped),
    .trap_number_o  (core_number),
    .cycles_o       (core_cycles),
    .host_request_o (host_request),
    .host_call_o    (host_call),
    .host_done_i    (host_done),
    .ins_number_o   (number),
    .ins_valid_i    (ins_valid),
    .ins_word_i     (ins_word),
    .ins_ready_o    (ins_ready),
    .read_request_o (read_request),
    .read_ready_i   (read_ready),
    .read_address_o (read_address),
    .read_count_o   (read_count),
    .read_valid_i   (read_valid),
    .read_data_i    (read_data),
    .write_request_o(write_request),
    .write_ready_i  (write_ready),
    .write_address_o(write_address),
    .write_count_o  (write_count),
    .write_data_o   (write_data),
    .write_done_i   (write_done)
  );

  // --- writes ------------------------------------------------------------------------------------
  accel_axi_write #(
    .PortBytes  (PortBytes),
    .DataBytes  (DataBytes),
    .AddressBits(AddressBits),
    .MaxBeats   (MaxBeats)
  ) saves (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .clear_i     (clear),
    .idle_o      (write_idle),
    .error_o     (write_error),
    .request_i   (write_request),
    .ready_o     (write_ready),
    .address_i   (AddressBits'(ddr_base) + AddressBits'(write_address)),
    .count_i     (write_count),
    .data_i      (write_data),
    .done_o      (write_done),
    .aw_valid_o  (m_axi_awvalid),
    .aw_ready_i  (m_axi_awready),
    .aw_address_o(m_axi_awaddr),
    .aw_len_o    (m_axi_awlen),
    .w_valid_o   (m_axi_wvalid),
    .w_ready_i   (m_axi_wready),
    .w_data_o    (m_axi_wdata),
    .w_strobe_o  (m_axi_wstrb),
    .w_last_o    (m_axi_wlast),
    .b_valid_i   (m_axi_bvalid),
    .b_ready_o   (m_axi_bready),
    .b_resp_i    (m_axi_bresp)
  );

  assign m_axi_awid    = '0;
  assign m_axi_awsize  = Size;
  assign m_axi_awburst = Incrementing;
  assign m_axi_awlock  = 1'b0;
  assign m_axi_awcache = Bufferable;
  assign m_axi_awprot  = '0;

  // --- reads: two requesters, told apart by their ID ---------------------------------------------
  logic                   load_valid, load_ready, load_data_ready;
  logic                   fetch_valid, fetch_ready, fetch_data_ready;
  logic [AddressBits-1:0] load_address, fetch_address;
  logic [7:0]             load_len, fetch_len;
  logic                   granted_q, grant_q, grant;    // an address that is on show stays

  accel_axi_read #(
    .PortBytes  (PortBytes),
    .DataBytes  (DataBytes),
    .AddressBits(AddressBits),
    .MaxBeats   (MaxBeats)
  ) loads (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .clear_i     (clear),
    .idle_o      (read_idle),
    .error_o     (read_error),
    .request_i   (read_request),
    .ready_o     (read_ready),
    .address_i   (AddressBits'(ddr_base) + AddressBits'(read_address)),
    .count_i     (read_count),
    .answer_o    (read_valid),
    .data_o      (read_data),
    .ar_valid_o  (load_valid),
    .ar_ready_i  (load_ready),
    .ar_address_o(load_address),
    .ar_len_o    (load_len),
    .r_valid_i   (m_axi_rvalid && m_axi_rid[0] == LoadId),
    .r_ready_o   (load_data_ready),
    .r_data_i    (m_axi_rdata),
    .r_resp_i    (m_axi_rresp)
  );

  accel_axi_fetch #(
    .DataBytes  (DataBytes),
    .AddressBits(AddressBits)
  ) fetches (
    .clk_i       (clk_i),
    .rst_ni      (rst_ni),
    .clear_i     (clear),
    .idle_o      (fetch_idle),
    .error_o     (fetch_error),
    .base_i      (AddressBits'(ins_base)),
    .enable_i    (running && core_running && number < count),
    .number_i    (number),
    .valid_o     (ins_valid),
    .word_o      (ins_word),
    .ready_i     (ins_ready),
    .ar_valid_o  (fetch_valid),
    .ar_ready_i  (fetch_ready),
    .ar_address_o(fetch_address),
    .ar_len_o    (fetch_len),
    .r_valid_i   (m_axi_rvalid && m_axi_rid[0] == FetchId),
    .r_ready_o   (fetch_data_ready),
    .r_data_i    (m_axi_rdata),
    .r_resp_i    (m_axi_rresp),
    .r_last_i    (m_axi_rlast)
  );

  assign grant         = granted_q ? grant_q : (fetch_valid ? FetchId : LoadId);
  assign m_axi_arvalid = grant == FetchId ? fetch_valid : load_valid;
  assign m_axi_arid    = grant;
  assign m_axi_araddr  = grant == FetchId ? fetch_address : load_address;
  assign m_axi_arlen   = grant == FetchId ? fetch_len : load_len;
  assign m_axi_arsize  = Size;
  assign m_axi_arburst = Incrementing;
  assign m_axi_arlock  = 1'b0;
  assign m_axi_arcache = Bufferable;
  assign m_axi_arprot  = '0;
  assign fetch_ready   = m_axi_arready && grant == FetchId;
  assign load_ready    = m_axi_arready && grant == LoadId;
  assign m_axi_rready  = m_axi_rid[0] == FetchId ? fetch_data_ready : load_data_ready;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      granted_q <= 1'b0;
      grant_q   <= LoadId;
    end else begin
      granted_q <= m_axi_arvalid && !m_axi_arready;
      grant_q   <= grant;
    end
  end

  logic unused_inputs;
  assign unused_inputs = ^{m_axi_bid, s_axil_awprot, s_axil_arprot, ddr_base, ins_base};

endmodule
