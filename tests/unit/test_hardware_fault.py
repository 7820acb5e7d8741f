"""Faults of memories and registers: the public JSON form, and what a program has."""

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_sim.compiler import compile_graph
from accel_sim.config import PRESETS
from accel_sim.errors import InputError
from accel_sim.faults import Fault
from accel_sim.faults.hardware import HardwareFault, fault_from_json
from accel_sim.machine import schedule
from accel_sim.model import import_onnx
from accel_sim.program import Program
from tests.generators import random_graph

GOOD = {"space": "memory", "memory": "wgt", "bank": 3, "row": 117, "bit": 42, "cycle": 90211}
NUMBERS = st.integers(0, 2**40)


@cache
def compiled() -> tuple[Program, int]:
    program = compile_graph(import_onnx(random_graph(1)[0]), PRESETS["tiny"])
    return program, schedule(program.instructions, program.config).cycles


@given(
    space=st.sampled_from(["memory", "registers"]), memory=st.text(), bank=NUMBERS, row=NUMBERS, cycle=NUMBERS,
    bits=st.lists(st.integers(0, 200), min_size=1, max_size=8, unique=True).map(tuple), image=st.integers(0, 9),
    cells=st.lists(st.tuples(NUMBERS, st.integers(201, 300)), max_size=3, unique=True).map(tuple),
    lasts=st.sampled_from([{}, {}, {"stuck": 0}, {"stuck": 1}, {"persistent": True}]),
)  # fmt: skip
def test_round_trip(
    space: str, memory: str, bank: int, row: int, cycle: int, bits: tuple[int, ...], image: int,
    cells: tuple[tuple[int, int], ...], lasts: dict[str, Any],
) -> None:  # fmt: skip
    if "stuck" in lasts:
        cycle = image = 0
    if "persistent" in lasts:
        space, memory = "memory", "ddr"
    fault = HardwareFault(space, memory, bank, row, bits, cycle, image, cells, **lasts)
    assert fault_from_json(json.loads(json.dumps(fault.to_json()))) == fault


def test_documented_form() -> None:
    fault = fault_from_json(GOOD)
    assert fault == HardwareFault("memory", "wgt", 3, 117, (42,), 90211)
    assert fault.to_json() == GOOD
    several = fault_from_json(GOOD | {"bit": [42, 43]})
    assert isinstance(several, HardwareFault)
    assert [(u.bank, u.row, u.bit, u.cycle) for u in several.upsets] == [(3, 117, 42, 90211), (3, 117, 43, 90211)]
    stuck = fault_from_json({key: value for key, value in GOOD.items() if key != "cycle"} | {"stuck": 0})
    assert stuck == HardwareFault("memory", "wgt", 3, 117, (42,), 0, stuck=0)
    assert [(s.bank, s.row, s.bit, s.value) for s in stuck.stuck_bits] == [(3, 117, 42, 0)]
    assert several.stuck_bits == ()
    wide = fault_from_json(GOOD | {"cells": [[118, 41], [118, 42]]})
    assert [(u.row, u.bit) for u in wide.upsets] == [(117, 42), (118, 41), (118, 42)]  # type: ignore[union-attr]
    lasting = fault_from_json(GOOD | {"memory": "ddr", "persistent": True})
    assert lasting == HardwareFault("memory", "ddr", 3, 117, (42,), 90211, persistent=True)
    tensor = {"space": "parameters", "tensor": "w", "index": [0], "bit": 1}
    assert isinstance(fault_from_json(tensor), Fault)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"space": "cache"}, "space 'cache' is not one of parameters, activations, memory, registers"),
        ({"memory": 3}, "memory 3 is not a name"),
        ({"bank": -1}, "bank -1 is not a whole number"),
        ({"row": 1.5}, "row 1.5 is not a whole number"),
        ({"cycle": "7"}, "cycle '7' is not a whole number"),
        ({"bit": [4, 4]}, r"bit \[4, 4\] must name one bit or several different"),
        ({"image": True}, "image True is not a whole number"),
        (
            {"tensor": "w"},
            "unknown field 'tensor'; the fields are bank, bit, cells, cycle, image, memory, persistent, row, space, st",
        ),
        ({"cells": 3}, r"cells 3 is not a list of \[row, bit\]"),
        ({"cells": [[1]]}, r"cells \[\[1\]\] is not a list of \[row, bit\]"),
        ({"cells": [[1, -2]]}, "bit of cells -2 is not a whole number"),
        ({"cells": [[117, 42]]}, r"cells \[\[117, 42\]\] name a bit twice"),
        ({"stuck": 2}, "stuck 2 is not 0 or 1"),
        ({"stuck": True}, "stuck True is not 0 or 1"),
        ({"stuck": 1}, "cycle 90211 does not go with stuck, which is always; leave it out"),
        ({"stuck": 0, "cycle": 0, "image": 1}, "image 1 does not go with stuck"),
        ({"stuck": 0, "cycle": 0, "persistent": True, "memory": "ddr"}, "persistent True does not go with stuck"),
        ({"persistent": 1}, "persistent 1 is not true or false"),
        ({"persistent": True}, "persistent is for ddr and ins, which the host writes; 'wgt' is written again in every"),
        ({"persistent": True, "memory": "ins", "space": "registers"}, "persistent is for ddr and ins"),
    ],
)
def test_wrong_fields_are_named(change: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        fault_from_json(GOOD | change)


@pytest.mark.parametrize("field", ["memory", "bank", "row", "bit", "cycle"])
def test_missing_fields_are_named_with_an_example(field: str) -> None:
    with pytest.raises(InputError, match=f"'{field}' is missing; an example is"):
        fault_from_json({key: value for key, value in GOOD.items() if key != field})


@pytest.mark.parametrize("record", [[], "fault", 7, None])
def test_other_things_than_objects_are_refused(record: object) -> None:
    with pytest.raises(InputError, match="must be a JSON object"):
        fault_from_json(record)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"memory": "cache"}, "space 'memory' has no 'cache' on tiny; use one of img, wgt"),
        ({"memory": "pe_acc"}, "space 'memory' has no 'pe_acc' on tiny; it is in space \"registers\""),
        ({"space": "registers"}, "space 'registers' has no 'wgt' on tiny; it is in space \"memory\""),
        ({"bank": 4}, r"bank 4 of memory 'wgt' is outside 0 \.\. 3"),
        ({"row": 512}, r"row 512 of memory 'wgt' is outside 0 \.\. 511"),
        ({"bit": [0, 32]}, r"bit 32 of memory 'wgt' is outside 0 \.\. 31"),
        ({"image": 2}, "image 2 of 2; images count from 0"),
        ({"cells": [[512, 1]]}, r"row 512 of memory 'wgt' is outside 0 \.\. 511"),
        ({"stuck": 1, "cycle": 0, "bit": 32}, r"bit 32 of memory 'wgt' is outside 0 \.\. 31"),
    ],
)
def test_what_a_program_has_not_got_is_refused(change: dict[str, object], words: str) -> None:
    program, cycles = compiled()
    inside = GOOD | {"bit": 3, "cycle": 5}
    fault = fault_from_json(inside)
    assert isinstance(fault, HardwareFault)
    fault.check(program, cycles, 2)
    wrong = fault_from_json(inside | change)
    assert isinstance(wrong, HardwareFault)
    with pytest.raises(InputError, match=words):
        wrong.check(program, cycles, 2)


def test_a_cycle_after_the_end_is_refused() -> None:
    program, cycles = compiled()
    fault = HardwareFault("memory", "wgt", 0, 0, (0,), cycles)
    with pytest.raises(InputError, match=rf"cycle {cycles} of memory 'wgt' is outside 0 \.\. {cycles - 1}"):
        fault.check(program, cycles, 1)
