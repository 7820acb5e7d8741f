"""How often each strategy was taken. The only place of the benchmark that looks inside the engine."""

from accel_sim.engine.sparse import fields as F  # noqa: N812
from accel_sim.faults import Injector


def reset(injector: Injector) -> None:
    """Start counting anew."""
    injector.runners[0].state[F.TALLY][:] = 0


def counts(injector: Injector) -> dict[str, int]:
    """Return every counter by its lower-case name."""
    tally = injector.runners[0].state[F.TALLY]
    names = {getattr(F, n): n.lower() for n in _NAMES if hasattr(F, n)}
    return {names[column]: int(tally[column]) for column in sorted(names)}


_NAMES = (
    "SPARSE_NODES", "DENSE_NODES", "SPARSE_ROWS", "DENSE_ROWS", "LOCAL_NODES", "PRODUCTS", "REQUANTISED",
    "DENSE_PRODUCTS",
)  # fmt: skip
