"""The study's page: Markdown made of the data alone."""

from collections.abc import Mapping
from typing import Any, Final

from accel_sim.devices import find_environment
from accel_sim.stats import leveugle_sample_size
from onnx_models.study import tables
from onnx_models.study.answer import answer, weights_and_features
from onnx_models.study.page_text import PAGE
from onnx_models.study.record import rates_of
from onnx_models.study.results import IMAGES_PER_SECOND

PLACES: Final = ("10_km", "40_kft_iec", "40_kft_formula")


def render(record: Mapping[str, Any]) -> str:
    """Return the page.

    Parameters
    ----------
    record
        The study's data.
    """
    rates, size, recipe = rates_of(record), record["size"], record["networks"][0]["recipe"]
    placed = next(a for a in record["accelerators"] if a["uram_banks"])
    return PAGE.substitute(
        command=record["command"],
        answer=answer(record, rates),
        height=size["height"],
        width=size["width"],
        windows=recipe["train_scenes"] * recipe["crops_per_scene"],
        epochs=recipe["epochs"],
        test_scenes=recipe["test_scenes"],
        networks=tables.networks(record),
        fps=f"{IMAGES_PER_SECOND:g}",
        failures=tables.failures(record, rates),
        places=", ".join(f"{find_environment(name).ratio:.0f} at `{name}`" for name in PLACES),
        weights=weights_and_features(record),
        reasons=tables.reasons(record, rates),
        cost=tables.cost(record),
        uram_over_bram=f"{record['uram_over_bram']:g}",
        placed_arch=placed["arch"],
        placed_reason=placed["reason"],
        uram=tables.uram(record),
        others=tables.others(record),
        images=size["images"],
        faults=size["faults"],
        other_faults=size["other_faults"],
        margins=", ".join(f"{100 * _margin(n):.1f} % with {n}" for n in (size["faults"], size["other_faults"])),
        rates="; ".join(_rate(kind, record["rates"][kind]) for kind in ("bram", "uram")) + ".",
        device=record["device"],
        environment=record["environment"],
        placement="; ".join(f"{a['arch']}: {a['reason']}" for a in record["accelerators"]),
        seed=record["seed"],
        versions=", ".join(f"{name} {value}" for name, value in record["versions"].items()),
    )


def _rate(kind: str, rate: Mapping[str, Any]) -> str:
    status = "verified" if rate["verified"] else "unverified"
    name = {"bram": "block RAM", "uram": "UltraRAM"}[kind]
    limits = f"{rate['low']:.2f} to {rate['high']:.2f}"
    return f"{name} {rate['fit_per_mbit']:.2f} ({limits}), **{status}** ({rate['source']})"


def _margin(faults: int) -> float:
    """Smallest margin in steps of 0.1 % for which Leveugle's formula asks for no more faults than these."""
    return next(m / 1000 for m in range(1, 1000) if leveugle_sample_size(None, m / 1000, 0.95) <= faults)
