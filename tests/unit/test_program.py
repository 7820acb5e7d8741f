import zipfile
from pathlib import Path

import numpy as np
import pytest

from accel_sim.compiler import compile_graph
from accel_sim.config import PRESETS
from accel_sim.engine import Engine
from accel_sim.errors import InputError
from accel_sim.inputs import split_images
from accel_sim.isa import Conv, Load, decode
from accel_sim.machine import Machine
from accel_sim.model import import_onnx
from accel_sim.program import Program
from accel_sim.reference import host_runner
from tests.generators import random_graph

SEED = 2


def compiled(arch: str = "tiny") -> Program:
    return compile_graph(import_onnx(random_graph(SEED)[0]), PRESETS[arch])


def test_saved_programs_come_back_the_same(tmp_path: Path) -> None:
    program = compiled()
    program.save(tmp_path / "a.accel")
    found = Program.load(tmp_path / "a.accel")
    assert found.digest == program.digest
    assert found.instructions == program.instructions
    assert found.origins == program.origins
    assert found.tensors == dict(program.tensors)
    assert found.calls == program.calls
    assert found.config == program.config
    assert np.array_equal(found.constants, program.constants)
    assert all(np.array_equal(a.elements, b.elements) for a, b in zip(found.symbols, program.symbols, strict=True))
    found.save(tmp_path / "b.accel")
    assert (tmp_path / "a.accel").read_bytes() == (tmp_path / "b.accel").read_bytes()


def test_a_loaded_program_runs(tmp_path: Path) -> None:
    model, feeds = random_graph(SEED)
    graph = import_onnx(model)
    engine = Engine(graph, host_runner)
    image = split_images(graph, feeds, "inputs").items[0]
    compiled().save(tmp_path / "a.accel")
    outputs = Machine(Program.load(tmp_path / "a.accel"), engine.run_node).run(image).outputs
    expected = engine.outputs(engine.run(image))
    assert all(outputs[n].tobytes() == expected[n].tobytes() for n in expected)


def test_digest_sees_every_part() -> None:
    from dataclasses import replace

    program = compiled()
    constants = program.constants.copy()
    constants[0] ^= 1
    others = [
        replace(program, constants=constants),
        replace(program, instructions=program.instructions[1:], origins=program.origins[1:]),
        replace(program, config=replace(program.config, clock_mhz=99)),
        replace(program, ddr_bytes=program.ddr_bytes + 64),
        compiled("b512"),
    ]
    assert len({program.digest, *(p.digest for p in others)}) == 1 + len(others)
    assert compiled().digest == program.digest


def test_words_are_the_instructions() -> None:
    program = compiled()
    assert tuple(decode(row.tobytes()) for row in program.words) == program.instructions


def test_listing_names_layers_fields_and_tokens() -> None:
    program = compiled()
    lines = list(program.listing())
    assert len(lines) == len(program.instructions)
    number = next(n for n, i in enumerate(program.instructions) if isinstance(i, Conv))
    assert program.layers[program.instructions[number].layer] in lines[number]
    assert "CONV" in lines[number]
    assert "wait=LOAD" in lines[number]
    assert lines[-1].split() == [str(len(lines) - 1), program.layers[program.instructions[-1].layer], "END"]


def test_weights_are_where_the_symbols_say() -> None:
    graph = import_onnx(random_graph(SEED)[0])
    program = compile_graph(graph, PRESETS["tiny"])
    seen = 0
    for symbol in program.symbols:
        if symbol.role != "weight":
            continue
        stored = graph.parameters[symbol.name].values
        found = program.constants[symbol.address : symbol.address + symbol.elements.size]
        real = symbol.elements >= 0
        flip = np.uint8(128 if stored.dtype == np.uint8 else 0)
        assert np.array_equal(found[real] ^ flip, stored.reshape(-1).view(np.uint8)[symbol.elements[real]])
        assert set(np.unique(symbol.elements[real])) == set(range(stored.size))
        seen += 1
    assert seen


def test_constants_come_first_and_tensors_do_not_overlap_them() -> None:
    program = compiled()
    for tensor in program.tensors.values():
        assert tensor.address is None or tensor.address >= program.constants.size
    loads = [i for i in program.instructions if isinstance(i, Load) and i.memory != 0]
    assert all(i.address < program.constants.size for i in loads)


def test_files_that_are_no_program(tmp_path: Path) -> None:
    path = tmp_path / "a.accel"
    with pytest.raises(InputError, match=r"a.accel: cannot be read \(No such file"):
        Program.load(path)
    path.write_bytes(b"no zip")
    with pytest.raises(InputError, match=r"a.accel: is no compiled program \(File is not a zip file\)"):
        Program.load(path)
    compiled().save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content.replace(b"accel-sim program 1", b"accel-sim program 0"))
    with pytest.raises(InputError, match="format is 'accel-sim program 0'"):
        Program.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content[:-1] if name == "instructions" else content)
    with pytest.raises(InputError, match="is no compiled program"):
        Program.load(path)
    with pytest.raises(InputError, match="cannot be written"):
        compiled().save(tmp_path / "absent" / "a.accel")
