"""The RTL as a level: the outputs and cycles that the command line and the Python interface give."""

import numpy as np
import pytest

from accel_sim.compiler import compile_graph
from accel_sim.config import PRESETS
from accel_sim.engine import Engine
from accel_sim.errors import InputError, UsageError
from accel_sim.inputs import split_images
from accel_sim.machine import BitUpset
from accel_sim.machine.memory import StuckBit
from accel_sim.machine.timing import schedule
from accel_sim.model import import_onnx
from accel_sim.reference import host_runner
from accel_sim.rtl.level import run_images
from tests.generators import random_graph
from tests.rtl.programs import random_pair

pytestmark = pytest.mark.rtl


def test_images_one_after_the_other() -> None:
    model, feeds = random_graph(5)
    engine = Engine(import_onnx(model), host_runner)
    program = compile_graph(engine.graph, PRESETS["tiny"])
    image = split_images(engine.graph, feeds, "inputs").items[0]
    other = {name: np.flip(value, -1).copy() for name, value in image.items()}
    outputs, cycles = run_images(program, engine.run_node, [image, other, image])
    for found, given in zip(outputs, (image, other, image), strict=True):
        expected = engine.outputs(engine.run(given))
        assert {n: v.tobytes() for n, v in found.items()} == {n: v.tobytes() for n, v in expected.items()}
    assert cycles == schedule(program.instructions, program.config).cycles


def test_an_architecture_that_the_rtl_does_not_have_is_refused() -> None:
    model, feeds = random_graph(5)
    engine = Engine(import_onnx(model), host_runner)
    with pytest.raises(UsageError, match="use tiny, or set dma_words_per_cycle = 1"):
        run_images(compile_graph(engine.graph, PRESETS["b512"]), engine.run_node, [feeds])


def test_upsets_that_do_not_exist_are_refused() -> None:
    case = random_pair(5)
    with pytest.raises(InputError, match="bank 9 of memory 'img'"):
        case.rtl.run(case.image, [BitUpset("img", 9, 0, 0, 5)])


def test_stuck_bits_are_refused() -> None:
    case = random_pair(5)
    with pytest.raises(UsageError, match="use level machine"):
        case.rtl.run(case.image, stuck=[StuckBit("img", 0, 0, 0, 1)])
