"""Draws by upset rates on a network so small that every fault can be run: estimates against the truth.

The truth comes from the machine: every live bit of the buffers flipped between every two accesses to its row, and at
every cycle while an instruction is half through with it. Failures in 10^9 h are then a plain sum over these classes, of
bits x cycles x rate.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pytest

from accel_sim.campaign import make_plan
from accel_sim.compiler import compile_graph
from accel_sim.config import PRESETS
from accel_sim.devices import upset_rates
from accel_sim.devices.rates import MBIT
from accel_sim.engine import Engine
from accel_sim.faults import Injector, choose_criterion
from accel_sim.faults.hardware import HardwareFault, HardwareInjector, HardwareSpace, hardware_space
from accel_sim.machine.occupancy import occupancy
from accel_sim.machine.timing import Schedule
from accel_sim.machine.upsets import plan_strikes
from accel_sim.model import import_onnx
from accel_sim.stats import clopper_pearson
from tests.conformance.qdq_network import QdqNetwork

PLACED = replace(PRESETS["tiny"], uram_banks={"wgt": 3, "bias": 1})
FIT = {"bram": 3.0, "uram": 21.0}  # a Mbit
BUFFERS = ["img", "wgt", "bias"]
SEEDS, DRAWS = 300, 250
Class = tuple[str, int, int, int, int, int]


@dataclass(frozen=True)
class Truth:
    """The space, and the verdict on every class of equal faults."""

    space: HardwareSpace
    times: Schedule
    critical: Mapping[Class, bool]
    cycles: Mapping[Class, int]
    places: dict[tuple[str, int, int, int], tuple[int, int]] = field(default_factory=dict)

    def class_of(self, fault: HardwareFault) -> Class:
        """Name what the machine does with a flip: before which instruction, or at which cycle inside of one."""
        row = fault.memory, fault.bank, fault.row, fault.cycle
        if row not in self.places:  # a row of a buffer is read as a whole: the same for all its bits
            self.places[row] = self.planned(fault)
        return fault.memory, fault.bank, fault.row, fault.bits[0], *self.places[row]

    def planned(self, fault: HardwareFault) -> tuple[int, int]:
        """Number of the instruction, and the cycle inside of it or -1, as the machine plans it."""
        program = self.space.program
        ((number, strike),) = plan_strikes(program, program.instructions, self.times, fault.upsets).items()
        return number, fault.cycle if strike.inside else -1

    def kind(self, of: Class) -> str:
        return self.space.program.memories[of[0]].kind_of(of[1])

    @cached_property
    def true_rate(self) -> float:
        """Share of critical upsets among those of live bits."""
        return self.rate()

    def rate(self, *, fit: bool = True, cycles: bool = True) -> float:
        """Return the same; factors can be left out."""
        weights = {
            of: (FIT[self.kind(of)] if fit else 1.0) * (count if cycles else 1) for of, count in self.cycles.items()
        }
        return sum(w for of, w in weights.items() if self.critical[of]) / sum(weights.values())

    @cached_property
    def failures(self) -> float:
        """Failures in 10^9 h: share of the time that a critical bit is there, times its rate, summed over bits."""
        return sum(
            count / self.space.cycles * FIT[self.kind(of)] / MBIT
            for of, count in self.cycles.items() if self.critical[of]
        )  # fmt: skip


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    path = tmp_path_factory.mktemp("rates") / "rates.toml"
    path.write_text("".join(f"[{kind}]\nfit_per_mbit = {fit}\n" for kind, fit in FIT.items()), encoding="utf-8")
    net = QdqNetwork(3, "int8", "int8")
    hidden = net.conv(net.input([1, 1, 3, 3]), 3, pads=[1, 1, 1, 1])
    net.outputs = (net.conv(hidden, 4, (1, 1)),)
    graph = import_onnx(net.model())
    golden = Injector(Engine(graph), [net.feeds(0)], choose_criterion(graph))
    program = compile_graph(graph, PLACED)
    judge = HardwareInjector(golden, [net.feeds(0)], program, level="machine")
    times = judge.machine.schedule
    space = hardware_space("memory", program, times, 1, BUFFERS, upset_rates("XCK26", rates=path))
    found = Truth(space, times, {}, {})
    critical: dict[Class, bool] = {}
    cycles = Counter[Class]()
    for memory in BUFFERS:
        i = occupancy(program, times).memories[memory]
        for bank, row, start, end, used in zip(i.bank, i.row, i.start, i.end, i.used, strict=True):
            for bit in range(8 * int(used)):
                for cycle in range(int(start), int(end)):
                    fault = HardwareFault("memory", memory, int(bank), int(row), (bit,), cycle)
                    of = found.class_of(fault)
                    cycles[of] += 1
                    if of not in critical:
                        critical[of] = judge.evaluate(fault).outcome == "critical"
    return Truth(space, times, critical, cycles, found.places)


def test_truth_can_tell_what_is_left_out(truth: Truth) -> None:
    assert len(truth.critical) > 1500
    assert 0.1 < truth.true_rate < 0.9
    assert abs(truth.true_rate - truth.rate(fit=False)) > 0.02
    assert abs(truth.true_rate - truth.rate(cycles=False)) > 0.02
    space, rng = truth.space, np.random.default_rng(1)
    for number in rng.integers(len(space.strata), size=2000).tolist():  # every bit of a row is planned alike
        fault = space.fault(number, int(rng.integers(space.strata[number].population)))
        assert truth.class_of(fault)[4:] == truth.planned(fault)
    kinds = Counter(truth.kind(of) for of in truth.critical)
    assert min(kinds["bram"], kinds["uram"]) > 300


def test_population_is_every_class_as_often_as_it_weighs(truth: Truth) -> None:
    weights = {"bram": 1, "uram": 7}
    assert sum(s.population for s in truth.space.strata) == sum(
        count * weights[truth.kind(of)] for of, count in truth.cycles.items()
    )


def test_estimates_are_unbiased_and_their_limits_hold(truth: Truth) -> None:
    """Each draw looks its verdict up; the mean over seeds meets the truth, and would miss one without a factor."""
    space, rates = truth.space, truth.space.rates
    assert rates is not None
    population = sum(s.population for s in space.strata)
    struck = sum(p.weight * sum(p.life.population(g, b) for g in range(len(p.life.groups))
                                for b in range(p.life.element_bits)) for p in space.parts)  # fmt: skip
    assert population == struck
    # Upsets of live bits in 10^9 h, of all parts together.
    live_fit = sum(rates.fit_per_bit(truth.kind(of)) * count for of, count in truth.cycles.items()) / space.cycles
    estimates, covered = [], 0
    for seed in range(SEEDS):
        plan = make_plan(space.strata, "uniform", seed, faults=DRAWS)
        hits = 0
        for n in range(plan.n):
            draw = plan.fault_at(n)
            hits += truth.critical[truth.class_of(space.fault(draw.stratum, draw.k))]
        limits = clopper_pearson(hits, plan.n, 0.95, population)
        assert limits.low is not None
        assert limits.high is not None
        covered += limits.low <= truth.true_rate <= limits.high
        estimates.append(live_fit * hits / plan.n)
    spread = live_fit * np.sqrt(truth.true_rate * (1 - truth.true_rate) / DRAWS / SEEDS)
    assert abs(np.mean(estimates) - truth.failures) < 4 * spread
    for left_out in ("fit", "cycles"):
        assert abs(truth.true_rate - truth.rate(**{left_out: False})) * live_fit > 8 * spread
    assert covered > 0.95 * SEEDS - 4 * np.sqrt(0.05 * 0.95 * SEEDS)
