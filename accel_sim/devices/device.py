"""FPGA devices: what they hold, with the origin of every figure."""

import csv
from dataclasses import dataclass
from importlib import resources

from accel_sim.errors import UsageError


@dataclass(frozen=True)
class Device:
    """One device.

    Parameters
    ----------
    name, board : str
        Device, and boards that carry it.
    family : str
        7_series or ultrascale_plus: the key of the soft-error rates.
    node_nm : int
        Process in nanometres.
    lut, ff, bram36, uram288, dsp : int
        Resources.
    bram_bits, uram_bits : int
        Bits of all block RAMs and UltraRAMs, parity included.
    cram_bits : int or None
        Bits of configuration memory; None where no figure is at hand.
    bitstream_bits : int or None
        Length of a bitstream. It contains block-RAM contents and commands: an upper bound of `cram_bits`.
    verified : bool
        Whether the resources were read in a vendor's document.
    source : str
        Where the figures come from.
    """

    name: str
    board: str
    family: str
    node_nm: int
    lut: int
    ff: int
    bram36: int
    uram288: int
    dsp: int
    bram_bits: int
    uram_bits: int
    cram_bits: int | None
    bitstream_bits: int | None
    verified: bool
    source: str


def packaged_table(name: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file of the package."""
    text = (resources.files("accel_sim.devices") / "data" / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _device(row: dict[str, str]) -> Device:
    def optional(field: str) -> int | None:
        return int(row[field]) if row[field] else None

    return Device(
        name=row["name"],
        board=row["board"],
        family=row["family"],
        node_nm=int(row["node_nm"]),
        lut=int(row["lut"]),
        ff=int(row["ff"]),
        bram36=int(row["bram36"]),
        uram288=int(row["uram288"]),
        dsp=int(row["dsp"]),
        bram_bits=int(row["bram_bits"]),
        uram_bits=int(row["uram_bits"]),
        cram_bits=optional("cram_bits"),
        bitstream_bits=optional("bitstream_bits"),
        verified=row["verified"] == "true",
        source=row["source"],
    )


def devices() -> dict[str, Device]:
    """Return all devices by name."""
    return {row["name"]: _device(row) for row in packaged_table("devices.csv")}


def find_device(name: str) -> Device:
    """Return the device of that name; capitals and the leading XC may be left out.

    Raises
    ------
    UsageError
        When there is none; the message lists the known ones.
    """
    known = devices()
    wanted = name.upper().removeprefix("XC")
    for key, device in known.items():
        if key.removeprefix("XC") == wanted:
            return device
    raise UsageError(f"device {name!r} is unknown; use one of {', '.join(known)}")
