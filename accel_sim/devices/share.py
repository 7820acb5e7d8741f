"""What the simulator knows of one memory during one layer, as the composition takes it."""

import math
from dataclasses import dataclass

from accel_sim.devices.ecc import Secded
from accel_sim.errors import UsageError


@dataclass(frozen=True)
class MemoryShare:
    """Bits of one memory, how much of the time they hold something of a layer, and how often that matters.

    Parameters
    ----------
    memory : str
        Name of the memory (img, wgt, bias, ddr, a register class ...).
    kind : str
        bram, uram, ff, cram, ddr or lutram: which rate applies.
    layer : str
        Layer, tensor or whatever the user wants the sum by.
    bits : float
        Data bits of the whole memory.
    live_fraction : float
        Bit-cycles written and still to be read for this layer, over all bit-cycles of the memory in one inference.
    critical_low, critical_best, critical_high : float
        Share of upsets of live bits that change a decision, with its confidence interval.
    faults : int
        Faults injected for it.
    ecc : Secded or None
        Protection of the memory. What it cannot correct stops the inference and is counted as a failure.
    sample : str
        Name of the sample of faults that the critical rate comes from. Shares of one sample have its sampling error in
        common; shares without a name have one each.
    """

    memory: str
    kind: str
    layer: str
    bits: float
    live_fraction: float
    critical_low: float
    critical_best: float
    critical_high: float
    faults: int = 0
    ecc: Secded | None = None
    sample: str = ""

    def __post_init__(self) -> None:
        name = f"memory {self.memory}, layer {self.layer}"
        if not (math.isfinite(self.bits) and self.bits >= 0):
            raise UsageError(f"{name}: {self.bits} bits; the number cannot be negative")
        if not 0 <= self.live_fraction <= 1:
            raise UsageError(f"{name}: live fraction is {self.live_fraction}; it must lie between 0 and 1")
        if not 0 <= self.critical_low <= self.critical_best <= self.critical_high <= 1:
            raise UsageError(
                f"{name}: critical rate {self.critical_best} with limits {self.critical_low} and {self.critical_high}; "
                "they must ascend between 0 and 1"
            )


def check_shares(shares: tuple[MemoryShare, ...]) -> None:
    """Raise UsageError when shares contradict each other.

    A memory has one size and one kind under one name and protection (banks placed differently are different
    memories), and its live fractions add up to at most one.
    """
    seen: dict[str, MemoryShare] = {}
    live: dict[str, float] = {}
    for share in shares:
        first = seen.setdefault(share.memory, share)
        if (first.bits, first.kind, first.ecc) != (share.bits, share.kind, share.ecc):
            raise UsageError(
                f"memory {share.memory} appears as {first.bits:g} bits of {first.kind} and as {share.bits:g} bits of "
                f"{share.kind}, or with two protections; name differently placed banks differently"
            )
        live[share.memory] = live.get(share.memory, 0.0) + share.live_fraction
    for memory, total in live.items():
        if total > 1 + 1e-9:
            raise UsageError(f"memory {memory}: live fractions of its layers add up to {total:.6g}, more than 1")
