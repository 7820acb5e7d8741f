// Image banks to lanes: which bank each lane of a slot's phase reads, at which row, and padding in place of what lies
// outside of the view. Requests are combinational; operands come BufferLatency edges later, with act_load_o.
module accel_operands #(
  parameter int unsigned Lanes = 2,
  parameter int unsigned PixelParallel = 2,
  parameter int unsigned Channels = 4,
  parameter int unsigned BufferLatency = 1,
  localparam int unsigned LanesLog = $clog2(Lanes),
  localparam int unsigned PixelLog = $clog2(PixelParallel),
  localparam int unsigned BankBits = PixelLog > 0 ? PixelLog : 1,
  localparam int unsigned PhaseBits = LanesLog + 1
) (
  input  logic                                        clk_i,
  input  logic                                        rst_ni,
  input  logic                                        slot_i,
  input  logic [PhaseBits-1:0]                        phase_i,
  input  logic [PhaseBits-1:0]                        phases_log_i,
  input  logic                                        row_inside_i,
  input  logic signed [23:0]                          column_i,
  input  logic [8:0]                                  step_i,
  input  logic [12:0]                                 columns_i,
  input  logic [13:0]                                 out_x_i,
  input  logic [12:0]                                 out_width_i,
  input  logic [15:0]                                 line_i,
  input  logic [15:0]                                 pitch_x_i,
  input  logic                                        everywhere_i,
  input  logic                                        ragged_i,
  input  logic [5:0]                                  tail_i,
  input  logic [7:0]                                  x_zero_i,
  // Image memory: a request per bank of a group, with the linear row.
  output logic [PixelParallel-1:0]                    read_o,
  output logic [PixelParallel-1:0][15:0]              read_line_o,
  input  logic [PixelParallel-1:0][8*Channels-1:0]    read_data_i,
  // Datapath.
  output logic [Lanes-1:0]                            act_load_o,
  output logic [Lanes-1:0][Channels-1:0][7:0]         act_o
);

  typedef struct packed {
    logic                load;
    logic                hit;
    logic [BankBits-1:0] bank;
    logic                ragged;
  } lane_t;

  lane_t [Lanes-1:0]              lane, lane_late;
  logic  [Lanes-1:0]              active;
  logic  signed [23:0]            column [Lanes];
  logic  [15:0]                   row    [Lanes];

  always_comb begin
    for (int unsigned l = 0; l < Lanes; l++) begin
      column[l]      = column_i + 24'(l) * 24'(step_i);
      row[l]         = line_i + 16'(16'(column[l] >>> PixelLog) * pitch_x_i);
      active[l]      = slot_i && PhaseBits'(((l << phases_log_i) >> LanesLog)) == phase_i;
      lane[l].load   = active[l];
      lane[l].bank   = BankBits'(column[l] & 24'(PixelParallel - 1));
      lane[l].ragged = ragged_i;
      lane[l].hit = everywhere_i
          || (row_inside_i && column[l] >= 0 && column[l] < signed'(24'(columns_i))
              && out_x_i + 14'(l) < 14'(out_width_i));
    end
  end

  always_comb begin
    read_o      = '0;
    read_line_o = '0;
    for (int unsigned b = 0; b < PixelParallel; b++) begin
      for (int unsigned l = 0; l < Lanes; l++) begin
        if (active[l] && lane[l].hit && 32'(lane[l].bank) == b) begin
          read_o[b]      = 1'b1;
          read_line_o[b] = read_line_o[b] | row[l];
        end
      end
    end
  end

  if (BufferLatency == 0) begin : gen_now
    logic unused_clock;
    assign unused_clock = clk_i & rst_ni;
    assign lane_late = lane;
  end else begin : gen_late
    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) begin
        lane_late <= '0;
      end else begin
        lane_late <= lane;
      end
    end
  end

  always_comb begin
    for (int unsigned l = 0; l < Lanes; l++) begin
      act_load_o[l] = lane_late[l].load;
      for (int unsigned c = 0; c < Channels; c++) begin
        act_o[l][c] = lane_late[l].hit && !(lane_late[l].ragged && c >= 32'(tail_i))
            ? read_data_i[lane_late[l].bank][8*c +: 8] : x_zero_i;
      end
    end
  end

endmodule
