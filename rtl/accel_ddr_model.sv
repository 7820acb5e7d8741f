// DDR and instruction memory for simulation, with the times of accel_sim.machine.timing: a read is sampled at the edge
// of the request and answered so that the buffer can be written Latency edges after it, with what lies behind the
// bytes asked for, as a wide bus does; a write that the buffer was read
// for at edge t (the request is there at t + 1) changes DDR at edge t + Latency. Always ready.
// `ddr` holds bytes, `ins` words of 512 bits.
module accel_ddr_model
  import accel_pkg::*;
#(
  parameter int unsigned Bytes = 65536,
  parameter int unsigned Instructions = 1024,
  parameter int unsigned PortBytes = 8,
  parameter int unsigned Latency = 8
) (
  input  logic                       clk_i,
  input  logic                       rst_ni,
  input  logic [31:0]                ins_number_i,
  output logic                       ins_valid_o,
  output logic [InstructionBits-1:0] ins_word_o,
  input  logic                       read_request_i,
  output logic                       read_ready_o,
  input  logic [31:0]                read_address_i,
  output logic                       read_valid_o,
  output logic [8*PortBytes-1:0]     read_data_o,
  input  logic                       write_request_i,
  output logic                       write_ready_o,
  input  logic [31:0]                write_address_i,
  input  logic [5:0]                 write_count_i,
  input  logic [8*PortBytes-1:0]     write_data_i,
  output logic                       write_done_o
);

  localparam int unsigned AddressBits = $clog2(Bytes);
  localparam int unsigned NumberBits = $clog2(Instructions);

  typedef struct packed {
    logic                   valid;
    logic [8*PortBytes-1:0] data;
  } read_t;

  typedef struct packed {
    logic                   valid;
    logic [31:0]            address;
    logic [5:0]             count;
    logic [8*PortBytes-1:0] data;
  } write_t;

  logic [7:0]                 ddr [Bytes];
  logic [InstructionBits-1:0] ins [Instructions];
  read_t                      reads_q  [Latency];
  write_t                     writes   [Latency];   // [0] is the request itself

  assign ins_valid_o   = 1'b1;
  assign ins_word_o    = ins[NumberBits'(ins_number_i)];
  assign read_ready_o  = 1'b1;
  assign write_ready_o = 1'b1;
  assign read_valid_o  = reads_q[Latency-1].valid;
  assign read_data_o   = reads_q[Latency-1].data;
  assign writes[0]     = '{
    valid: write_request_i,
    address: write_address_i,
    count: write_count_i,
    data: write_data_i
  };
  assign write_done_o  = writes[Latency-1].valid;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      for (int unsigned stage = 0; stage < Latency; stage++) begin
        reads_q[stage] <= '0;
      end
    end else begin
      reads_q[0].valid <= read_request_i;
      for (int unsigned b = 0; b < PortBytes; b++) begin
        reads_q[0].data[8*b +: 8] <= read_request_i ? ddr[AddressBits'(read_address_i + b)] : 8'd0;
      end
      for (int unsigned stage = 1; stage < Latency; stage++) begin
        reads_q[stage] <= reads_q[stage-1];
      end
    end
  end

  for (genvar stage = 1; stage < Latency; stage++) begin : gen_writes
    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) begin
        writes[stage] <= '0;
      end else begin
        writes[stage] <= writes[stage-1];
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (writes[Latency-1].valid) begin
      for (int unsigned b = 0; b < PortBytes; b++) begin
        if (b < 32'(writes[Latency-1].count)) begin
          ddr[AddressBits'(writes[Latency-1].address + b)] <= writes[Latency-1].data[8*b +: 8];
        end
      end
    end
  end

endmodule
