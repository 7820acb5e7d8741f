"""Energy of an inference from an editable table: power times time, plus a price per operation and per byte."""

import csv
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from accel_sim.errors import UsageError

ITEMS = ("static_power", "mac", "buffer_byte", "ddr_byte", "host_power", "host_element")


@dataclass(frozen=True)
class EnergyItem:
    """One row of the table.

    Parameters
    ----------
    value : float
        In `unit`.
    low, high : float or None
        What other sources say; None where nobody says anything.
    unit : str
        W, pJ or ns.
    verified : bool
        Whether the figure was read in its source for this very hardware.
    source : str
        Where it comes from.
    """

    value: float
    low: float | None
    high: float | None
    unit: str
    verified: bool
    source: str


@dataclass(frozen=True)
class EnergyTable:
    """The prices, by name of the item (see `ITEMS`)."""

    items: dict[str, EnergyItem]

    def value(self, item: str) -> float:
        """Return an item in SI units: watts, joules or seconds."""
        entry = self.items[item]
        return entry.value * {"W": 1.0, "pJ": 1e-12, "ns": 1e-9}[entry.unit]

    @property
    def unverified(self) -> tuple[str, ...]:
        """Names of all items nobody has verified."""
        return tuple(name for name, item in self.items.items() if not item.verified)


def read_energy_table(path: str | Path | None = None) -> EnergyTable:
    """Read the table that ships with the package, or one of the same form.

    Parameters
    ----------
    path : str or Path, optional
        A CSV file with the columns item, value, low, high, unit, verified and source; rows that it leaves out keep
        the values of the package.

    Raises
    ------
    UsageError
        When the file cannot be read, or a row has an unknown item or a value that is no number.
    """
    packaged = (resources.files("accel_sim.estimate") / "data" / "energy.csv").read_text(encoding="utf-8")
    items = _parse(packaged, "energy.csv")
    if path is not None:
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"energy table {path} cannot be read ({error}); give a CSV file") from None
        items |= _parse(text, str(path))
    return EnergyTable(items)


def _parse(text: str, name: str) -> dict[str, EnergyItem]:
    found = {}
    for line, row in enumerate(csv.DictReader(text.splitlines()), start=2):
        item = row.get("item") or ""
        if item not in ITEMS:
            raise UsageError(f"{name}, line {line}: unknown item {item!r}; use one of {', '.join(ITEMS)}")
        unit = row.get("unit") or ""
        if unit not in ("W", "pJ", "ns"):
            raise UsageError(f"{name}, line {line}: unit of {item} is {unit!r}; use W, pJ or ns")
        try:
            value = float(row["value"])
            low, high = (float(row[k]) if row.get(k) else None for k in ("low", "high"))
        except (TypeError, ValueError):
            raise UsageError(f"{name}, line {line}: {item} needs a number as value (and as low and high)") from None
        if value < 0:
            raise UsageError(f"{name}, line {line}: value of {item} is {value}; it cannot be negative")
        verified = (row.get("verified") or "").strip().lower() == "true"
        found[item] = EnergyItem(value, low, high, unit, verified, row.get("source") or "")
    return found


@dataclass(frozen=True)
class Energy:
    """Energy of one inference in joules, by what it is spent on.

    Parameters
    ----------
    static_j : float
        Power that is there in any case, times the whole time (accelerator and host).
    mac_j, buffer_j, ddr_j : float
        Multiply-accumulates, bytes through the banks, bytes through DDR.
    host_j : float
        Extra power of the host while it works.
    unverified : tuple of str
        Items of the table that nobody has verified.
    """

    static_j: float
    mac_j: float
    buffer_j: float
    ddr_j: float
    host_j: float
    unverified: tuple[str, ...]

    @property
    def total_j(self) -> float:
        """Sum of all terms."""
        return self.static_j + self.mac_j + self.buffer_j + self.ddr_j + self.host_j


def energy_of(
    table: EnergyTable, *, accelerator_s: float, host_s: float, macs: float, buffer_bytes: float, ddr_bytes: float
) -> Energy:
    """Return ``P_static (t + t_host) + e_mac MACs + e_buf bytes + e_ddr bytes + P_host t_host``.

    Parameters
    ----------
    table : EnergyTable
        Prices.
    accelerator_s, host_s : float
        Times of one inference in seconds, one after the other.
    macs, buffer_bytes, ddr_bytes : float
        What one inference does.
    """
    return Energy(
        table.value("static_power") * (accelerator_s + host_s),
        table.value("mac") * macs,
        table.value("buffer_byte") * buffer_bytes,
        table.value("ddr_byte") * ddr_bytes,
        table.value("host_power") * host_s,
        table.unverified,
    )
