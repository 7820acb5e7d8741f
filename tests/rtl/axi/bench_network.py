"""cocotb test of a whole real network on ``accel_top`` with the memory of cocotbext-axi behind the port."""

# mypy: disable-error-code="untyped-decorator"
import os
from random import Random
from typing import Any

import cocotb

from accel_sim.compiler import compile_graph
from accel_sim.engine import Engine
from accel_sim.inputs import split_images
from accel_sim.model import import_onnx
from accel_sim.reference import host_runner
from accel_sim.rtl.cocotb_axi import AxiTop
from accel_sim.rtl.cocotb_checker import ProgramChecker
from accel_sim.rtl.cocotb_memory import HostMemory
from accel_sim.rtl.cocotb_program import run_program
from tests.conformance.real_models import shared_model
from tests.rtl.axi.programs import TINY

NETWORK = os.environ.get("ACCEL_SIM_AXI_NETWORK", "ds-cnn")


@cocotb.test()
async def network(dut: Any) -> None:
    """One image: outputs and all of DDR are the machine's, outputs the engine's (which is onnxruntime's)."""
    model = shared_model(NETWORK)
    graph = import_onnx(model.path)
    engine, program = Engine(graph, host_runner), compile_graph(graph, TINY)
    image = dict(split_images(graph, model.inputs(1), "inputs").items[0])
    memory = HostMemory(program, engine.run_node, ddr_base=0x1FC0)
    checker = ProgramChecker(program, engine.run_node)
    top = AxiTop(dut, memory, Random(1), 0.0, 0x35_0000_0000)
    await top.reset()
    found = await run_program(top, memory, image)
    checker.check(found, memory, image)
    expected = engine.outputs(engine.run(image))
    assert {n: v.tobytes() for n, v in found.outputs.items()} == {n: v.tobytes() for n, v in expected.items()}
    cocotb.log.warning("%d cycles behind AXI, %d with native ports", found.cycles, checker.machine.schedule.cycles)
