"""What the speed of the engine is held against, and the table of it."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Goal:
    """A measure with its three thresholds; ratios to one onnxruntime inference where the unit is `x`.

    Attributes
    ----------
    measure
        What is measured.
    must, goal, dream
        Thresholds; None where there is none.
    unit
        `x`, `s` or `GiB`.
    larger_is_better
        Whether a value has to reach the threshold from below.
    """

    measure: str
    must: float
    goal: float
    dream: float | None
    unit: str = "x"
    larger_is_better: bool = False


GOLDEN_U8, GOLDEN_S8 = "golden inference, u8s8", "golden inference, s8s8"
WEIGHTS, SETS, ACTIVATIONS = "fault, weight bits", "fault, parameter sets", "fault, activations"
WORKERS, PEER, HELP, FIRST_ROW, MEMORY = (
    "two workers against one", "faults per second against PyTorchFI", "accel-sim --help", "start to first campaign row",
    "memory of one worker",
)  # fmt: skip
GOALS = {
    goal.measure: goal
    for goal in (
        Goal(GOLDEN_U8, 1.5, 1.0, 0.8),
        Goal(GOLDEN_S8, 0.4, 0.25, 0.15),
        Goal(WEIGHTS, 0.12, 0.06, 0.03),
        Goal(SETS, 0.5, 0.25, 0.15),
        Goal(ACTIVATIONS, 0.05, 0.03, 0.01),
        Goal(WORKERS, 1.7, 1.9, None, larger_is_better=True),
        Goal(PEER, 40, 100, 200, larger_is_better=True),
        Goal(HELP, 0.4, 0.25, None, "s"),
        Goal(FIRST_ROW, 4, 2, None, "s"),
        Goal(MEMORY, 1.5, 0.7, None, "GiB"),
    )
}


@dataclass(frozen=True)
class Measured:
    """A value with its spread over rounds, or None where nothing could be measured, and why."""

    measure: str
    network: str
    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""

    def reached(self) -> str:
        """Return `dream`, `goal`, `must`, `missed` or `not measured`."""
        if self.value is None:
            return "not measured"
        goal = GOALS[self.measure]
        sign = -1 if goal.larger_is_better else 1
        for name in ("dream", "goal", "must"):
            threshold = getattr(goal, name)
            if threshold is not None and sign * self.value <= sign * threshold:
                return name
        return "missed"

    def to_json(self) -> dict[str, Any]:
        """Return the row with its thresholds."""
        goal = asdict(GOALS[self.measure])
        return asdict(self) | {k: goal[k] for k in ("must", "goal", "dream", "unit")} | {"reached": self.reached()}


def table(rows: list[Measured]) -> str:
    """Lay rows out as text."""
    lines = [f"{'network':12} {'measure':36} {'must':>6} {'goal':>6} {'dream':>6} {'ours':>8}  spread over rounds"]
    for row in rows:
        goal = GOALS[row.measure]
        dream = f"{goal.dream:g}" if goal.dream is not None else ""
        value = f"{row.value:.3g}" if row.value is not None else "-"
        spread = f"{row.low:.3g} to {row.high:.3g}" if row.low is not None else ""
        lines.append(
            f"{row.network:12} {row.measure:36} {goal.must:6g} {goal.goal:6g} {dream:>6} {value:>8}"
            f"  {spread:18} {goal.unit:4} {row.reached()} {row.note}".rstrip()
        )
    return "\n".join(lines)
