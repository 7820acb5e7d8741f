"""What synthesis says of an accelerator, as the public JSON form."""

import csv
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from accel_sim.config import AcceleratorConfig, memory_map
from accel_sim.rtl.parameters import module_parameters
from accel_sim.rtl.synth_cells import Resources, resources
from accel_sim.rtl.synth_netlist import Netlist
from accel_sim.rtl.synth_yosys import FAMILY, synthesise, yosys_version
from accel_sim.rtl.toolchain import SOURCES, sources

TOPS = ("accel_top", "accel_core")
RAM = "accel_ram"
ESTIMATE = (
    "an estimate by Yosys: every distinct module synthesised once, not packed, placed or timed; another tool gives "
    "other numbers, LUTs most of all"
)
PUBLISHED = Path(__file__).with_name("data") / "dpu_resources.csv"


def synthesis_record(config: AcceleratorConfig, *, top: str = "accel_top", folder: Path = SOURCES) -> dict[str, Any]:
    """Synthesise the accelerator of a configuration.

    Parameters
    ----------
    config
        Its sizes. Image, weight, depthwise and bias banks are built as block RAM.
    top
        ``accel_top``, with the AXI ports, or ``accel_core``.
    folder
        Hardware description.

    Returns
    -------
    dict
        `total`, `modules` (the resources of a module without what it instantiates, `each`, and of all its
        instances, `all`), `memories`, `published`, `notes`.

    Raises
    ------
    UsageError
        pyosys is missing, there is no hardware description, or Yosys refuses it.
    """
    version, notes = yosys_version(), []
    if config.dma_words_per_cycle != 1:
        notes.append(f"the transfer engines move 1 word per cycle; {config.name} counts {config.dma_words_per_cycle}")
    parameters = module_parameters(replace(config, dma_words_per_cycle=1), block_ram=True)
    if top == "accel_top":
        del parameters["BytesPer1024Cycles"]
    netlist, cells = synthesise(sources(folder, bus=True), top, parameters)
    each = {kind: resources(found) for kind, found in cells.items()}
    modules = _modules(netlist, each)
    total = Resources()
    for entry in modules:
        total = total.plus(Resources(**entry["all"]))
    return {
        "arch": config.name,
        "top": top,
        "family": FAMILY,
        "tool": f"Yosys, pyosys {version}",
        "is": ESTIMATE,
        "parameters": parameters,
        "total": asdict(total),
        "modules": modules,
        "memories": _memories(netlist, each, config),
        "published": published(config.name),
        "notes": notes,
    }


def _modules(netlist: Netlist, each: Mapping[str, Resources]) -> list[dict[str, Any]]:
    return [
        {"module": kind, "instances": count, "each": asdict(each[kind]), "all": asdict(each[kind].times(count))}
        for kind, count in sorted(netlist.counts().items())
    ]


def _memories(netlist: Netlist, each: Mapping[str, Resources], config: AcceleratorConfig) -> dict[str, Any]:
    """Where the bits of every memory ended up."""
    taken: dict[str, Resources] = {}
    banks: dict[str, int] = {}
    for instance in netlist.instances():
        if instance.kind.split(".")[0] == RAM:
            name = instance.path.rsplit(".", 1)[-1]
            taken[name] = taken.get(name, Resources()).plus(each[instance.kind])
            banks[name] = banks.get(name, 0) + 1
    specs = memory_map(config)
    return {
        name: {
            "banks": banks[name],
            "bits": specs[name].bits,
            "in": "uram" if found.uram else "bram" if found.bram36 else "lutram" if found.lut_ram else "logic",
            "bram36": found.bram36,
            "uram": found.uram,
            "lut": found.lut,
            "ff": found.ff,
        }
        for name, found in taken.items()
    }


def published(arch: str) -> list[dict[str, Any]]:
    """Return what the vendor publishes for the DPU of that size; empty for other architectures."""
    with PUBLISHED.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["arch"] == arch.removesuffix("-high")]
    return [
        {
            "dsp_usage": row["dsp_usage"], "lut": int(row["lut"]), "ff": int(row["ff"]),
            "bram36": float(row["bram36"]), "dsp": int(row["dsp"]), "source": row["source"],
            "verified": row["verified"] == "yes",
        }
        for row in rows
    ]  # fmt: skip
