"""A process for a processor without anything special gives the bytes of this one.

The portable path of the tests that share a process leaves out the dense kernels' assembly only: everything else was
compiled for the processor at hand before the tests began. Here another process starts with `ACCEL_SIM_PORTABLE`, so
that no kernel asks for an instruction set, and with Numba compiling for any processor of the architecture.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from accel_sim.engine import Engine
from accel_sim.faults import Injector, choose_criterion, make_space
from accel_sim.reference import host_runner
from tests.conformance.fault_figures import drawn_faults
from tests.unit.engine.networks import network

ROOT = Path(__file__).parents[3]
NAMES = ("u-net", "integer-uint8-int8", "random-8")
FAULTS = 60
SCRIPT = "from tests.unit.engine import test_portable_process as t; t.print_digests()"


def digests(name: str) -> list[str]:
    """SHA-256 of golden tensors, kept accumulators and slack, and of the faulty outputs and verdict of every fault."""
    graph, images = network(name)
    injector = Injector(Engine(graph, host_runner), images, choose_criterion(graph))
    kept = hashlib.sha256()
    for runner in injector.runners:
        kept.update(runner.kept.codes.tobytes() + runner.kept.accumulators.tobytes() + runner.kept.slack.tobytes())
    found, rng = [kept.hexdigest()], np.random.default_rng(9)
    for space in ("parameters", "activations"):
        if not any(s.population for s in make_space(space, graph, 1).strata):
            continue
        for fault in drawn_faults(graph, space, FAULTS, rng):
            injection, state = injector.inject(fault), hashlib.sha256()
            for outputs in injection.outputs:
                for output in sorted(outputs):
                    state.update(outputs[output].tobytes())
            found.append(f"{fault} {injection.verdict} {state.hexdigest()}")
    return found


def print_digests() -> None:
    """What the other process does; the first line says which kernels it has."""
    import numba

    from accel_sim.engine import bytewise, microkernel
    from accel_sim.engine.sparse import products

    special = (microkernel.HAS_VNNI, bytewise.HAS_TABLES, products.HAS_DOT, products.HAS_COMPRESS)
    print(vars(numba.config)["CPU_NAME"], microkernel.portable(), *special)
    for name in NAMES:
        for line in digests(name):
            print(line)


@pytest.mark.slow
def test_a_portable_process_gives_the_same_bytes(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "COVERAGE_", "COV_"))}
    environment |= {
        "ACCEL_SIM_PORTABLE": "1",
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    first, *lines = done.stdout.splitlines()
    assert first == "generic True False False False False"
    assert any(tmp_path.rglob("*.nbi")), "compiled for the processor at hand, from the usual cache"
    ours = [line for name in NAMES for line in digests(name)]
    assert len(ours) > 2 * FAULTS
    assert lines == ours
