"""Mistakes planted in the AXI modules; every one must make a cocotb test fail."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """A text in a file, and what takes its place."""

    name: str
    file: str
    old: str
    new: str


READ, WRITE, FETCH = "accel_axi_read.sv", "accel_axi_write.sv", "accel_axi_fetch.sv"
CONTROL, REGISTERS, TOP = "accel_axi_control.sv", "accel_axi_registers.sv", "accel_top.sv"
MUTATIONS = (
    Mutation("a word across a page is not split", READ, "(PageBits + 1)'(left) > in_page", "1'b0"),
    Mutation("a burst goes on across a page", READ, " && address[PageBits-1:0] != '0\n", "\n"),
    Mutation("bursts longer than allowed", READ, "BeatBits'(MaxBeats);", "BeatBits'(2 * MaxBeats);"),
    Mutation("a new burst reads on in the old beat", READ, "&& beat_q && used_q;", "&& 1'b0;"),
    Mutation("half a word from the beat before", READ, "have_q  <= piece_done && head.last ? '0 : have_q + count;",
             "have_q  <= '0;"),
    Mutation("addresses change while they wait", READ, ".pop_i       (ar_ready_i)", ".pop_i       (1'b1)"),
    Mutation("read errors are not looked at", READ, "r_resp_i != 2'b00", "1'b0"),
    Mutation("a word given up is kept", READ, "      if (clear_i) begin\n        have_q <= '0;",
             "      if (clear_i) begin\n        have_q <= 6'd1;"),
    Mutation("all bytes of a beat are written", WRITE, "strobe_q <= part_strobe;", "strobe_q <= '1;"),
    Mutation("the last piece of a beat wins", WRITE, "strobe_q | part_strobe", "part_strobe"),
    Mutation("a write burst goes on across a page", WRITE, "&& beat[PageBeatBits-1:0] != '0\n", "\n"),
    Mutation("one beat too few", WRITE, "len_q + 8'd1 : '0", "len_q : '0"),
    Mutation("done before the response", WRITE, "(b_valid_i && b_ready_o ? 12'(words) : '0)",
             "(close ? 12'(words_q) : '0)"),
    Mutation("words of a burst are forgotten", WRITE, "(same || follows ? words_q : '0) + 8'(whole)", "8'(whole)"),
    Mutation("write errors are not looked at", WRITE, "b_resp_i != 2'b00", "1'b0"),
    Mutation("instructions half a word apart", FETCH, "<< $clog2(WordBytes)", "<< ($clog2(WordBytes) - 1)"),
    Mutation("DECERR of a fetch is taken for OKAY", FETCH, "r_resp_i != 2'b00", "r_resp_i == 2'b10"),
    Mutation("the run after an error starts with its instruction", FETCH, "ready_i || clear_i", "ready_i"),
    Mutation("does not wait for the bus", CONTROL, "StDrain: if (bus_idle_i)", "StDrain: if (1'b1)"),
    Mutation("the abort bit does nothing", CONTROL, "if (abort_i) cause = CauseAbort;", ""),
    Mutation("the core keeps running after an error", CONTROL, "state_d != StClear && state_d != StDrain",
             "state_d != StClear"),
    Mutation("parameters can change in a run", REGISTERS, "if (parameter_hit && !busy_i && w_strobe_i[b])",
             "if (parameter_hit && w_strobe_i[b])"),
    Mutation("whole registers only", REGISTERS, "w_data_i[8*b +: 8];", "w_data_i[7:0];"),
    Mutation("the grant changes while an address waits", TOP, "granted_q ? grant_q : (fetch_valid ? FetchId : LoadId)",
             "fetch_valid ? FetchId : LoadId"),
    Mutation("answers of both to LOAD", TOP, "m_axi_rvalid && m_axi_rid[0] == LoadId", "m_axi_rvalid"),
    Mutation("the base is not added to stores", TOP, "AddressBits'(ddr_base) + AddressBits'(write_address)",
             "AddressBits'(write_address)"),
)  # fmt: skip
