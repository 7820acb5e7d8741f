"""What a synthesised design adds to the failures: its other flip-flops, and its share of the device."""

from collections.abc import Sequence
from typing import Any

from accel_sim.devices import ConfigurationTerm, Device
from accel_sim.estimation.memory_table import REGISTER, Holding
from accel_sim.rtl.synth_file import Synthesis

OTHER = "other_ff"
CONTROL = "control"
SCALED = (
    "configuration upsets are taken as spread evenly over the device, and those outside of the design's share of "
    "look-up tables as harmless: an assumption, routing is not counted"
)


def other_flip_flops(synthesis: Synthesis, held: Sequence[Holding], cycles: int) -> Holding:
    """Return the flip-flops beside the registers that the machine models, live all the time.

    Parameters
    ----------
    synthesis
        Counts of the design.
    held
        Memories and registers that are known.
    cycles
        Cycles of one inference.
    """
    modelled = sum(holding.bits for holding in held if holding.kind == REGISTER)
    bits = max(synthesis.ff - modelled, 0)
    return Holding(OTHER, OTHER, REGISTER, bits, {CONTROL: bits * cycles}, (0, 1))


def synthesis_notes(synthesis: Synthesis, other: Holding, chip: Device) -> list[str]:
    """Return what a reader must know of the figures."""
    notes = [
        f"{OTHER}: {other.bits} flip-flops of the synthesised design beside the modelled registers, live all the time "
        "and every upset counted: an upper bound",
        "configuration memory, pulses in logic and processors are not part of this sum",
    ]
    if synthesis.lut > chip.lut or synthesis.ff > chip.ff:
        notes.append(
            f"the synthesised {synthesis.arch} takes {synthesis.lut} LUT and {synthesis.ff} FF, {chip.name} has "
            f"{chip.lut} and {chip.ff}: it does not fit"
        )
    return notes


def synthesis_part(synthesis: Synthesis, other: Holding, chip: Device, term: ConfigurationTerm) -> dict[str, Any]:
    """Return the part of the public JSON form that comes from a synthesis.

    Parameters
    ----------
    synthesis
        Counts of the design.
    other
        What :func:`other_flip_flops` returned.
    chip
        The device.
    term
        Its configuration memory.

    Returns
    -------
    dict
        `lut_share` of the device; `configuration_memory` with `raw_fit`, `typical_fit` and `worst_fit` of that share
        (null where the device's or the rate is unknown).
    """
    share = synthesis.lut / chip.lut if chip.lut else None
    figures = {"raw_fit": term.raw_fit, "typical_fit": term.typical_fit, "worst_fit": term.worst_fit}
    return {
        "tool": synthesis.tool,
        "lut": synthesis.lut,
        "ff": synthesis.ff,
        "other_ff": other.bits,
        "lut_share": share,
        "configuration_memory": {
            **{
                key: None if value is None or share is None else value * min(share, 1.0)
                for key, value in figures.items()
            },
            "is": SCALED,
        },
    }
