"""Whole networks in RTL: one image, every output byte against the machine and onnxruntime, cycles, and the speed.

``python -m tests.bench.rtl_networks --json OUT`` runs the bundled networks and, where they are beside the checkout, two
of MLPerf Tiny. Times are processor seconds of the simulation alone, which other processes of the same computer change
less than wall-clock time; the build of the library is not in them.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from accel_sim.compiler import compile_graph
from accel_sim.config import PRESETS
from accel_sim.engine import Engine
from accel_sim.inputs import split_images
from accel_sim.isa import Compute, Host
from accel_sim.machine import Machine
from accel_sim.model import import_onnx
from accel_sim.reference import host_runner, reference
from accel_sim.rtl.accelerator import RtlAccelerator
from tests.conformance.real_models import SHARED, RealModel, bundled, shared

TINY = PRESETS["tiny"]
REAL = ("ds-cnn", "resnet-8")


def differing_bytes(found: Mapping[str, Any], expected: Mapping[str, Any]) -> int:
    """Return how many bytes of the outputs differ."""
    count = 0
    for name, value in found.items():
        other = expected[name]
        if value.dtype != other.dtype or value.shape != other.shape:
            return sum(array.nbytes for array in found.values())
        ours, theirs = (np.frombuffer(array.tobytes(), np.uint8) for array in (value, other))
        count += int((ours != theirs).sum())
    return count


def run(model: RealModel) -> dict[str, Any]:
    """Run one image of a network everywhere."""
    graph = import_onnx(model.path)
    image = split_images(graph, model.inputs(1), "inputs").items[0]
    engine, program = Engine(graph, host_runner), compile_graph(graph, TINY)
    rtl = RtlAccelerator(program, engine.run_node)
    wall, processor = time.perf_counter(), time.process_time()
    found = rtl.run(image)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    expected = Machine(program, engine.run_node).run(image)
    peer = reference(model.path.read_bytes()).run(image)
    assert found.status == expected.status == "ok", found
    instructions = program.instructions
    return {
        "cycles": found.cycles,
        "cycles_of_the_machine": expected.cycles,
        "instructions": len(instructions),
        "of_them_compute": sum(isinstance(i, Compute) for i in instructions),
        "of_them_host": sum(isinstance(i, Host) for i in instructions),
        "output_bytes": sum(array.nbytes for array in found.outputs.values()),
        "bytes_other_than_the_machine": differing_bytes(found.outputs, expected.outputs),
        "bytes_other_than_onnxruntime": differing_bytes(found.outputs, peer),
        "processor_seconds": round(processor, 2),
        "wall_seconds": round(wall, 2),
        "cycles_per_processor_second": round(found.cycles / processor),
        "runs_per_processor_minute": round(60 / processor, 1),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args(arguments)
    real = [model for model in shared() if model.name in REAL] if SHARED.is_dir() else []
    networks = {}
    for model in (*bundled(), *real):
        networks[model.name] = run(model)
        print(model.name, networks[model.name], flush=True)
    command = f"python -m tests.bench.rtl_networks --json {options.json}"
    options.json.write_text(json.dumps({"command": command, "arch": "tiny", "networks": networks}, indent=1) + "\n")


if __name__ == "__main__":
    main()
