"""Verilator's runtime is compiled once, the design every time; builds of one folder wait for each other."""

import subprocess
from pathlib import Path

import pytest

from accel_sim.rtl.cocotb_run import alone
from accel_sim.rtl.object_cache import object_cache

COMPILER = '#!/bin/sh\necho called >> "$(dirname "$0")/calls"\nwhile [ "$1" != -o ]; do shift; done\necho "$3" > "$2"\n'


def test_only_the_runtime_is_kept(tmp_path: Path) -> None:
    cache = object_cache(tmp_path / "builds").removeprefix("OBJCACHE=")
    compiler = tmp_path / "c++"
    compiler.write_text(COMPILER)
    compiler.chmod(0o755)

    def compiled(option: str, source: str, folder: str) -> str:
        place = tmp_path / folder
        place.mkdir(exist_ok=True)
        subprocess.run([cache, str(compiler), option, "-c", "-o", "x.o", source], cwd=place, check=True)
        return (place / "x.o").read_text().strip()

    for number, (option, source, calls) in enumerate([
        ("-O2", "/v/include/verilated.cpp", 1),
        ("-O2", "/v/include/verilated.cpp", 1),
        ("-O0", "/v/include/verilated.cpp", 2),
        ("-O2", "/v/include/verilated_vpi.cpp", 3),
        ("-O2", "/w/include/verilated.cpp", 4),
        ("-O2", "Vtop.cpp", 5),
        ("-O2", "Vtop.cpp", 6),
    ]):  # fmt: skip
        assert compiled(option, source, str(number)) == source
        assert len((tmp_path / "calls").read_text().split()) == calls, number


def test_a_compiler_that_fails_leaves_nothing(tmp_path: Path) -> None:
    cache = object_cache(tmp_path).removeprefix("OBJCACHE=")
    done = subprocess.run([cache, "false", "-c", "-o", "x.o", "/v/include/verilated.cpp"], cwd=tmp_path, check=False)
    assert done.returncode != 0
    assert not list(tmp_path.glob("*.o"))


def test_a_folder_with_blanks_has_no_cache(tmp_path: Path) -> None:
    assert object_cache(tmp_path / "a b") == ""


def test_what_a_killed_build_has_left_is_removed(tmp_path: Path) -> None:
    place = tmp_path / "top-cocotb-1"
    with alone(place):
        (place / "half.o").touch()
    with alone(place):
        assert not (place / "half.o").exists()
        (place / "done").touch()
    with alone(place):
        assert (place / "done").exists()
    with pytest.raises(RuntimeError), alone(place):
        raise RuntimeError
    with alone(place):  # the lock has been given back
        pass
