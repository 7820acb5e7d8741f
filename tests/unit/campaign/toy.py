"""A fault space and an evaluator small enough to read: every verdict is a hash of its fault.

Run as a module it is a campaign in a process of its own, so that a test can kill it.
"""

import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from typing import Any

from accel_sim.campaign import Plan, Store, Stratum, Task, collect, make_plan
from accel_sim.errors import InputError

STRATA = tuple(
    Stratum(name, bit, population)
    for name, population, bits in (("conv1.weight", 120, 8), ("conv1.bias", 3, 4), ("head.weight", 40, 8))
    for bit in range(bits)
)


@dataclass(frozen=True)
class ToyFault:
    tensor: str
    bit: int
    k: int

    def to_json(self) -> dict[str, Any]:
        return {"space": "parameters", "tensor": self.tensor, "index": [self.k], "bit": self.bit}


@dataclass(frozen=True)
class ToySpace:
    strata: Sequence[Stratum] = STRATA

    def fault(self, stratum_index: int, k: int) -> ToyFault:
        stratum = self.strata[stratum_index]
        assert 0 <= k < stratum.population
        return ToyFault(stratum.name, stratum.bit, k)

    def describe(self) -> dict[str, Any]:
        return {"space": "parameters", "bits": sum(s.population for s in self.strata)}


@dataclass(frozen=True)
class ToyVerdict:
    outcome: str
    changed_fraction: float


def verdict(fault: ToyFault) -> ToyVerdict:
    byte = blake2b(repr(fault).encode(), digest_size=1).digest()[0] * (fault.bit + 1) // 8
    if byte < 100:
        return ToyVerdict("masked", 0.0)
    return ToyVerdict("tolerable", 0.0) if byte < 180 else ToyVerdict("critical", byte / 1000)


@dataclass
class ToyEvaluator:
    """Judge faults; on evaluation number `trouble_at` (from 1): kill a process, or return `answer` or raise it."""

    trouble_at: int = 0
    kill: int = 0
    answer: ToyVerdict | Exception | None = None
    seen: int = field(default=0)

    def evaluate(self, fault: ToyFault) -> ToyVerdict:
        self.seen += 1
        if self.seen == self.trouble_at:
            if self.kill:
                os.kill(os.getpid() if self.kill < 0 else self.kill, signal.SIGKILL)
            if isinstance(self.answer, Exception):
                raise self.answer
            if self.answer is not None:
                return self.answer
        return verdict(fault)


class ProcessEvaluator:
    """Answer with the number of the process, below one."""

    def evaluate(self, fault: ToyFault) -> ToyVerdict:
        return ToyVerdict("critical", os.getpid() / 2**32)


def unstartable() -> ToyEvaluator:
    raise InputError("in.npz has no array 'image'; the model's inputs are: image")


def toy_task(design: str = "uniform", seed: int = 1, **changes: Any) -> Task:
    fields: dict[str, Any] = {
        "model": "a" * 64,
        "inputs": "b" * 64,
        "space": ToySpace().describe(),
        "criterion": "segmentation",
        "design": design,
        "seed": seed,
        "numerics": "1",
        "packages": {"accel_sim": "0.1.0", "onnxruntime": "1.32.0"},
    }
    return Task(**{**fields, **changes})


def toy_plan(design: str = "uniform", seed: int = 1, faults: int | None = 200) -> Plan:
    return make_plan(STRATA, design, seed, faults=faults)


def run_toy(path: str, design: str = "uniform", faults: int = 200, workers: int = 1, **evaluator: Any) -> list[int]:
    """Run a toy campaign and return the progress reports."""
    task, plan = toy_task(design), toy_plan(design, faults=faults)
    reports: list[int] = []
    with Store.open(path, task, plan) as store:
        collect(
            task,
            ToySpace(),
            plan,
            store,
            partial(ToyEvaluator, **evaluator),
            workers,
            lambda done, total: reports.append(done),
        )
    return reports


if __name__ == "__main__":
    run_toy(
        sys.argv[1],
        design=sys.argv[2],
        workers=int(sys.argv[3]),
        trouble_at=int(sys.argv[4]),
        kill=os.getpid(),
    )
