"""How a change spreads, layer by layer: `python -m tests.bench.spread_picture [--svg OUT.svg] [--json OUT.json]`.

Draws some faults of `hsi-unet-relu` (which ones is a rule, see `choose`) and counts, for every layer with products and
every list of faults, the share of output pixels whose differences were followed and of those that were recomputed.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.engine.sparse import fields as F  # noqa: N812
from accel_sim.faults import Fault, Injector
from tests.bench import strategies
from tests.bench.costs import NETWORKS, open_network
from tests.bench.fault_lists import ACTIVATIONS, WEIGHT_BITS, draw_lists
from tests.bench.machine import machine

CELLS, GAP, LEFT, TOP = (46, 23), 4, 96, 84
"""Cells of a small map (columns, rows), and pixels between maps, left of them and above them."""
LEVELS = ((0.0, "#c6dbef", "a code changed"), (0.05, "#6baed6", "over 5 % of them"), (0.25, "#08519c", "over 25 %"))
"""Cells with a larger share of changed codes than the first number, their colour, and what the legend says."""
BARS = {"struck": "#c0392b", "followed": "#2ca02c", "recomputed": "#ff9f40"}
RANKS = ((WEIGHT_BITS, 0.5), (WEIGHT_BITS, 0.9), (WEIGHT_BITS, 1.0), (ACTIVATIONS, 0.75))


@dataclass(frozen=True, eq=False)
class Layer:
    """What a fault did to the output of one node with products.

    Attributes
    ----------
    number
        Place of the node in the graph.
    changed
        Share of changed codes of every pixel (rows, columns), 0 to 1.
    shares
        Share of output pixels by strategy; `struck` is 1 where the fault is in the node itself.
    """

    number: int
    changed: NDArray[np.float64]
    shares: dict[str, float]


def layers_of(injector: Injector, fault: Fault) -> list[Layer]:
    """Run a fault and look at every node with products."""
    runner, nodes = injector.runners[0], strategies.product_nodes(injector)
    found = []
    with runner.struck(strategies.upset(injector, fault)):
        works = {work.number: work for work in strategies.again(runner, nodes, strategies.POLICIES["mixed"])}
        for number in nodes:
            name, node = injector.graph.nodes[number].outputs[0], injector.graph.nodes[number]
            golden = runner.golden.tensors[name]
            start = int(runner.tables.tensors[runner.tables.numbers[name], F.OFFSET])
            codes = runner.state[F.WORK][start : start + golden.size].reshape(golden.shape)
            struck = any(view.parameter == fault.tensor for view in node.views)
            pixels, work = golden.size // golden.shape[-1], works.get(number)
            shares = {
                "struck": float(struck),
                "followed": work.followed() / pixels if work else 0.0,
                "recomputed": work.recomputed() / pixels if work else 0.0,
            }
            found.append(Layer(number, (codes != golden).mean(axis=-1)[0], shares))
    return found


def mean_shares(injector: Injector, faults: list[Fault]) -> dict[str, dict[str, float]]:
    """Means over a list: for every node, and for all of them together, changed codes and pixels by strategy."""
    total: dict[str, dict[str, float]] = {}
    sizes: dict[str, int] = {}
    for fault in faults:
        for layer in layers_of(injector, fault):
            name = injector.graph.nodes[layer.number].name
            row = total.setdefault(name, dict.fromkeys(("changed", *BARS), 0.0))
            sizes[name] = layer.changed.size
            for key, value in (layer.shares | {"changed": float(layer.changed.mean())}).items():
                row[key] += value / len(faults)
    pixels = sum(sizes.values())
    keys = ("changed", *BARS)
    total["all"] = {key: sum(total[n][key] * size for n, size in sizes.items()) / pixels for key in keys}
    return {n: {k: float(f"{v:.3g}") for k, v in row.items()} for n, row in total.items()}


def choose(injector: Injector, lists: dict[str, list[Fault]]) -> list[tuple[str, Fault]]:
    """Choose faults by rank: the list sorted by the share of changed codes over all layers, and a quantile of it."""
    chosen = []
    for name, rank in RANKS:
        sizes = [sum(float(layer.changed.sum()) for layer in layers_of(injector, fault)) for fault in lists[name]]
        order = np.argsort(sizes, kind="stable")
        fault = lists[name][int(order[round(rank * (len(order) - 1))])]
        chosen.append((f"{name}, rank {rank:.0%}", fault))
    return chosen


def _map(layer: Layer, x: float, y: float) -> str:
    """Draw one small map: per level of colour one path of horizontal runs."""
    height, width = layer.changed.shape
    columns, rows = min(CELLS[0], width), min(CELLS[1], height)
    sums = np.add.reduceat(layer.changed, np.arange(rows) * height // rows, axis=0)
    sums = np.add.reduceat(sums, np.arange(columns) * width // columns, axis=1)
    cells = sums / (height * width / (rows * columns))
    level = np.zeros(cells.shape, int)
    for number, (least, *_) in enumerate(LEVELS, start=1):
        level[cells > least] = number
    scale_x, scale_y = CELLS[0] / columns, CELLS[1] / rows
    parts = [f'<rect x="{x}" y="{y}" width="{CELLS[0]}" height="{CELLS[1]}" class="map"/>']
    for number, (_, colour, _) in enumerate(LEVELS, start=1):
        path = []
        for row, line in enumerate(level):
            edges = np.flatnonzero(np.diff(np.concatenate([[0], line == number, [0]])))
            for first, last in edges.reshape(-1, 2):
                path.append(f"M{first} {row}h{last - first}v1h{first - last}z")
        if path:
            place = f"translate({x} {y}) scale({scale_x:.4g} {scale_y:.4g})"
            parts.append(f'<path fill="{colour}" transform="{place}" d="{"".join(path)}"/>')
    start = x
    for name, colour in BARS.items():
        wide = min(layer.shares[name], 1.0) * CELLS[0]
        if wide:
            parts.append(
                f'<rect x="{start:.1f}" y="{y + CELLS[1] + 1}" width="{wide:.1f}" height="5" fill="{colour}"/>'
            )
        start += wide
    return "\n".join(parts)


def draw(injector: Injector, chosen: list[tuple[str, Fault]]) -> str:
    """Return the picture: one line of small maps per fault, one column per layer."""
    rows = [(title, fault, layers_of(injector, fault)) for title, fault in chosen]
    pitch, line = CELLS[0] + GAP, CELLS[1] + 34
    wide, high = LEFT + pitch * len(rows[0][2]) + 30, TOP + line * len(rows) + 26
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="sans-serif" font-size="9">',
        "<style>.map{fill:#f4f4f4;stroke:#999;stroke-width:.4}text{fill:#222}</style>",
        f'<rect width="{wide}" height="{high}" fill="#fff"/>',
    ]
    for column, layer in enumerate(rows[0][2]):
        x = LEFT + column * pitch + CELLS[0] / 2
        height, width = layer.changed.shape
        label = f"{injector.graph.nodes[layer.number].name}  {height} x {width}"
        parts.append(f'<text x="{x + 3}" y="{TOP - 6}" transform="rotate(-60 {x + 3} {TOP - 6})">{label}</text>')
    for number, (title, fault, layers) in enumerate(rows):
        y = TOP + number * line
        name, rank = title.split(", ")
        parts.append(f'<text x="4" y="{y + 10}">{name}</text><text x="4" y="{y + 21}">{rank}</text>')
        index = ", ".join(str(i) for i in fault.index)
        parts.append(f'<text x="{LEFT}" y="{y + CELLS[1] + 16}">{fault.tensor} [{index}], bit {fault.bits[0]}</text>')
        parts += [_map(layer, LEFT + column * pitch, y) for column, layer in enumerate(layers)]
    legend = [(colour, text) for _, colour, text in LEVELS]
    legend += [(colour, f"{name} (share of the pixels)") for name, colour in BARS.items()]
    for number, (colour, text) in enumerate(legend):
        x = LEFT + number * 185
        parts.append(f'<rect x="{x}" y="{high - 18}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 14}" y="{high - 9}">{text}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--faults", type=int, default=200, help="faults per list (200)")
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    networks: dict[str, Any] = {}
    for name in NETWORKS if given.json else NETWORKS[:1]:
        model, injector = open_network(name)
        lists = draw_lists(model.graph, given.faults)
        if name == NETWORKS[0] and given.svg:
            given.svg.write_text(draw(injector, choose(injector, lists)), encoding="utf-8")
        networks[name] = {kind: mean_shares(injector, some) for kind, some in lists.items()}
        for kind, rows in networks[name].items():
            print(f"{name}, {kind}:", ", ".join(f"{key} {value:.1%}" for key, value in rows["all"].items()), flush=True)
    if given.json:
        result = {"machine": machine(), "faults_per_list": given.faults, "networks": networks}
        given.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
