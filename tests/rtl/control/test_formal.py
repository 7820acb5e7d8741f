"""Proofs about queues, tokens and issue, and that they fail on mistakes."""

from pathlib import Path

import pytest

from accel_sim.compiler import compile_graph
from accel_sim.isa import ENGINE_OF
from accel_sim.machine.timing import schedule
from accel_sim.model import import_onnx
from tests.generators import random_graph
from tests.rtl.programs import TINY

pytest.importorskip("cocotb_tools.runner", reason="pip install '.[rtl]'")

from tests.rtl.control.formal.prove import HERE, MODULES, prove
from tests.rtl.control.mutations import plant

# A proof, and the planted mistakes that have to break it; the first of them is tried each time.
BROKEN = {
    "formal_queue": [
        "word overwritten in a full queue", "queue one shorter", "queue takes no push at a pop",
        "pointer does not wrap",
    ],
    "formal_tokens": [
        "lost token", "token given twice", "token not taken", "nobody waits", "token for the giver",
        "one token is enough", "tokens outlive their program",
    ],
    "formal_issue": [
        "signals of the next instruction", "starts while busy", "lost token", "token given twice", "token not taken",
        "nobody waits", "queue one shorter",
    ],
}  # fmt: skip
PAIRS = [
    pytest.param(name, mistake, marks=pytest.mark.rtl if mistake == mistakes[0] else pytest.mark.rtl_long)
    for name, mistakes in BROKEN.items()
    for mistake in mistakes
]
MOST_TOKENS = 255  # what the proofs assume, and a counter holds


@pytest.fixture(autouse=True)
def _pyosys(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("rtl") or request.node.get_closest_marker("rtl_long"):
        pytest.importorskip("pyosys", reason="pip install pyosys")


def test_every_proof_can_fail() -> None:
    assert sorted(BROKEN) == sorted(MODULES) == sorted(path.stem for path in HERE.glob("formal_*.sv"))


@pytest.mark.rtl
@pytest.mark.parametrize("name", MODULES)
def test_proof_holds(name: str) -> None:
    holds, text = prove(name)
    assert holds, text[-3000:]


@pytest.mark.parametrize(("name", "mistake"), PAIRS)
def test_mistake_breaks_the_proof(name: str, mistake: str, tmp_path: Path) -> None:
    plant(tmp_path / "rtl", mistake)
    assert not prove(name, tmp_path / "rtl")[0]


@pytest.mark.parametrize("start", range(0, 40, 20))
def test_programs_have_fewer_tokens_waiting_than_the_proofs_assume(start: int) -> None:
    """Counted from the times at which the machine gives and takes them; the compiler balances every kind."""
    for seed in range(start, start + 20):
        program = compile_graph(import_onnx(random_graph(seed)[0]), TINY)
        times, moves = schedule(program.instructions, TINY), []
        for number, i in enumerate(program.instructions):
            engine = ENGINE_OF.get(type(i), 0)
            moves += [(int(times.end[number]), 1, (engine, e)) for e in range(4) if i.signal >> e & 1]
            moves += [(int(times.start[number]), -1, (e, engine)) for e in range(4) if i.wait >> e & 1]
        waiting: dict[tuple[int, int], int] = {}
        for _, change, kind in sorted(moves, key=lambda move: (move[0], -move[1])):
            waiting[kind] = waiting.get(kind, 0) + change
            assert 0 <= waiting[kind] <= MOST_TOKENS // 8, (seed, kind)
