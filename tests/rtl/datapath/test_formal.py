"""Proofs for all inputs, and that they fail on mistakes."""

from pathlib import Path

import pytest

pytest.importorskip("cocotb_tools.runner", reason="pip install '.[rtl]'")

from tests.rtl.datapath.formal.prove import proofs, prove
from tests.rtl.datapath.mutations import MUTATIONS, plant

# A proof, and the planted mistakes that have to break it.
BROKEN = {
    "formal_float32": [
        "accumulator to 24 bits: ties away from zero", "product is not rounded to 24 bits",
        "product below 2^47: ties away from zero", "carry of the first rounding lost",
        "carry of the second rounding lost", "zero times a large scale", "values from 0.5 to 1 vanish",
        "sign of the scale ignored",
    ],
    "formal_normalise": ["normalisation forgets its first step"],
    "formal_round_shift": ["sticky bit sees the last step only", "ties of negative numbers upwards in magnitude"],
    "formal_saturate": ["upper limit ignored", "zero point added to the magnitude's wrong side"],
    "formal_shift_mode": [
        "shift mode: ties to even instead of upwards", "shifts beyond 63 wrap", "shift to the left does not saturate",
    ],
    "formal_stage": [
        "a full stage behind an empty one blocks", "a word that waits is overwritten",
        "a word that has left stays valid",
    ],
}  # fmt: skip
SLOW = {"formal_float32", "formal_shift_mode"}
PAIRS = [(name, mistake) for name, mistakes in BROKEN.items() for mistake in mistakes]


@pytest.fixture(autouse=True)
def _pyosys() -> None:
    pytest.importorskip("pyosys", reason="pip install pyosys")


@pytest.mark.rtl
def test_every_proof_can_fail() -> None:
    assert sorted(BROKEN) == proofs()


def _marked(name: str) -> object:
    return pytest.param(name, marks=pytest.mark.rtl_long if name in SLOW else pytest.mark.rtl)


@pytest.mark.parametrize("name", [_marked(name) for name in proofs()])
def test_proof_holds(name: str) -> None:
    holds, text = prove(name)
    assert holds, text[-3000:]


@pytest.mark.rtl_long
@pytest.mark.parametrize(("name", "mistake"), PAIRS)
def test_mistake_breaks_the_proof(name: str, mistake: str, tmp_path: Path) -> None:
    mutation = next(m for m in MUTATIONS if m.name == mistake)
    plant(mutation, tmp_path)
    assert not prove(name, tmp_path)[0]
