// Registers behind an AXI4-Lite port, 32 bits each; docs/rtl.md lists them. A read or write of
// what does not exist, and a write of a parameter while a program runs, is answered by SLVERR
// and changes nothing. An access takes two cycles.
module accel_axi_registers (
  input  logic        clk_i,
  input  logic        rst_ni,
  // Bus.
  input  logic        aw_valid_i,
  output logic        aw_ready_o,
  input  logic [7:0]  aw_address_i,
  input  logic        w_valid_i,
  output logic        w_ready_o,
  input  logic [31:0] w_data_i,
  input  logic [3:0]  w_strobe_i,
  output logic        b_valid_o,
  input  logic        b_ready_i,
  output logic [1:0]  b_resp_o,
  input  logic        ar_valid_i,
  output logic        ar_ready_o,
  input  logic [7:0]  ar_address_i,
  output logic        r_valid_o,
  input  logic        r_ready_i,
  output logic [31:0] r_data_o,
  output logic [1:0]  r_resp_o,
  // Commands, for one cycle.
  output logic        start_o,
  output logic        abort_o,
  output logic        host_done_o,
  // Parameters of a run.
  output logic [31:0] count_o,
  output logic [31:0] ddr_bytes_o,
  output logic [12:0] calls_o,
  output logic [63:0] ins_base_o,
  output logic [63:0] ddr_base_o,
  // Status.
  input  logic        busy_i,
  input  logic        ended_i,
  input  logic        trapped_i,
  input  logic [2:0]  cause_i,
  input  logic        host_request_i,
  input  logic [11:0] host_call_i,
  input  logic [31:0] trap_number_i,
  input  logic [47:0] cycles_i,
  input  logic [31:0] sizes_i
);

  localparam logic [1:0] Okay = 2'b00;
  localparam logic [1:0] SlaveError = 2'b10;

  typedef enum logic [5:0] {
    RegControl = 6'd0,
    RegStatus = 6'd1,
    RegCount = 6'd2,
    RegDdrBytes = 6'd3,
    RegCalls = 6'd4,
    RegTrap = 6'd5,
    RegInsBase = 6'd6,
    RegInsBaseHigh = 6'd7,
    RegDdrBase = 6'd8,
    RegDdrBaseHigh = 6'd9,
    RegCycles = 6'd10,
    RegCyclesHigh = 6'd11,
    RegSizes = 6'd12
  } register_e;

  localparam int unsigned Parameters = 7;

  logic [31:0] parameters_q [Parameters];   // in the order of the cases below
  logic [2:0]  slot;
  logic        write, read, parameter_hit, command;
  register_e   write_register, read_register;
  logic [31:0] read_data;
  logic        read_hit;

  assign write          = aw_valid_i && w_valid_i && !b_valid_o;
  assign aw_ready_o     = write;
  assign w_ready_o      = write;
  assign read           = ar_valid_i && !r_valid_o;
  assign ar_ready_o     = read;
  assign write_register = register_e'(aw_address_i[7:2]);
  assign read_register  = register_e'(ar_address_i[7:2]);

  // --- writes ------------------------------------------------------------------------------------
  always_comb begin
    parameter_hit = 1'b1;
    unique case (write_register)
      RegCount: slot = 3'd0;
      RegDdrBytes: slot = 3'd1;
      RegCalls: slot = 3'd2;
      RegInsBase: slot = 3'd3;
      RegInsBaseHigh: slot = 3'd4;
      RegDdrBase: slot = 3'd5;
      RegDdrBaseHigh: slot = 3'd6;
      default: begin
        slot          = 3'd0;
        parameter_hit = 1'b0;
      end
    endcase
  end

  assign command     = write && write_register == RegControl && w_strobe_i[0];
  assign start_o     = command && w_data_i[0];
  assign abort_o     = command && w_data_i[1];
  assign host_done_o = command && w_data_i[2];

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      for (int unsigned n = 0; n < Parameters; n++) begin
        parameters_q[n] <= '0;
      end
      b_valid_o <= 1'b0;
      b_resp_o  <= Okay;
    end else begin
      b_valid_o <= write || (b_valid_o && !b_ready_i);
      if (write) begin
        b_resp_o <= (parameter_hit && !busy_i) || write_register == RegControl ? Okay : SlaveError;
        for (int unsigned b = 0; b < 4; b++) begin
          if (parameter_hit && !busy_i && w_strobe_i[b]) begin
            parameters_q[slot][8*b +: 8] <= w_data_i[8*b +: 8];
          end
        end
      end
    end
  end

  // Bases are multiples of 64 bytes.
  assign count_o     = parameters_q[0];
  assign ddr_bytes_o = parameters_q[1];
  assign calls_o     = parameters_q[2][12:0];
  assign ins_base_o  = {parameters_q[4], parameters_q[3][31:6], 6'd0};
  assign ddr_base_o  = {parameters_q[6], parameters_q[5][31:6], 6'd0};

  // --- reads -------------------------------------------------------------------------------------
  always_comb begin
    read_hit = 1'b1;
    unique case (read_register)
      RegControl: read_data = '0;
      RegStatus: begin
        read_data = {4'd0, host_call_i, 9'd0, cause_i, host_request_i, trapped_i, ended_i, busy_i};
      end
      RegCount: read_data = count_o;
      RegDdrBytes: read_data = ddr_bytes_o;
      RegCalls: read_data = 32'(calls_o);
      RegTrap: read_data = trap_number_i;
      RegInsBase: read_data = ins_base_o[31:0];
      RegInsBaseHigh: read_data = ins_base_o[63:32];
      RegDdrBase: read_data = ddr_base_o[31:0];
      RegDdrBaseHigh: read_data = ddr_base_o[63:32];
      RegCycles: read_data = cycles_i[31:0];
      RegCyclesHigh: read_data = 32'(cycles_i[47:32]);
      RegSizes: read_data = sizes_i;
      default: begin
        read_data = '0;
        read_hit  = 1'b0;
      end
    endcase
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      r_valid_o <= 1'b0;
      r_data_o  <= '0;
      r_resp_o  <= Okay;
    end else begin
      r_valid_o <= read || (r_valid_o && !r_ready_i);
      if (read) begin
        r_data_o <= read_data;
        r_resp_o <= read_hit ? Okay : SlaveError;
      end
    end
  end

  logic unused_bits;
  assign unused_bits = ^{aw_address_i[1:0], ar_address_i[1:0], parameters_q[2][31:13],
                         parameters_q[3][5:0], parameters_q[5][5:0]};

endmodule
