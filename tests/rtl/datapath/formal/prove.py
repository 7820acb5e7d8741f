"""Proofs about the datapath with the SAT solver that is part of Yosys: ``python -m tests.rtl.datapath.formal.prove``.

Each proof is a module ``formal_*.sv`` with assumptions about its inputs, which are free, and assertions.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.rtl.datapath.sources import DATAPATH, ROOT, design

HERE = Path(__file__).parent
# Sequential proofs go by induction over a single cycle, from a reset.
SEQUENTIAL = {"formal_stage"}
SUCCESS = ("SAT proof finished - no model found: SUCCESS!", "Induction step proven: SUCCESS!")
FAILURE = (
    "SAT proof finished - model found: FAIL!",
    "model found for base case: FAIL!",
    "maximum number of time steps",
)
_ONE = """
import sys
from pyosys import libyosys
design = libyosys.Design()
for command in sys.stdin.read().splitlines():
    libyosys.run_pass(command, design)
"""


def proofs() -> list[str]:
    """Names of all proofs."""
    return sorted(path.stem for path in HERE.glob("formal_*.sv"))


def prove(name: str, datapath: Path = DATAPATH, seconds: int = 600) -> tuple[bool, str]:
    """Try a proof about the datapath; see :func:`prove_module`."""
    return prove_module(name, [*design(datapath), HERE / f"{name}.sv"], name in SEQUENTIAL, seconds)


def prove_module(name: str, files: Sequence[Path], sequential: bool, seconds: int) -> tuple[bool, str]:
    """Try a proof, in a process of its own because Yosys ends its process on a counterexample.

    Parameters
    ----------
    name
        The module with the assertions.
    files
        Where it and the design are.
    sequential
        Whether to go by induction from a reset with ``rst_n`` low.
    seconds
        When to give up.

    Returns
    -------
    bool
        Whether it holds.
    str
        What Yosys wrote.

    Raises
    ------
    RuntimeError
        Neither a proof nor a counterexample: the sources are wrong, or time is over.
    """
    sat = "sat -verify -prove-asserts -set-assumes -show-inputs"
    if sequential:
        sat += " -tempinduct -maxsteps 4 -seq 1 -set-at 1 rst_n 0"
    commands = [
        f"read_slang --top {name} {' '.join(str(file) for file in files)}",
        f"prep -top {name} -flatten", "memory_map", "async2sync", "chformal -lower", "opt -full", "techmap",
        "opt -full", sat,
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", _ONE], input="\n".join(commands), capture_output=True, text=True, timeout=seconds,
        cwd=ROOT,
    )  # fmt: skip
    text = done.stdout + done.stderr
    if done.returncode == 0 and any(line in text for line in SUCCESS) and "Import proof for assert" in text:
        return True, text
    if any(line in text for line in FAILURE):
        return False, text
    raise RuntimeError(f"{name}: {text[-3000:]}")


def main() -> int:
    """Prove everything."""
    failed = 0
    for name in proofs():
        began = time.perf_counter()
        holds, text = prove(name)
        failed += not holds
        print(f"{time.perf_counter() - began:6.1f} s  {name}: {'proved' if holds else 'DOES NOT HOLD'}", flush=True)
        if not holds:
            print(text[-2000:])
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
