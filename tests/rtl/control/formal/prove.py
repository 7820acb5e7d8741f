"""Proofs about queues, tokens and issue by induction: ``python -m tests.rtl.control.formal.prove``.

The tool and the way it is called are those of ``tests/rtl/datapath/formal``.
"""

import sys
import time
from pathlib import Path

from accel_sim.rtl.toolchain import SOURCES
from tests.rtl.datapath.formal.prove import prove_module

HERE = Path(__file__).parent
# What each proof is about.
MODULES = {
    "formal_queue": ("accel_queue",),
    "formal_tokens": ("accel_tokens",),
    "formal_issue": ("accel_queue", "accel_tokens", "accel_issue"),
}


def prove(name: str, folder: Path = SOURCES, seconds: int = 600) -> tuple[bool, str]:
    """Try a proof; see :func:`tests.rtl.datapath.formal.prove.prove_module`."""
    modules = [folder / f"{module}.sv" for module in MODULES[name]]
    return prove_module(name, [folder / "accel_pkg.sv", *modules, HERE / f"{name}.sv"], True, seconds)


def main() -> int:
    """Prove everything."""
    failed = 0
    for name in MODULES:
        began = time.perf_counter()
        holds, text = prove(name)
        failed += not holds
        print(f"{time.perf_counter() - began:6.1f} s  {name}: {'proved' if holds else 'DOES NOT HOLD'}", flush=True)
        if not holds:
            print(text[-4000:])
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
