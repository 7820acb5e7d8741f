"""What memories hold and what campaigns found, put together as the composition takes it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from accel_sim.devices import MemoryShare, Secded
from accel_sim.estimation.campaign_rates import DUE, CampaignRates, CriticalRate
from accel_sim.estimation.memory_table import REGISTER, Holding

ALL = CriticalRate("", 1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Shares:
    """Shares of every memory and layer.

    Attributes
    ----------
    counted
        Those that make up the sum, with rates that add up to the memory's.
    missing
        Those that no campaign speaks of; every upset counts in them.
    by_layer
        Those of `counted` with each layer's own rate.
    detected
        Those with a rate of inferences that trap or hang.
    """

    counted: tuple[MemoryShare, ...]
    missing: tuple[MemoryShare, ...]
    by_layer: tuple[MemoryShare, ...]
    detected: tuple[MemoryShare, ...]


def shares_of(
    held: Sequence[Holding], cycles: int, campaigns: Sequence[CampaignRates], protection: Mapping[str, Secded]
) -> Shares:
    """Give every memory and layer the rate of the first campaign that knows one.

    Parameters
    ----------
    held
        What every memory holds, and for how long.
    cycles
        Cycles of one inference.
    campaigns
        Where rates come from; without any, every upset of a live bit counts.
    protection
        Memory to its ECC, which takes the place of a rate; ``ddr`` holds the instructions, too.
    """
    found: dict[str, list[MemoryShare]] = {"counted": [], "missing": [], "by_layer": [], "detected": []}
    for holding in held:
        ecc = protection.get("ddr" if holding.base == "ins" else holding.base)
        for layer, live in (holding.live or {"-": 0}).items():
            rate = _known(c.rate(holding, layer) for c in campaigns) if campaigns else ALL
            share = _share(holding, layer, live / (holding.bits * cycles), rate or ALL, ecc)
            if not rate and not ecc and live:
                found["missing"].append(share)
                continue
            found["counted"].append(share)
            own = _known(c.layer_rate(holding, layer) for c in campaigns) if campaigns else ALL
            found["by_layer"].append(_share(holding, layer, share.live_fraction, own or ALL, ecc))
            if not ecc and (due := _known(c.rate(holding, layer, DUE) for c in campaigns)):
                found["detected"].append(_share(holding, layer, share.live_fraction, due, None))
    return Shares(**{name: tuple(shares) for name, shares in found.items()})


def _known(rates: Iterable[CriticalRate | None]) -> CriticalRate | None:
    return next((rate for rate in rates if rate is not None), None)


def _share(holding: Holding, layer: str, live_fraction: float, rate: CriticalRate, ecc: Secded | None) -> MemoryShare:
    kind = "ff" if holding.kind == REGISTER else holding.kind
    return MemoryShare(
        holding.memory, kind, layer, holding.bits, live_fraction, rate.low, rate.best, rate.high,
        faults=rate.faults, ecc=ecc, sample=rate.sample,
    )  # fmt: skip


def vulnerability_factors(shares: Iterable[MemoryShare]) -> dict[str, dict[str, float]]:
    """Return by memory the share of upsets of any bit at any cycle that are critical, the live share, and the faults.

    AVF = live share x conditional rate, summed over layers. The limits are sums of limits: exact where all layers share
    one rate, too wide otherwise.
    """
    found: dict[str, dict[str, float]] = {}
    samples: dict[str, dict[str, int]] = {}
    for share in shares:
        if share.ecc is None and share.live_fraction:
            entry = found.setdefault(share.memory, {"live_fraction": 0.0, "low": 0.0, "best": 0.0, "high": 0.0})
            entry["live_fraction"] += share.live_fraction
            for key in ("low", "best", "high"):
                entry[key] += share.live_fraction * getattr(share, f"critical_{key}")
            samples.setdefault(share.memory, {})[share.sample or share.layer] = share.faults
    return {name: {**entry, "faults": sum(samples[name].values())} for name, entry in found.items()}
