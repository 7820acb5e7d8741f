"""Failures per 10^9 h of a compiled model on a device in an environment."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from accel_sim.config import AcceleratorConfig
from accel_sim.config.memories import block_rams
from accel_sim.devices import (
    Device,
    Environment,
    FitReport,
    MemoryShare,
    RateTable,
    Secded,
    compose,
    configuration_term,
    upset_rates,
)
from accel_sim.devices.composition import NOT_COUNTED
from accel_sim.errors import UsageError
from accel_sim.estimation.campaign_rates import CampaignRates
from accel_sim.estimation.memory_table import Holding
from accel_sim.estimation.shares import shares_of, vulnerability_factors
from accel_sim.estimation.synthesis import other_flip_flops, synthesis_notes, synthesis_part
from accel_sim.rtl.synth_file import Synthesis
from accel_sim.stats import Estimate

UPPER = (
    "upsets of bits that are still to be read, every one counted as a failure: an upper bound for the memories of "
    "known rate; --results derates it"
)
DERATED = "upsets of bits that are still to be read times the critical rate of the given campaigns"
TRAPPED = "inferences that trap or hang, which somebody may notice: not in fit"
IN_DDR = (
    "constants in DDR are counted as written anew for every inference; where they are not, they are live all the time"
)


def failures(
    held: Sequence[Holding],
    cycles: int,
    config: AcceleratorConfig,
    *,
    device: str,
    environment: str,
    rates: str | Path | None = None,
    campaigns: Sequence[CampaignRates] = (),
    scrub_hours: float | None = None,
    synthesis: Synthesis | None = None,
) -> dict[str, Any]:
    """Return the part of the public JSON form that speaks of failures.

    Parameters
    ----------
    held
        What every memory holds, and for how long.
    cycles
        Cycles of one inference.
    device, environment
        Name of a device; name of an environment or a neutron flux in n/cm2/h.
    rates
        TOML or CSV file of soft-error rates that replace those of the package.
    campaigns
        Where critical rates come from; without any, every upset of a live bit counts.
    scrub_hours
        Longest time that a word of a protected DDR waits for scrubbing.
    synthesis
        Counts of the synthesised design: its other flip-flops join the sum, and its share of the device scales the
        configuration memory's figures.

    Raises
    ------
    UsageError
        An unknown device or environment, an unusable table of rates, ECC on DDR without a scrub interval.
    """
    found = upset_rates(device, environment, rates)
    chip, place, table = found.device, found.environment, found.table
    other = None if synthesis is None else other_flip_flops(synthesis, held, cycles)
    held = [*held, *([other] if other is not None else [])]
    shares = shares_of(held, cycles, campaigns, _protection(config, cycles, scrub_hours))
    counted, missing = shares.counted, shares.missing
    sampled = {share.memory for share in counted}
    report = compose(counted, table, place)
    rest = compose(missing, table, place)
    record = _record(report, table, chip, place)
    record["fit_is"] = DERATED if campaigns else UPPER
    faults = sum(int(campaign.summary["faults"]) for campaign in campaigns)
    record["fit"] = _total(report, faults)
    due = compose(shares.detected, table, place)
    record["fit_due"] = {**_total(due, faults), "is": TRAPPED} if shares.detected else None
    by_layer = compose(shares.by_layer, table, place).by_layer
    record["fit_by_layer"] = {n: {**_limits(e), "n": e.n} for n, e in by_layer.items() if n != "-"}
    record["avf"] = vulnerability_factors(counted) if campaigns else {}
    record["mtbf_hours"] = None
    if campaigns and report.by_memory:
        record["mtbf_hours"] = {**_finite(report.mtbf_hours), "n": record["fit"]["n"]}
    record["raw"] = {m.memory: {"kind": m.kind, "bits": m.bits, "fit": m.fit, "verified": m.verified}
                     for m in (*report.raw, *(r for r in rest.raw if r.memory not in sampled))}  # fmt: skip
    record["raw_fit"] = sum(entry["fit"] or 0.0 for entry in record["raw"].values())
    record["unknown"] = {**report.unknown, **rest.unknown}
    record["not_sampled"] = {name: _limits(estimate) for name, estimate in rest.by_memory.items()}
    record["campaigns"] = [campaign.to_json() for campaign in campaigns]
    record["notes"] = [*report.notes, *_notes(config, chip, campaigns, missing, rest)]
    record["synthesis"] = None
    if synthesis is not None and other is not None:
        term = configuration_term(chip, table, place)
        record["synthesis"] = synthesis_part(synthesis, other, chip, term)
        record["notes"] = [note for note in record["notes"] if note != NOT_COUNTED]
        record["notes"] += synthesis_notes(synthesis, other, chip)
    return record


def _protection(config: AcceleratorConfig, cycles: int, scrub_hours: float | None) -> dict[str, Secded]:
    """Buffers are written anew in every inference; what lies in DDR waits for the scrubber."""
    inference_hours = cycles / (config.clock_mhz * 1e6) / 3600
    if "ddr" in config.ecc and scrub_hours is None:
        raise UsageError(
            f"configuration {config.name!r} protects ddr by ECC: give --scrub-hours, the longest time in hours that a "
            "word waits for scrubbing"
        )
    return {
        name: Secded(scrub_hours if name == "ddr" and scrub_hours is not None else inference_hours)
        for name in config.ecc
    }


def _record(report: FitReport, table: RateTable, chip: Device, place: Environment) -> dict[str, Any]:
    term = configuration_term(chip, table, place)
    kinds = {memory.kind for memory in report.raw}
    return {
        "device": chip.name,
        "environment": {"name": place.name, "flux_n_cm2_h": place.flux_n_cm2_h, "verified": place.verified},
        "rates": {
            kind: {"fit_per_mbit": rate.fit_per_mbit, "verified": rate.verified, "source": rate.source}
            for kind, rate in table.rates.items() if kind in kinds
        },
        "fit": {},
        "fit_by_memory": {name: _limits(estimate) for name, estimate in report.by_memory.items()},
        "configuration_memory": asdict(term),
    }  # fmt: skip


def _total(report: FitReport, faults: int) -> dict[str, Any]:
    """Return the sum; not zero but unknown where no memory of known rate is in it."""
    plain = {**report.fit.to_dict(), "n": faults}
    return plain if report.by_memory else {**plain, "best": None, "high": None}


def _limits(estimate: Estimate) -> dict[str, float]:
    return {"low": estimate.low, "best": estimate.best, "high": estimate.high}


def _finite(estimate: Estimate) -> dict[str, Any]:
    """Return an estimate whose infinite limits are null."""
    plain = estimate.to_dict()
    return {key: None if isinstance(v, float) and math.isinf(v) else v for key, v in plain.items()}


def _notes(
    config: AcceleratorConfig,
    chip: Device,
    campaigns: Sequence[CampaignRates],
    missing: Sequence[MemoryShare],
    rest: FitReport,
) -> list[str]:
    notes = [campaign.note for campaign in campaigns]
    if missing:
        names = ", ".join(dict.fromkeys(share.memory for share in missing))
        notes.append(
            f"no campaign given sampled {names}: not in the sum; not_sampled has the upsets of their live bits"
        )
        notes += [f"of these, {name} have no known rate either" for name in [", ".join(sorted(rest.unknown))] if name]
    notes += [IN_DDR, "live times of registers count all lanes, idle ones too: an upper bound"]
    bram, uram = block_rams(config)
    if bram > chip.bram36 or uram > chip.uram288:
        notes.append(
            f"{config.name} takes {float(bram):g} BRAM36 and {uram} URAM288, {chip.name} has {chip.bram36} and "
            f"{chip.uram288}: it does not fit as it is; place banks in UltraRAM (uram_banks in a TOML file)"
        )
    return notes
