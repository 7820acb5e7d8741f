"""The next tile is loaded while this one is computed, into rows that nobody works on."""

from collections import Counter

import pytest

from accel_sim.compiler import compile_graph
from accel_sim.config import PRESETS
from accel_sim.isa import Compute, Load, Save
from accel_sim.isa.geometry import Access, accesses
from accel_sim.machine.timing import schedule
from accel_sim.model import Graph, import_onnx
from tests.conformance.real_models import bundled


@pytest.fixture(scope="module")
def graph() -> Graph:
    (model,) = [m for m in bundled() if m.name == "hsi-unet-relu"]
    return import_onnx(model.path)


def meet(a: Access, b: Access) -> bool:
    """Whether two accesses may be to the same row, one of them a write."""
    return a.memory == b.memory and (a.write or b.write) and a.low < b.high and b.low < a.high


@pytest.mark.parametrize("arch", ["tiny", "b512", "b4096", "b1600-high"])
def test_transfers_run_beside_the_computing_of_their_layer(graph: Graph, arch: str) -> None:
    program = compile_graph(graph, PRESETS[arch])
    times, config = schedule(program.instructions, program.config), program.config
    found, beside = [accesses(i, config) for i in program.instructions], Counter[str]()
    compute = [n for n, i in enumerate(program.instructions) if isinstance(i, Compute)]
    for n, i in enumerate(program.instructions):
        if not isinstance(i, Load | Save):
            continue
        for m in compute:
            if times.start[n] < times.end[m] and times.start[m] < times.end[n]:
                assert not any(meet(a, b) for a in found[n] for b in found[m]), (n, m)
                if program.instructions[m].layer == i.layer:
                    beside[found[n][0].memory if isinstance(i, Load) else "saved"] += 1
    assert min(beside["img"], beside["wgt"], beside["saved"]) > 0, beside
