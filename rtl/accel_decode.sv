// Legality of an instruction word: what traps. Combinational; the rules are accel_sim.isa.geometry.check and
// accel_sim.isa.encoding.decode. An extent is base + (height - 1) pitch_y + (width - 1) / lanes pitch_x + groups.
module accel_decode
  import accel_pkg::*;
#(
  parameter int unsigned PixelParallel = 2,
  parameter int unsigned Channels = 4,
  parameter int unsigned ImageLines = 1024,   // rows of all image groups
  parameter int unsigned WeightRows = 512,
  parameter int unsigned DepthwiseRows = 256,
  parameter int unsigned BiasRows = 256,
  parameter int unsigned ParameterRows = 64
) (
  input  logic [InstructionBits-1:0] word_i,
  input  logic [31:0]                ddr_bytes_i,
  input  logic [12:0]                calls_i,      // HOST calls that exist
  output logic                       legal_o,
  output logic [Engines-1:0]         engine_o,     // one-hot; zero for HOST, END and illegal words
  output logic                       host_o,
  output logic                       end_o
);

  typedef logic [47:0] wide_t;

  localparam int unsigned LanesLog = $clog2(PixelParallel);
  localparam int unsigned CommonBits = $bits(common_t);
  localparam int unsigned ComputeEnd = CommonBits + $bits(compute_t);
  localparam int unsigned TableRows = Tables * TableBytes;
  localparam int unsigned BiasWords = 4;      // rows of an output group's biases: OCP equals ICP

  function automatic wide_t extent(input logic [15:0] base, input logic [15:0] pitch_y,
                                   input logic [15:0] pitch_x, input logic [13:0] height,
                                   input logic [13:0] column, input logic [13:0] groups);
    return wide_t'(base) + (wide_t'(height) - wide_t'(1)) * wide_t'(pitch_y)
           + wide_t'(column) * wide_t'(pitch_x) + wide_t'(groups);
  endfunction

  common_t   shared;
  transfer_t transfer;
  compute_t  compute;
  conv_t     conv;
  alu_t      alu;
  host_t     host;
  assign shared   = word_i[CommonBits-1:0];
  assign transfer = word_i[CommonBits +: $bits(transfer_t)];
  assign compute  = word_i[CommonBits +: $bits(compute_t)];
  assign conv     = word_i[ComputeEnd +: $bits(conv_t)];
  assign alu      = word_i[ComputeEnd +: $bits(alu_t)];
  assign host     = word_i[CommonBits +: $bits(host_t)];

  // --- transfers -------------------------------------------------------------------------------------------------
  logic        transfer_ok;
  logic [13:0] transfer_column;
  wide_t       word_bytes, transfer_rows, transfer_high, transfer_ddr;

  always_comb begin
    word_bytes      = wide_t'(Channels);
    transfer_rows   = '0;
    transfer_column = transfer.nx - 14'd1;
    unique case (transfer.memory)
      MemImg: begin
        transfer_rows   = wide_t'(ImageLines);
        transfer_column = (transfer.nx - 14'd1) >> LanesLog;
      end
      MemWgt: begin
        transfer_rows   = wide_t'(WeightRows);
        transfer_column = (transfer.nx - 14'd1) / 14'(Channels);
      end
      MemDwt: transfer_rows = wide_t'(DepthwiseRows);
      MemBias: transfer_rows = wide_t'(BiasRows);
      MemRqp: begin
        transfer_rows   = wide_t'(ParameterRows);
        transfer_column = (transfer.nx - 14'd1) / 14'(Channels);
        word_bytes      = wide_t'(ParameterBytes);
      end
      MemTab: begin
        transfer_rows = wide_t'(TableRows);
        word_bytes    = wide_t'(1);
      end
      default: transfer_rows = '0;
    endcase
    transfer_high = extent(transfer.base, transfer.pitch_y, transfer.pitch_x, transfer.ny,
                           transfer_column, transfer.nc);
    transfer_ddr  = wide_t'(transfer.address)
                    + (wide_t'(transfer.ny) - wide_t'(1)) * wide_t'(transfer.ddr_pitch_y)
                    + (wide_t'(transfer.nx) - wide_t'(1)) * wide_t'(transfer.ddr_pitch_x)
                    + wide_t'(transfer.valid);
    transfer_ok   = transfer.ny != '0 && transfer.nx != '0 && transfer.nc != '0
                    && transfer.valid != '0
                    && (wide_t'(transfer.nc) - wide_t'(1)) * word_bytes < wide_t'(transfer.valid)
                    && wide_t'(transfer.valid) <= wide_t'(transfer.nc) * word_bytes
                    && transfer_high <= transfer_rows && transfer_ddr <= wide_t'(ddr_bytes_i)
                    && (shared.opcode != OpSave || transfer.memory == MemImg);
  end

  // --- CONV and ALU ----------------------------------------------------------------------------------------------
  logic        is_conv, pair, plain, parameters, bounds_ok, views_ok, constants_ok, kind_ok;
  logic [13:0] in_groups, out_column, second_height, second_column;
  wide_t       weights;

  always_comb begin
    is_conv    = shared.opcode == OpConv;
    pair       = alu.op == AluAdd || alu.op == AluMultiply;
    plain      = compute.kernel_y == 9'd1 && compute.kernel_x == 9'd1 && compute.stride_y == 9'd1
                 && compute.stride_x == 9'd1;
    parameters = is_conv || alu.op == AluDepthwise || alu.op == AluSum;
    bounds_ok  = compute.in_height != '0 && compute.in_width != '0 && compute.in_groups != '0
                 && compute.out_height != '0 && compute.out_width != '0 && compute.out_groups != '0
                 && compute.kernel_y != '0 && compute.kernel_x != '0 && compute.stride_y != '0
                 && compute.stride_x != '0 && compute.tail != '0 && 32'(compute.tail) <= Channels
                 && compute.mode <= ModeGemmlowp && compute.low <= compute.high;

    in_groups     = is_conv ? 14'(compute.in_groups) : 14'(compute.out_groups);
    out_column    = (14'(compute.out_width) - 14'd1) >> LanesLog;
    second_height = alu.broadcast ? 14'd1 : 14'(compute.out_height);
    second_column = alu.broadcast ? 14'd0 : out_column;
    views_ok = extent(compute.in_base, compute.in_pitch_y, compute.in_pitch_x,
                      14'(compute.in_height),
                      (14'(compute.in_width) - 14'd1) >> LanesLog, in_groups)
               <= wide_t'(ImageLines);
    if (!is_conv || conv.last) begin
      views_ok = views_ok && extent(compute.out_base, compute.out_pitch_y, compute.out_pitch_x,
                                    14'(compute.out_height), out_column, 14'(compute.out_groups))
                             <= wide_t'(ImageLines);
    end
    if (!is_conv && pair) begin
      views_ok = views_ok && extent(alu.second_base, alu.second_pitch_y, alu.second_pitch_x,
                                    second_height, second_column, 14'(compute.out_groups))
                             <= wide_t'(ImageLines);
    end

    weights = wide_t'(compute.weight_base)
              + wide_t'(compute.out_groups) * wide_t'(compute.kernel_y) * wide_t'(compute.kernel_x)
                * (is_conv ? wide_t'(compute.in_groups) : wide_t'(1));
    constants_ok = 1'b1;
    if (is_conv || alu.op == AluDepthwise) begin
      constants_ok = weights <= (is_conv ? wide_t'(WeightRows) : wide_t'(DepthwiseRows));
    end
    if (parameters) begin
      constants_ok = constants_ok
          && wide_t'(compute.bias_base) + wide_t'(compute.out_groups) * wide_t'(BiasWords)
             <= wide_t'(BiasRows)
          && wide_t'(compute.parameter_base) + wide_t'(compute.out_groups)
             <= wide_t'(ParameterRows);
    end

    if (is_conv) begin
      kind_ok = (conv.first && conv.last)
                || (compute.out_height == 13'd1 && compute.out_groups == 12'd1
                    && 32'(compute.out_width) <= PixelParallel);
    end else begin
      kind_ok = alu.op <= AluMultiply && (alu.op != AluTable || 32'(compute.weight_base) < Tables)
                && (plain || !(pair || alu.op == AluTable));
    end
  end

  // --- all -------------------------------------------------------------------------------------------------------
  logic compute_ok;
  assign compute_ok = bounds_ok && views_ok && constants_ok && kind_ok;

  always_comb begin
    engine_o = '0;
    host_o   = 1'b0;
    end_o    = 1'b0;
    unique case (shared.opcode)
      OpLoad: engine_o[EngineLoad] = transfer_ok && word_i[InstructionBits-1:TransferBits] == '0;
      OpSave: engine_o[EngineSave] = transfer_ok && word_i[InstructionBits-1:TransferBits] == '0;
      OpConv: engine_o[EngineConv] = compute_ok && word_i[InstructionBits-1:ConvBits] == '0;
      OpAlu: engine_o[EngineAlu] = compute_ok && word_i[InstructionBits-1:AluBits] == '0;
      OpHost: host_o = 13'(host.call) < calls_i
                       && word_i[InstructionBits-1:CommonBits+$bits(host_t)] == '0;
      OpEnd: end_o = word_i[InstructionBits-1:CommonBits] == '0;
      default: engine_o = '0;
    endcase
    legal_o = engine_o != '0 || host_o || end_o;
  end

endmodule
