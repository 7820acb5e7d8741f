// The core beside its simulated memory: what the runner and the benches drive. Not synthesizable hardware.
module accel_bench
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
  parameter int unsigned DdrLatency = 8,
  parameter int unsigned FetchCycles = 2,
  parameter int unsigned QueueDepth = 4,
  parameter int unsigned BufferLatency = 0,
  parameter int unsigned RequantLatency = 0,
  parameter int unsigned DdrBytes = 65536,
  parameter int unsigned Instructions = 1024
) (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        start_i,
  input  logic [31:0] count_i,
  input  logic [31:0] ddr_bytes_i,
  input  logic [12:0] calls_i,
  output logic        running_o,
  output logic        ended_o,
  output logic        trapped_o,
  output logic [31:0] trap_number_o,
  output logic [47:0] cycles_o,
  output logic        host_request_o,
  output logic [11:0] host_call_o,
  input  logic        host_done_i
);

  localparam int unsigned PortBytes = Channels > ParameterBytes ? Channels : ParameterBytes;

  logic [31:0]                ins_number;
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

  // A program's sizes stand still while it runs: taken with its start, lest the simulator look at them at every step.
  logic [31:0] count_q, ddr_bytes_q;
  logic [12:0] calls_q;

  always_ff @(posedge clk_i iff start_i) begin
    count_q     <= count_i;
    ddr_bytes_q <= ddr_bytes_i;
    calls_q     <= calls_i;
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
    .BufferLatency     (BufferLatency),
    .RequantLatency    (RequantLatency)
  ) core (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .start_i        (start_i),
    .count_i        (count_q),
    .ddr_bytes_i    (ddr_bytes_q),
    .calls_i        (calls_q),
    .running_o      (running_o),
    .ended_o        (ended_o),
    .trapped_o      (trapped_o),
    .trap_number_o  (trap_number_o),
    .cycles_o       (cycles_o),
    .host_request_o (host_request_o),
    .host_call_o    (host_call_o),
    .host_done_i    (host_done_i),
    .ins_number_o   (ins_number),
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

  accel_ddr_model #(
    .Bytes       (DdrBytes),
    .Instructions(Instructions),
    .PortBytes   (PortBytes),
    .Latency     (DdrLatency)
  ) memory (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .ins_number_i   (ins_number),
    .ins_valid_o    (ins_valid),
    .ins_word_o     (ins_word),
    .read_request_i (read_request),
    .read_ready_o   (read_ready),
    .read_address_i (read_address),
    .read_valid_o   (read_valid),
    .read_data_o    (read_data),
    .write_request_i(write_request),
    .write_ready_o  (write_ready),
    .write_address_i(write_address),
    .write_count_i  (write_count),
    .write_data_i   (write_data),
    .write_done_o   (write_done)
  );

  logic unused_outputs;
  assign unused_outputs = ^{ins_ready, read_count};

endmodule
