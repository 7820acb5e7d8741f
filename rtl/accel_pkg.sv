// Opcodes, instruction layouts and memory numbers. Generated from accel_sim/isa and accel_sim/config by
//   python -m accel_sim.rtl.package rtl/accel_pkg.sv
// Do not edit. Structures list the highest bits first; instructions are 512 bits wide.
package accel_pkg;

  parameter int unsigned InstructionBits = 512;
  parameter int unsigned OpcodeBits = 4;
  parameter int unsigned Engines = 4;
  parameter int unsigned ParameterBytes = 8;
  parameter int unsigned TableBytes = 256;
  parameter int unsigned Tables = 2;
  parameter int unsigned EngineLoad = 0;
  parameter int unsigned EngineSave = 1;
  parameter int unsigned EngineConv = 2;
  parameter int unsigned EngineAlu = 3;
  parameter int unsigned TransferBits = 217;
  parameter int unsigned ConvBits = 355;
  parameter int unsigned AluBits = 509;

  typedef enum logic [3:0] {
    OpLoad = 4'd1,
    OpSave = 4'd2,
    OpConv = 4'd3,
    OpAlu = 4'd4,
    OpHost = 4'd5,
    OpEnd = 4'd6
  } opcode_e;

  typedef enum logic [1:0] {
    ModeFloat32 = 2'd0,
    ModeShift = 2'd1,
    ModeGemmlowp = 2'd2
  } mode_e;

  typedef enum logic [2:0] {
    AluDepthwise = 3'd0,
    AluSum = 3'd1,
    AluMax = 3'd2,
    AluTable = 3'd3,
    AluAdd = 3'd4,
    AluMultiply = 3'd5
  } alu_op_e;

  typedef enum logic [2:0] {
    MemImg = 3'd0,
    MemWgt = 3'd1,
    MemDwt = 3'd2,
    MemBias = 3'd3,
    MemRqp = 3'd4,
    MemTab = 3'd5
  } memory_e;

  // What every instruction has.
  typedef struct packed {
    logic [11:0]   layer;
    logic [3:0]    signal_mask;
    logic [3:0]    wait_mask;
    logic [3:0]    opcode;
  } common_t;

  // LOAD and SAVE, above common_t.
  typedef struct packed {
    logic [15:0]   pitch_x;
    logic [15:0]   pitch_y;
    logic [15:0]   base;
    logic [23:0]   ddr_pitch_x;
    logic [26:0]   ddr_pitch_y;
    logic [16:0]   valid;
    logic [13:0]   nc;
    logic [13:0]   nx;
    logic [13:0]   ny;
    logic [31:0]   address;
    logic [2:0]    memory;
  } transfer_t;

  // CONV and ALU, above common_t.
  typedef struct packed {
    logic [4:0]    shift;
    logic [7:0]    high;
    logic [7:0]    low;
    logic [7:0]    zero;
    logic [1:0]    mode;
    logic [7:0]    x_zero;
    logic [13:0]   parameter_base;
    logic [13:0]   bias_base;
    logic [13:0]   weight_base;
    logic [11:0]   out_groups;
    logic [12:0]   out_width;
    logic [12:0]   out_height;
    logic [15:0]   out_pitch_x;
    logic [15:0]   out_pitch_y;
    logic [15:0]   out_base;
    logic [8:0]    pad_left;
    logic [8:0]    pad_top;
    logic [7:0]    dilation_x;
    logic [7:0]    dilation_y;
    logic [8:0]    stride_x;
    logic [8:0]    stride_y;
    logic [8:0]    kernel_x;
    logic [8:0]    kernel_y;
    logic [5:0]    tail;
    logic [11:0]   in_groups;
    logic [12:0]   in_width;
    logic [12:0]   in_height;
    logic [15:0]   in_pitch_x;
    logic [15:0]   in_pitch_y;
    logic [15:0]   in_base;
  } compute_t;

  // CONV, above compute_t.
  typedef struct packed {
    logic          last;
    logic          first;
  } conv_t;

  // ALU, above compute_t.
  typedef struct packed {
    logic [31:0]   real_c;
    logic [31:0]   real_b;
    logic [31:0]   real_a;
    logic [7:0]    second_zero;
    logic          broadcast;
    logic [15:0]   second_pitch_x;
    logic [15:0]   second_pitch_y;
    logic [15:0]   second_base;
    logic [2:0]    op;
  } alu_t;

  // HOST, above common_t.
  typedef struct packed {
    logic [11:0]   call;
  } host_t;

endpackage
