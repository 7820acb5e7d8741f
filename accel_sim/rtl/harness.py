"""The C++ around a Verilated ``accel_bench``: make, locate an array, step, save and restore, free."""

from collections.abc import Sequence

from accel_sim.rtl.parameters import Array

TOP = "accel_bench"
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
