// Every on-chip memory and what stands in front of its ports. Image memory: ImageGroups x PixelParallel banks; a bank
// group serves one reader and one writer at a time, which tokens ensure; requests carry linear rows {group, row}.
// Instances have the names of the Machine's memories.
module accel_buffers
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
  parameter int unsigned BufferLatency = 1,
  localparam int unsigned PortBytes = Channels > ParameterBytes ? Channels : ParameterBytes,
  localparam int unsigned WordBits = 8 * Channels,
  localparam int unsigned Readers = 3,      // SAVE, CONV, ALU
  localparam int unsigned Writers = 2       // CONV, ALU; LOAD has its own port
) (
  input  logic                                                   clk_i,
  input  logic                                                   rst_ni,
  // LOAD.
  input  logic                                                   load_i,
  input  logic [2:0]                                             load_memory_i,
  input  logic [5:0]                                             load_lane_i,
  input  logic [15:0]                                            load_row_i,
  input  logic [8*PortBytes-1:0]                                 load_data_i,
  // Image memory.
  input  logic [Readers-1:0][PixelParallel-1:0]                  img_read_i,
  input  logic [Readers-1:0][PixelParallel-1:0][15:0]            img_read_line_i,
  output logic [Readers-1:0][PixelParallel-1:0][WordBits-1:0]    img_data_o,
  input  logic [Writers-1:0][PixelParallel-1:0]                  img_write_i,
  input  logic [Writers-1:0][PixelParallel-1:0][15:0]            img_write_line_i,
  input  logic [Writers-1:0][PixelParallel-1:0][WordBits-1:0]    img_write_data_i,
  // Constants.
  input  logic                                                   wgt_read_i,
  input  logic [15:0]                                            wgt_row_i,
  output logic [Channels-1:0][WordBits-1:0]                      wgt_data_o,
  input  logic                                                   dwt_read_i,
  input  logic [15:0]                                            dwt_row_i,
  output logic [WordBits-1:0]                                    dwt_data_o,
  input  logic [Writers-1:0]                                     bias_read_i,
  input  logic [Writers-1:0][13:0]                               bias_row_i,
  output logic [WordBits-1:0]                                    bias_data_o,
  input  logic [Writers-1:0]                                     rqp_read_i,
  input  logic [Writers-1:0][13:0]                               rqp_row_i,
  output logic [Channels-1:0][63:0]                              rqp_data_o,
  input  logic                                                   tab_table_i,
  input  logic [AluPixels*Channels-1:0][7:0]                     tab_code_i,
  output logic [AluPixels*Channels-1:0][7:0]                     tab_data_o
);

  localparam int unsigned ImgRowBits = $clog2(ImageRows);
  localparam int unsigned WgtRowBits = $clog2(WeightRows);
  localparam int unsigned DwtRowBits = $clog2(DepthwiseRows);
  localparam int unsigned BiasRowBits = $clog2(BiasRows);
  localparam int unsigned RqpRowBits = $clog2(ParameterRows);
  localparam int unsigned TabRowBits = $clog2(Tables * TableBytes);
  localparam int unsigned GroupBits = 16 - ImgRowBits;

  // --- image memory ------------------------------------------------------------------------------------------------
  logic [ImageGroups*PixelParallel-1:0][WordBits-1:0] img_data;
  logic [Readers-1:0][PixelParallel-1:0][GroupBits-1:0] reader_group, reader_group_late;

  for (genvar bank = 0; bank < ImageGroups * PixelParallel; bank++) begin : gen_img
    localparam int unsigned Lane = bank % PixelParallel;
    localparam logic [GroupBits-1:0] Group = GroupBits'(bank / PixelParallel);

    logic                  read, write;
    logic [Readers-1:0]    reads;
    logic [Writers:0]      writes;
    logic [ImgRowBits-1:0] row, write_row;
    logic [WordBits-1:0]   write_data;

    always_comb begin
      row        = '0;
      write_row  = '0;
      write_data = '0;
      for (int unsigned r = 0; r < Readers; r++) begin
        reads[r] = img_read_i[r][Lane] && img_read_line_i[r][Lane][15:ImgRowBits] == Group;
        row      = row | (reads[r] ? img_read_line_i[r][Lane][ImgRowBits-1:0] : '0);
      end
      for (int unsigned w = 0; w < Writers; w++) begin
        writes[w]  = img_write_i[w][Lane] && img_write_line_i[w][Lane][15:ImgRowBits] == Group;
        write_row  = write_row | (writes[w] ? img_write_line_i[w][Lane][ImgRowBits-1:0] : '0);
        write_data = write_data | (writes[w] ? img_write_data_i[w][Lane] : '0);
      end
      writes[Writers] = load_i && load_memory_i == MemImg && load_lane_i == 6'(Lane)
                        && load_row_i[15:ImgRowBits] == Group;
      write_row  = write_row | (writes[Writers] ? load_row_i[ImgRowBits-1:0] : '0);
      write_data = write_data | (writes[Writers] ? load_data_i[WordBits-1:0] : '0);
      read  = |reads;
      write = |writes;
    end

    accel_ram #(
      .Width  (WordBits),
      .Depth  (ImageRows),
      .Latency(BufferLatency)
    ) img (
      .clk_i       (clk_i),
      .read_i      (read),
      .row_i       (row),
      .data_o      (img_data[bank]),
      .write_i     (write),
      .write_row_i (write_row),
      .write_data_i(write_data)
    );
  end

  always_comb begin
    for (int unsigned r = 0; r < Readers; r++) begin
      for (int unsigned lane = 0; lane < PixelParallel; lane++) begin
        reader_group[r][lane] = img_read_line_i[r][lane][15:ImgRowBits];
        img_data_o[r][lane]   = '0;
        for (int unsigned g = 0; g < ImageGroups; g++) begin
          if (reader_group_late[r][lane] == GroupBits'(g)) begin
            img_data_o[r][lane] = img_data[g*PixelParallel+lane];
          end
        end
      end
    end
  end

  if (BufferLatency == 0) begin : gen_now
    logic unused_reset;
    assign unused_reset = rst_ni;
    assign reader_group_late = reader_group;
  end else begin : gen_late
    // The group stays as long as the RAM keeps its data: SAVE may have to wait for the memory.
    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) begin
        reader_group_late <= '0;
      end else begin
        for (int unsigned r = 0; r < Readers; r++) begin
          for (int unsigned lane = 0; lane < PixelParallel; lane++) begin
            if (img_read_i[r][lane]) begin
              reader_group_late[r][lane] <= reader_group[r][lane];
            end
          end
        end
      end
    end
  end

  // --- constants ---------------------------------------------------------------------------------------------------
  logic                    bias_read, rqp_read;
  logic [BiasRowBits-1:0]  bias_row;
  logic [RqpRowBits-1:0]   rqp_row;

  always_comb begin
    bias_read = |bias_read_i;
    rqp_read  = |rqp_read_i;
    bias_row  = '0;
    rqp_row   = '0;
    for (int unsigned w = 0; w < Writers; w++) begin
      bias_row = bias_row | (bias_read_i[w] ? bias_row_i[w][BiasRowBits-1:0] : '0);
      rqp_row  = rqp_row | (rqp_read_i[w] ? rqp_row_i[w][RqpRowBits-1:0] : '0);
    end
  end

  for (genvar bank = 0; bank < Channels; bank++) begin : gen_wgt
    accel_ram #(
      .Width  (WordBits),
      .Depth  (WeightRows),
      .Latency(BufferLatency)
    ) wgt (
      .clk_i       (clk_i),
      .read_i      (wgt_read_i),
      .row_i       (wgt_row_i[WgtRowBits-1:0]),
      .data_o      (wgt_data_o[bank]),
      .write_i     (load_i && load_memory_i == MemWgt && load_lane_i == 6'(bank)),
      .write_row_i (load_row_i[WgtRowBits-1:0]),
      .write_data_i(load_data_i[WordBits-1:0])
    );
  end

  accel_ram #(
    .Width  (WordBits),
    .Depth  (DepthwiseRows),
    .Latency(BufferLatency)
  ) dwt (
    .clk_i       (clk_i),
    .read_i      (dwt_read_i),
    .row_i       (dwt_row_i[DwtRowBits-1:0]),
    .data_o      (dwt_data_o),
    .write_i     (load_i && load_memory_i == MemDwt),
    .write_row_i (load_row_i[DwtRowBits-1:0]),
    .write_data_i(load_data_i[WordBits-1:0])
  );

  accel_ram #(
    .Width  (WordBits),
    .Depth  (BiasRows),
    .Latency(BufferLatency)
  ) bias (
    .clk_i       (clk_i),
    .read_i      (bias_read),
    .row_i       (bias_row),
    .data_o      (bias_data_o),
    .write_i     (load_i && load_memory_i == MemBias),
    .write_row_i (load_row_i[BiasRowBits-1:0]),
    .write_data_i(load_data_i[WordBits-1:0])
  );

  for (genvar bank = 0; bank < Channels; bank++) begin : gen_rqp
    accel_ram #(
      .Width  (8 * ParameterBytes),
      .Depth  (ParameterRows),
      .Latency(0)
    ) rqp (
      .clk_i       (clk_i),
      .read_i      (rqp_read),
      .row_i       (rqp_row),
      .data_o      (rqp_data_o[bank]),
      .write_i     (load_i && load_memory_i == MemRqp && load_lane_i == 6'(bank)),
      .write_row_i (load_row_i[RqpRowBits-1:0]),
      .write_data_i(load_data_i[8*ParameterBytes-1:0])
    );
  end

  for (genvar bank = 0; bank < AluPixels * Channels; bank++) begin : gen_tab
    accel_ram #(
      .Width  (8),
      .Depth  (Tables * TableBytes),
      .Latency(0)
    ) tab (
      .clk_i       (clk_i),
      .read_i      (1'b1),
      .row_i       ({tab_table_i, tab_code_i[bank]}),
      .data_o      (tab_data_o[bank]),
      .write_i     (load_i && load_memory_i == MemTab),
      .write_row_i (load_row_i[TabRowBits-1:0]),
      .write_data_i(load_data_i[7:0])
    );
  end

  logic unused_bits;
  assign unused_bits = ^{load_row_i, load_data_i, wgt_row_i, dwt_row_i, bias_row_i, rqp_row_i};

endmodule
