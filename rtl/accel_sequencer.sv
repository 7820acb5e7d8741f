// Loops of CONV (IsAlu = 0) or ALU (IsAlu = 1): per output group a prelude (biases, parameters), then for every block of
// Lanes output pixels its slots, each of `phases` edges. Addresses are running sums; the only products are of
// constants of the instruction.
//
// Edges, with the start sampled at edge 0 and G = prelude + blocks * taps * phases: row j of the biases of group o at
// 1 + o G + j, its parameters with the last row, operands of slot s in phase q at 1 + o G + prelude + s phases + q. After
// the last operand read of a slot (R): sum at R + 1, and of a block's last slot capture at R + 2, result at R + 3, store at
// R + 4, all BufferLatency later, result and store also RequantLatency. done_o with the last store.
module accel_sequencer
  import accel_pkg::*;
#(
  parameter bit          IsAlu = 1'b0,
  parameter int unsigned Lanes = 2,
  parameter int unsigned PixelParallel = 2,
  parameter int unsigned BufferLatency = 1,
  parameter int unsigned RequantLatency = 0,
  localparam int unsigned LanesLog = $clog2(Lanes),
  localparam int unsigned PixelLog = $clog2(PixelParallel),
  localparam int unsigned BankBits = PixelLog > 0 ? PixelLog : 1,
  localparam int unsigned PhaseBits = LanesLog + 1
) (
  input  logic                   clk_i,
  input  logic                   rst_ni,
  input  logic                   start_i,
  input  compute_t               instruction_i,
  input  conv_t                  conv_i,           // not looked at by the ALU
  input  alu_t                   alu_i,            // not looked at by CONV
  output logic                   busy_o,
  output logic                   done_o,
  output compute_t               instruction_o,    // while busy
  output alu_t                   alu_o,
  // Prelude.
  output logic                   bias_read_o,
  output logic [13:0]            bias_row_o,
  output logic                   parameter_read_o, // with the last row of biases
  output logic [13:0]            parameter_row_o,
  // Operands of one phase of a slot; pixel of lane l: column_o + l * step_o of line line_y_o.
  output logic                   slot_o,
  output logic [PhaseBits-1:0]   phase_o,
  output logic [PhaseBits-1:0]   phases_log_o,
  output logic                   row_inside_o,
  output logic signed [23:0]     column_o,
  output logic [8:0]             step_o,
  output logic [12:0]            columns_o,        // pixels of a line of the view
  output logic [13:0]            out_x_o,          // output pixel of lane 0
  output logic [15:0]            line_o,           // linear row of pixel 0, channel group included
  output logic [15:0]            pitch_x_o,
  output logic                   everywhere_o,     // one pixel for all lanes, no padding
  output logic                   ragged_o,         // channels from the tail on are padding
  output logic                   wgt_read_o,
  output logic [15:0]            wgt_row_o,
  // Datapath.
  output logic                   sum_o,
  output logic                   sum_start_o,
  output logic                   capture_o,
  output logic                   result_o,
  // Image rows of a finished block: lane p goes to bank store_bank_o + p.
  output logic [Lanes-1:0]       store_o,
  output logic [BankBits-1:0]    store_bank_o,
  output logic [15:0]            store_line_o
);

  localparam int unsigned BiasWords = 4;
  localparam int unsigned SumStage = BufferLatency;             // index in the delay line
  localparam int unsigned CaptureStage = BufferLatency + 1;
  localparam int unsigned ResultStage = BufferLatency + RequantLatency + 2;
  localparam int unsigned StoreStage = BufferLatency + RequantLatency + 3;

  typedef enum logic [1:0] {
    StIdle,
    StPrelude,
    StSlots,
    StDrain
  } state_e;

  typedef struct packed {
    logic                sum;
    logic                sum_start;
    logic                block;        // the block's last slot, and the result is wanted
    logic                finish;       // the instruction's last slot
    logic [Lanes-1:0]    store;
    logic [BankBits-1:0] bank;
    logic [15:0]         line;
  } stage_t;

  state_e   state_q, state_d;
  compute_t ins_q, ins;
  conv_t    conv_q;
  alu_t     alu_q, alu;
  stage_t   slot;
  stage_t   stages_q [StoreStage+1];

  // --- constants of the instruction --------------------------------------------------------------------------------
  logic                pair, parameters, wants_result;
  logic [8:0]          kernel_x;
  logic [3:0]          zeros;             // trailing zeros of the stride, at most PixelLog
  logic [PhaseBits-1:0] phases_log;
  logic [15:0]         pad_lines, stride_lines, dilation_lines;

  assign ins           = start_i ? instruction_i : ins_q;
  assign alu           = start_i ? alu_i : alu_q;
  assign instruction_o = ins_q;
  assign alu_o         = alu_q;
  assign pair          = IsAlu && (alu.op == AluAdd || alu.op == AluMultiply);
  assign parameters    = !IsAlu || alu.op == AluDepthwise || alu.op == AluSum;
  assign wants_result  = IsAlu || conv_q.last;
  assign kernel_x      = pair ? 9'd2 : ins.kernel_x;
  assign pad_lines     = 16'(ins.pad_top * ins.in_pitch_y);
  assign stride_lines  = 16'(ins_q.stride_y * ins_q.in_pitch_y);
  assign dilation_lines = 16'(ins_q.dilation_y * ins_q.in_pitch_y);

  always_comb begin
    zeros = 4'(PixelLog);
    for (int unsigned b = PixelLog; b > 0; b--) begin
      if (ins.stride_x[b-1]) begin
        zeros = 4'(b - 1);
      end
    end
    phases_log = 32'(zeros) + LanesLog > PixelLog ? PhaseBits'(32'(zeros) + LanesLog - PixelLog)
                                                  : '0;
  end

  // --- loops -------------------------------------------------------------------------------------------------------
  logic [1:0]           prelude_q;
  logic [11:0]          group_q, in_group_q;
  logic [12:0]          y_q;
  logic [13:0]          out_x_q;
  logic [8:0]           ky_q, kx_q;
  logic [PhaseBits-1:0] phase_q, phase_last_value;
  logic                 phase_last, in_group_last, kx_last, ky_last, x_last, y_last, group_last;
  logic                 tap_first, tap_last;
  logic                 slot_end, block_end, line_end, group_end;

  assign phase_last_value = (PhaseBits'(1) << phases_log) - PhaseBits'(1);
  assign phase_last    = phase_q == phase_last_value;
  assign in_group_last = IsAlu || in_group_q == ins_q.in_groups - 12'd1;
  assign kx_last       = kx_q == kernel_x - 9'd1;
  assign ky_last       = ky_q == ins_q.kernel_y - 9'd1;
  assign x_last        = out_x_q + 14'(Lanes) >= 14'(ins_q.out_width);
  assign y_last        = y_q == ins_q.out_height - 13'd1;
  assign group_last    = group_q == ins_q.out_groups - 12'd1;
  assign tap_first     = in_group_q == '0 && kx_q == '0 && ky_q == '0;
  assign tap_last      = in_group_last && kx_last && ky_last;
  assign slot_end      = state_q == StSlots && phase_last;
  assign block_end     = slot_end && tap_last;
  assign line_end      = block_end && x_last;
  assign group_end     = line_end && y_last;

  always_comb begin
    state_d = state_q;
    unique case (state_q)
      StIdle: begin
        if (start_i) begin
          state_d = parameters ? StPrelude : StSlots;
        end
      end
      StPrelude: begin
        if (prelude_q == 2'(BiasWords - 1)) begin
          state_d = StSlots;
        end
      end
      StSlots: begin
        if (group_end) begin
          state_d = group_last ? StDrain : parameters ? StPrelude : StSlots;
        end
      end
      StDrain: begin
        if (done_o) begin
          state_d = StIdle;
        end
      end
      default: state_d = StIdle;
    endcase
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q <= StIdle;
    end else begin
      state_q <= state_d;
    end
  end

  // --- running sums ------------------------------------------------------------------------------------------------
  // Input line and pixel; 0: of the window's first.
  logic signed [23:0] row0_q, row_q, column0_q, column_q;
  logic [15:0]        lines0_q, lines_q, second_q;          // linear rows of the line's first pixel
  logic [15:0]        out_line_y_q, out_line_q;
  logic [15:0]        wgt_group_q, wgt_row_q;
  logic [13:0]        bias_row_q, parameter_row_q;
  logic signed [23:0] row_first, column_first;
  logic [15:0]        lines_first;
  logic               restart;                              // of the tile: start, or another group

  assign restart      = start_i || group_end;
  assign row_first    = pair ? '0 : -24'(ins.pad_top);
  assign column_first = pair ? '0 : -24'(ins.pad_left);
  assign lines_first  = pair ? ins.in_base : ins.in_base - pad_lines;

  logic moves;
  assign moves = start_i || state_q == StPrelude || state_q == StSlots;

  always_ff @(posedge clk_i iff start_i) begin
    ins_q  <= instruction_i;
    conv_q <= conv_i;
    alu_q  <= alu_i;
  end

  always_ff @(posedge clk_i iff moves) begin
    if (start_i) begin
      group_q         <= '0;
      prelude_q       <= '0;
      bias_row_q      <= instruction_i.bias_base;
      parameter_row_q <= instruction_i.parameter_base;
      wgt_group_q     <= 16'(instruction_i.weight_base);
    end else begin
      if (state_q == StPrelude) begin
        prelude_q  <= prelude_q + 2'd1;
        bias_row_q <= bias_row_q + 14'd1;
      end
      if (group_end) begin
        group_q         <= group_q + 12'd1;
        parameter_row_q <= parameter_row_q + 14'd1;
        wgt_group_q     <= wgt_row_q + 16'd1;
      end
    end

    // Slots of a window.
    if (start_i || (state_q == StSlots && phase_last)) begin
      phase_q <= '0;
    end else if (state_q == StSlots) begin
      phase_q <= phase_q + PhaseBits'(1);
    end
    if (start_i || block_end) begin
      in_group_q <= '0;
      kx_q       <= '0;
      ky_q       <= '0;
    end else if (slot_end) begin
      in_group_q <= in_group_last ? '0 : in_group_q + 12'd1;
      if (in_group_last) begin
        kx_q <= kx_last ? '0 : kx_q + 9'd1;
        if (kx_last) begin
          ky_q <= ky_q + 9'd1;
        end
      end
    end
    if (start_i) begin
      wgt_row_q <= 16'(instruction_i.weight_base);
    end else if (slot_end) begin
      wgt_row_q <= block_end && !group_end ? wgt_group_q : wgt_row_q + 16'd1;
    end

    // Output pixels.
    if (restart) begin
      y_q     <= '0;
      out_x_q <= '0;
    end else if (block_end) begin
      out_x_q <= x_last ? '0 : out_x_q + 14'(Lanes);
      if (x_last) begin
        y_q <= y_q + 13'd1;
      end
    end

    // Input line under the window.
    if (restart) begin
      row0_q   <= row_first;
      row_q    <= row_first;
      lines0_q <= lines_first;
      lines_q  <= lines_first;
      second_q <= alu.second_base;
    end else if (line_end) begin
      row0_q   <= row0_q + 24'(ins_q.stride_y);
      row_q    <= row0_q + 24'(ins_q.stride_y);
      lines0_q <= lines0_q + stride_lines;
      lines_q  <= lines0_q + stride_lines;
      second_q <= second_q + alu_q.second_pitch_y;
    end else if (block_end) begin
      row_q   <= row0_q;
      lines_q <= lines0_q;
    end else if (slot_end && in_group_last && kx_last) begin
      row_q   <= row_q + 24'(ins_q.dilation_y);
      lines_q <= lines_q + dilation_lines;
    end

    // Input pixel of lane 0 under the window.
    if (restart || line_end) begin
      column0_q <= column_first;
      column_q  <= column_first;
    end else if (block_end) begin
      column0_q <= column0_q + (24'(ins_q.stride_x) << LanesLog);
      column_q  <= column0_q + (24'(ins_q.stride_x) << LanesLog);
    end else if (slot_end && in_group_last) begin
      column_q <= kx_last ? column0_q : column_q + (pair ? 24'd0 : 24'(ins_q.dilation_x));
    end

    // Output rows.
    if (start_i) begin
      out_line_y_q <= instruction_i.out_base;
      out_line_q   <= instruction_i.out_base;
    end else if (group_end) begin
      out_line_y_q <= ins_q.out_base + 16'(group_q) + 16'd1;
      out_line_q   <= ins_q.out_base + 16'(group_q) + 16'd1;
    end else if (line_end) begin
      out_line_y_q <= out_line_y_q + ins_q.out_pitch_y;
      out_line_q   <= out_line_y_q + ins_q.out_pitch_y;
    end else if (block_end && ((out_x_q + 14'(Lanes)) & 14'(PixelParallel - 1)) == '0) begin
      out_line_q <= out_line_q + ins_q.out_pitch_x;
    end
  end

  // --- reads -------------------------------------------------------------------------------------------------------
  logic second;                      // the slot reads the second operand
  assign second           = pair && kx_q[0];
  assign busy_o           = state_q != StIdle;
  assign bias_read_o      = state_q == StPrelude;
  assign bias_row_o       = bias_row_q;
  assign parameter_read_o = state_q == StPrelude && prelude_q == 2'(BiasWords - 1);
  assign parameter_row_o  = parameter_row_q;
  assign slot_o           = state_q == StSlots;
  assign phase_o          = phase_q;
  assign phases_log_o     = phases_log;
  assign row_inside_o     = row_q >= 0 && row_q < 24'(pair ? ins_q.out_height : ins_q.in_height);
  assign columns_o        = pair ? ins_q.out_width : ins_q.in_width;
  assign out_x_o          = out_x_q;
  assign everywhere_o     = second && alu_q.broadcast;
  assign column_o         = everywhere_o ? '0 : column_q;
  assign step_o           = everywhere_o ? '0 : ins_q.stride_x;
  assign pitch_x_o        = second ? alu_q.second_pitch_x : ins_q.in_pitch_x;
  assign line_o           = (everywhere_o ? alu_q.second_base : second ? second_q : lines_q)
                            + (IsAlu ? 16'(group_q) : 16'(in_group_q));
  assign ragged_o         = !IsAlu && in_group_q == ins_q.in_groups - 12'd1;
  assign wgt_read_o       = slot_o && phase_q == '0 && (!IsAlu || alu_q.op == AluDepthwise);
  assign wgt_row_o        = wgt_row_q;

  // --- delay line --------------------------------------------------------------------------------------------------
  always_comb begin
    slot           = '0;
    slot.sum       = slot_end;
    slot.sum_start = tap_first && (IsAlu || conv_q.first);
    slot.block     = block_end && wants_result;
    slot.finish    = group_end && group_last;
    slot.bank      = BankBits'(out_x_q & 14'(PixelParallel - 1));
    slot.line      = out_line_q;
    for (int unsigned lane = 0; lane < Lanes; lane++) begin
      slot.store[lane] = slot.block && out_x_q + 14'(lane) < 14'(ins_q.out_width);
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      for (int unsigned stage = 0; stage <= StoreStage; stage++) begin
        stages_q[stage] <= '0;
      end
    end else begin
      stages_q[0] <= slot;
      for (int unsigned stage = 1; stage <= StoreStage; stage++) begin
        stages_q[stage] <= stages_q[stage-1];
      end
    end
  end

  assign sum_o        = stages_q[SumStage].sum;
  assign sum_start_o  = stages_q[SumStage].sum_start;
  assign capture_o    = stages_q[CaptureStage].block;
  assign result_o     = stages_q[ResultStage].block;
  assign store_o      = stages_q[StoreStage].store;
  assign store_bank_o = stages_q[StoreStage].bank;
  assign store_line_o = stages_q[StoreStage].line;
  assign done_o       = stages_q[StoreStage].finish;

endmodule
