"""How far faults spread in a benchmark network: `python -m tests.bench.spread FILE.onnx SCENES.npz [--json FILE.json]`.

For the lists of `fault_lists`, from dense faulty runs: the multiply-accumulates that following single changed elements
would take (`delta_macs`, share of one inference's), the outputs of Conv, ConvTranspose and Gemm that they touch
(`touched_outputs`, share of all) and the share of faults that are masked, that is, change no output of the network.
They say how hard the network makes it for an incremental engine, whatever that engine does.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.engine import Engine
from accel_sim.engine.engine import Golden
from accel_sim.faults import Fault, upset_of
from accel_sim.model import Conv, ConvTranspose, Gemm, Graph, Node, Window
from accel_sim.session import load
from tests.bench.fault_lists import draw_lists
from tests.bench.workloads import read_image

INTENDED = {
    "unet_small": {
        "weight bits": {"delta_macs": 0.0012, "touched_outputs": 0.053, "masked": 0.27},
        "parameter sets": {"delta_macs": 0.037, "touched_outputs": 0.226, "masked": 0.07},
        "activations": {"delta_macs": 0.0007, "touched_outputs": 0.025, "masked": 0.12},
    },
    "unet_pruned": {
        "weight bits": {"delta_macs": 0.0022, "touched_outputs": 0.098, "masked": 0.06},
        "parameter sets": {"delta_macs": 0.023, "touched_outputs": 0.203, "masked": 0.05},
        "activations": {"delta_macs": 0.0001, "touched_outputs": 0.006, "masked": 0.16},
    },
}
"""What the goals were set with: trained networks of the same shapes that are not at hand. The recipes of
`onnx_models.benchmark` were chosen to come near it."""

Changed = Mapping[str, NDArray[Any]]
Mask = NDArray[np.bool_]


def spread(engine: Engine, image: Mapping[str, NDArray[Any]], faults: int) -> dict[str, dict[str, float]]:
    """Measure all three lists.

    Parameters
    ----------
    engine, image
        The network and one input.
    faults
        Faults per list.

    Returns
    -------
    dict
        List name to `delta_macs`, `touched_outputs`, `masked`: means over the list, each from 0 to 1.
    """
    graph, golden = engine.graph, engine.run(image)
    products = [node for node in graph.nodes if isinstance(node.operation, Conv | ConvTranspose | Gemm)]
    everything = {n: np.invert(golden.tensors[n].view(np.uint8)) for node in products for n in node.inputs}
    whole = [_follow(graph, golden, node, everything, None) for node in products]
    macs, outputs = sum(m for m, _ in whole), sum(o for _, o in whole)
    found = {}
    for name, some in draw_lists(graph, faults).items():
        rows = []
        for fault in some:
            source = (
                graph.parameters[fault.tensor].values if fault.space == "parameters" else graph.tensors[fault.tensor]
            )
            changed = engine.run_faulty(golden, upset_of(fault, source.shape))
            work = [_follow(graph, golden, node, changed, fault) for node in products]
            masked = not any(n in changed for n in graph.outputs)
            rows.append((sum(m for m, _ in work) / macs, sum(o for _, o in work) / outputs, masked))
        delta, touched, masked_share = np.mean(rows, axis=0)
        found[name] = {"delta_macs": delta, "touched_outputs": touched, "masked": masked_share}
    return {n: {k: float(f"{v:.3g}") for k, v in row.items()} for n, row in found.items()}


def _follow(graph: Graph, golden: Golden, node: Node, changed: Changed, fault: Fault | None) -> tuple[int, int]:
    """Return multiply-accumulates and touched outputs of one node; products with padding are not counted."""
    operation = node.operation
    assert isinstance(operation, Conv | ConvTranspose | Gemm)
    before = golden.tensors[node.inputs[0]]
    differs: Mask = (changed[node.inputs[0]] != before) if node.inputs[0] in changed else np.zeros(before.shape, bool)
    shape = graph.tensors[node.outputs[0]].shape
    if isinstance(operation, Gemm):
        rows = differs.reshape(-1, differs.shape[-1])
        pixels = rows[None, :, None, :]
        reach, side, groups = Window((1, 1)), (len(rows), 1), 1
        channels = shape[-1]
    else:
        pixels = differs if differs.ndim == 4 else differs[:, None]
        reach, groups, channels = operation.window, operation.group, shape[1]
        side = (shape[2], shape[3]) if len(shape) == 4 else (1, shape[2])
    macs = touched = 0
    struck = {v.parameter: v for v in node.views}.get(fault.tensor if fault else "")
    lanes = channels // groups
    for group in range(groups):
        part = pixels[..., group * pixels.shape[-1] // groups : (group + 1) * pixels.shape[-1] // groups]
        hits, area = _reach(part, reach, side, isinstance(operation, ConvTranspose))
        macs += hits * lanes
        touched += area * lanes
    if struck is not None and fault is not None:
        # The struck channel's outputs are all touched; a weight costs one product for each.
        positions = side[0] * side[1]
        macs += positions if graph.parameters[fault.tensor].role == "weight" else 0
        touched = min(touched + positions, positions * channels)
    return macs, touched


def _reach(differs: Mask, window: Window, side: tuple[int, int], transposed: bool) -> tuple[int, int]:
    """Return (pairs of changed input and output position, output positions reached) of one group of channels."""
    counts = differs.sum(axis=(0, 3))
    reached = np.zeros(side, bool)
    pairs = 0
    rows, columns = np.nonzero(counts)
    for ky in range(window.kernel[0]):
        for kx in range(window.kernel[1]):
            y, whole_y = _position(rows, ky, window, 0, transposed)
            x, whole_x = _position(columns, kx, window, 1, transposed)
            inside = whole_y & whole_x & (y >= 0) & (y < side[0]) & (x >= 0) & (x < side[1])
            reached[y[inside], x[inside]] = True
            pairs += int(counts[rows[inside], columns[inside]].sum())
    return pairs, int(reached.sum())


def _position(
    source: NDArray[np.int64], tap: int, window: Window, axis: int, transposed: bool
) -> tuple[NDArray[np.int64], Mask]:
    """Return the output row or column that a kernel tap takes an input one to, and whether there is one."""
    stride, pad, offset = window.strides[axis], window.pads[axis], tap * window.dilations[axis]
    if transposed:
        return source * stride - pad + offset, np.ones(source.shape, bool)
    moved = source + pad - offset
    return moved // stride, moved % stride == 0


def main() -> None:
    """Print the statistics, or put them into a network's JSON file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("inputs", type=Path)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--json", type=Path, help="file to add the statistics to, under the model's name")
    given = parser.parse_args()
    model = load(given.model)
    image = read_image(model, given.inputs).items[0]
    found = spread(model.engine, image, given.faults)
    for name, row in found.items():
        print(f"{name:16}", ", ".join(f"{key} {value:.4f}" for key, value in row.items()))
    if given.json:
        entry = json.loads(given.json.read_text()) if given.json.exists() else {}
        network = given.model.stem.rsplit("-", 1)[0]
        entry.setdefault("spread", {})[given.model.stem] = {"faults_per_list": given.faults, **found}
        entry["spread_intended"] = INTENDED.get(network)
        given.json.write_text(json.dumps(entry, indent=1) + "\n")


if __name__ == "__main__":
    main()
