"""A shared library of the simulated accelerator: Verilator and the C++ compiler.

Two files are compiled, what is evaluated at every edge and what is not, in place of the dozen of Verilator's makefile,
whose headers take longer than the design; Verilator's runtime is compiled once for all designs.
"""

import fcntl
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from accel_sim.errors import UsageError
from accel_sim.rtl.harness import TOP, harness
from accel_sim.rtl.parameters import Array
from accel_sim.rtl.toolchain import BUILDS, SOURCES, WAIVERS, digest, environment, sources

# For the C++ compiler: of what is evaluated at every edge, and of the rest.
OPTIMISATION = ("-O2", "-O1")
CXX_FLAGS = ("-std=gnu++20", "-fPIC", "-DVERILATOR=1", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=0", "-DVM_TRACE=0")
RUNTIME = ("verilated", "verilated_threads")
# What is writable for Verilator is an input, on which it evaluates twice a cycle all that depends on it. Arrays are
# readable only, and after a write from outside `accel_run` settles once; nothing in the design drives `ins`.
PUBLIC = """`verilator_config
public_flat_rd -module "accel_ram" -var "mem"
public_flat_rd -module "accel_ddr_model" -var "ddr"
public_flat_rw -module "accel_ddr_model" -var "ins"
public_flat_rd -module "accel_conv_datapath" -var "pe_*"
public_flat_rd -module "accel_alu_datapath" -var "alu_*"
"""


def library(
    parameters: Mapping[str, int], arrays: Sequence[Array], folder: Path = SOURCES, public: str = PUBLIC
) -> Path:
    """Build the library, or find it built.

    Parameters
    ----------
    parameters
        Of ``accel_bench``.
    arrays
        What `accel_locate` finds.
    folder
        Hardware description.
    public
        Verilator's control file: what `arrays` names must be readable there.

    Raises
    ------
    UsageError
        A tool is missing or fails.
    """
    return built(TOP, parameters, harness(arrays), folder, public)


def built(top: str, parameters: Mapping[str, int], text: str, folder: Path = SOURCES, public: str = PUBLIC) -> Path:
    """Build any toplevel with the C++ around it, or find it built; see :func:`library`."""
    files = [*sources(folder), *(folder / name for name in WAIVERS)]
    words = {**parameters, "harness": text, "public": public, "optimisation": OPTIMISATION}
    place = BUILDS / f"{top}-{digest(files, words)}"
    result = place / "accel.so"
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            (place / "public.vlt").write_text(public)
            (place / "harness.cpp").write_text(text)
            _compile(place, files, parameters, top)
    return result


def verilate(place: Path, files: Sequence[Path], parameters: Mapping[str, int], top: str = TOP) -> Path:
    """Let Verilator write the C++ model of a design to ``objects`` below a folder that has ``public.vlt``."""
    tools, objects = environment(), place / "objects"
    shutil.rmtree(objects, ignore_errors=True)
    sizes = [f"-G{name}={value}" for name, value in parameters.items()]
    vlt = [str(path) for path in files if path.suffix == ".vlt"]
    design = [str(path) for path in files if path.suffix == ".sv"]
    command = [
        "verilator", "--cc", "-O3", "--flatten", "--x-assign", "fast", "--x-initial", "fast", "--no-timing",
        "--threads", "1", "--output-split", "0", "--top-module", top, "--prefix", "Vaccel", "-Mdir", str(objects),
        "-Wno-fatal", "-Wno-lint", *sizes, str(place / "public.vlt"), *vlt, *design,
    ]  # fmt: skip
    _call(command, tools)
    return objects


def _compile(place: Path, files: Sequence[Path], parameters: Mapping[str, int], top: str) -> None:
    tools = environment()
    objects = verilate(place, files, parameters, top)
    classes = sorted(objects.glob("*.cpp"))
    slow = [path for path in classes if path.name.endswith("__Slow.cpp")]
    parts = {"fast": [*(path for path in classes if path not in slow), place / "harness.cpp"], "slow": slow}
    for (name, included), optimisation in zip(parts.items(), OPTIMISATION, strict=True):
        (objects / f"{name}.cc").write_text("".join(f'#include "{path}"\n' for path in included))
        cxx(tools, optimisation, "-c", f"-I{objects}", str(objects / f"{name}.cc"), "-o", str(objects / f"{name}.o"))
    made = [str(objects / "fast.o"), str(objects / "slow.o"), *map(str, sorted(runtime(tools).glob("*.o")))]
    cxx(tools, "-shared", *made, "-o", str(place / "accel.so.part"), "-lpthread")
    (place / "accel.so.part").rename(place / "accel.so")
    shutil.rmtree(objects, ignore_errors=True)


def runtime(tools: Mapping[str, str]) -> Path:
    """Return the folder with the objects of Verilator's runtime."""
    files = [Path(tools["VERILATOR_ROOT"]) / "include" / f"{name}.cpp" for name in RUNTIME]
    place = BUILDS / f"runtime-{digest(files, {'flags': CXX_FLAGS})}"
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for file in files:
            result, part = place / f"{file.stem}.o", place / f"{file.stem}.part"
            if not result.exists():
                cxx(tools, "-O2", "-c", str(file), "-o", str(part))
                part.rename(result)
    return place


def cxx(tools: Mapping[str, str], *arguments: str) -> None:
    """Call the compiler as all parts of a library have to be compiled."""
    include = Path(tools["VERILATOR_ROOT"]) / "include"
    _call(["g++", *CXX_FLAGS, f"-I{include}", f"-I{include / 'vltstd'}", *arguments], tools)


def _call(command: Sequence[str], tools: Mapping[str, str]) -> None:
    done = subprocess.run(command, env=dict(tools), capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in (done.stderr + done.stdout).splitlines() if "rror" in line] or [done.stderr[-300:]]
        raise UsageError(
            f"{command[0]} cannot build the hardware description: {errors[0][:300]}; see the tool's version"
        )
