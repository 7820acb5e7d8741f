"""Two models of time beside each other: cycles of the compiled program, and the calibrated model's.

``python -m tests.bench.machine_cycles [--json OUT.json]``: the bundled networks on three accelerators, and networks of
the published table on a B4096, where the measured time of an image is known. A network of that table is a float
topology; it becomes int8 here by putting a quantiser with one power of two behind every operator, which decides no
shape and so no cycle. Nothing is run: programs are compiled and timed.
"""

import argparse
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from accel_sim.bundled import resolve
from accel_sim.compiler import compile_graph
from accel_sim.config import PRESETS
from accel_sim.estimate import estimate_network
from accel_sim.estimate.published import frame_rates
from accel_sim.isa import Host
from accel_sim.machine import schedule
from accel_sim.model import import_onnx
from onnx_models import zoo
from tests.bench.workloads import BUNDLED

BUNDLED_ON = ("b512", "b1024", "b4096")
PUBLISHED = (
    "mobilenet_v1_0.25_128", "mobilenet_v1", "resnet18_15_classes", "resnet18_176x80", "resnet50_v1.5", "resnet50",
    "resnet50_slim", "sphereface20", "efficientnet_edge_s",
)  # fmt: skip
STEP = 2.0**-4
CURVES = ("Relu", "Clip")


def int8_of(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a float topology with a quantiser behind every operator, and int8 weights."""
    graph = model.graph
    shapes = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    sizes = {n.output[0]: shapes[n.input[0]] for n in graph.node if n.op_type == "ConstantOfShape"}
    readers = Counter(name for n in graph.node for name in n.input)
    folded = {n.input[0] for n in graph.node if n.op_type in CURVES and readers[n.input[0]] == 1}
    nodes: list[onnx.NodeProto] = []
    kept: list[onnx.TensorProto] = [
        numpy_helper.from_array(np.array(value, kind), name)
        for name, value, kind in (
            ("step", STEP, np.float32), ("zero", 0, np.int8), ("fine", STEP**2, np.float32), ("zero32", 0, np.int32),
        )
    ]  # fmt: skip
    renamed: dict[str, str] = {}

    def quantise(name: str) -> None:
        nodes.append(helper.make_node("QuantizeLinear", [name, "step", "zero"], [f"{name}_q"], name=f"{name}_q"))
        nodes.append(
            helper.make_node("DequantizeLinear", [f"{name}_q", "step", "zero"], [f"{name}_d"], name=f"{name}_d")
        )
        renamed[name] = f"{name}_d"

    for source in graph.input:
        quantise(source.name)
    for node in graph.node:
        if node.op_type == "ConstantOfShape":
            shape, name = sizes[node.output[0]], node.output[0]
            kind, scale, zero = (np.int32, "fine", "zero32") if shape.size == 1 else (np.int8, "step", "zero")
            kept.append(numpy_helper.from_array(np.ones(shape, kind), f"{name}_c"))
            nodes.append(helper.make_node("DequantizeLinear", [f"{name}_c", scale, zero], [name], name=f"{name}_d"))
            continue
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        for place, name in enumerate(copy.input):
            copy.input[place] = renamed.get(name, name)
        nodes.append(copy)
        if node.op_type != "Constant" and node.output[0] not in folded:
            quantise(node.output[0])
    outputs = [onnx.ValueInfoProto.FromString(o.SerializeToString()) for o in graph.output]
    for output in outputs:
        output.name = renamed[output.name]
    used = {name for node in nodes for name in node.input}
    kept += [i for i in graph.initializer if i.name in used]
    made = helper.make_graph(nodes, graph.name, list(graph.input), outputs, kept)
    return helper.make_model(made, opset_imports=list(model.opset_import), ir_version=model.ir_version)


def program_cycles(path: Path, arch: str) -> dict[str, Any]:
    """Compile a quantised model: its cycles, instructions, bytes of constants, nodes that the host runs."""
    program = compile_graph(import_onnx(path), PRESETS[arch])
    times = schedule(program.instructions, program.config)
    hosts = [program.calls[i.call].name for i in program.instructions if isinstance(i, Host)]
    return {"cycles": times.cycles, "instructions": len(program.instructions), "host_nodes": len(hosts)}


def bundled_rows() -> list[dict[str, Any]]:
    """Bundled networks, both models."""
    rows = []
    for name in BUNDLED:
        for arch in BUNDLED_ON:
            found = estimate_network(resolve(name), PRESETS[arch])
            rows.append({"network": name, "arch": arch, **program_cycles(resolve(name), arch),
                         "calibrated_cycles": round(found.cycles)})  # fmt: skip
    return rows


def published_row(name: str, folder: Path) -> dict[str, Any]:
    """Both models beside the measured time of an image."""
    topology = zoo.build(name)
    path, clock = folder / "network.onnx", PRESETS["b4096"].clock_mhz * 1e6
    path.write_bytes(int8_of(topology).SerializeToString())
    measured = next(r for r in frame_rates() if r.network == name).frame_s
    row = {"network": name, "arch": "b4096", **program_cycles(path, "b4096")}
    row |= {"calibrated_cycles": round(estimate_network(topology).cycles), "measured_cycles": round(measured * clock)}
    return row


def show(row: dict[str, Any]) -> None:
    """Print a row."""
    measured = row.get("measured_cycles", 0)
    errors = [f"{row[k] / measured - 1:+8.1%}" if measured else " " * 8 for k in ("cycles", "calibrated_cycles")]
    print(f"{row['network']:24}{row['arch']:7}{row['cycles']:12,}{row['calibrated_cycles']:12,}"
          f"{row['cycles'] / row['calibrated_cycles']:7.2f}{measured:12,}{errors[0]}{errors[1]}{row['host_nodes']:5}",
          flush=True)  # fmt: skip


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--networks", nargs="*", default=list(PUBLISHED), help="of the published table")
    given = parser.parse_args()
    titles = f"{'network':24}{'arch':7}{'program':>12}{'calibrated':>12}{'ratio':>7}{'measured':>12}"
    print(f"{titles}{'errors of both':>16} host")
    rows = bundled_rows()
    for row in rows:
        show(row)
    with tempfile.TemporaryDirectory() as folder:
        for name in given.networks:
            rows.append(published_row(name, Path(folder)))
            show(rows[-1])
    if given.json:
        command = f"python -m tests.bench.machine_cycles --json {given.json}"
        given.json.write_text(json.dumps({"command": command, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
