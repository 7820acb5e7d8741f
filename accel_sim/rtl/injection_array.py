"""Mass injection into the array alone: operand, accumulator and requantiser registers of ``accel_conv_datapath``.

No instructions, no buffers: the ports are driven as the sequencer drives them, block after block. The whole loop over
injections is C++. A state is saved after every edge of the fault-free run; an injection starts from the state after the
edge of its cycle, and ends where its state is again, byte for byte, the fault-free one.
"""

import ctypes
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from accel_sim.config import AcceleratorConfig, register_map
from accel_sim.rtl.build import built
from accel_sim.rtl.parameters import stride

TOP = "accel_conv_datapath"
REGISTERS = ("pe_act", "pe_wgt", "pe_acc", "pe_rqa", "pe_rqo")
PUBLIC = f'`verilator_config\npublic_flat_rd -module "{TOP}" -var "pe_*"\n'
TAIL = 3  # edges from the last operand to its result
FLIP = np.dtype([("register", "<u4"), ("byte", "<u4"), ("mask", "<u4"), ("cycle", "<u4")])
EDGE = np.dtype(
    [("act", "u1", 64), ("wgt", "u1", 64)]
    + [(name, "u1") for name in ("act_load", "wgt_load", "sum", "sum_start", "capture", "result")]
)
HARNESS = """\
// The array: one drive per edge, states after every edge, and the loop over injections.
#include <cstdint>
#include <cstring>
#include <vector>
#include "Vaccel.h"
#include "Vaccel___024root.h"
#include "verilated.h"

void Vaccel___024root___eval_settle(Vaccel___024root*);

namespace {
using Root = Vaccel___024root;
struct __attribute__((packed)) Edge {
  uint8_t act[64], wgt[64], act_load, wgt_load, sum, sum_start, capture, result;
};
struct Flip {
  uint32_t array, byte, mask, cycle;
};
struct Model {
  VerilatedContext context;
  Vaccel top{&context};
  std::vector<Edge> edges;
  std::vector<uint8_t> states;  // after 0, 1, ... edges
  void step(const Edge& e) {
    memcpy(&top.act_i, e.act, sizeof top.act_i);
    memcpy(&top.wgt_i, e.wgt, sizeof top.wgt_i);
    top.act_load_i = e.act_load;
    top.wgt_load_i = e.wgt_load;
    top.sum_i = e.sum;
    top.sum_start_i = e.sum_start;
    top.capture_i = e.capture;
    top.result_i = e.result;
    top.clk_i = 1;
    top.eval();
    top.clk_i = 0;
    top.eval();
  }
  uint8_t* place(uint32_t number) {
    auto* root = top.rootp;
    switch (number) {
%(cases)s
      default: return nullptr;
    }
  }
};
}  // namespace

extern "C" {
void* array_make(const uint8_t* constants, const Edge* edges, uint32_t count) {
  auto* model = new Model;
  auto& top = model->top;
  top.rst_ni = 0;
  top.eval();
  top.rst_ni = 1;
  auto take = [&constants](void* port, size_t bytes) {
    memcpy(port, constants, bytes);
    constants += 64;
  };
  take(&top.x_zero_i, sizeof top.x_zero_i);
  take(&top.wgt_zero_i, sizeof top.wgt_zero_i);
  take(&top.shift_i, sizeof top.shift_i);
  take(&top.bias_i, sizeof top.bias_i);
  take(&top.mode_i, sizeof top.mode_i);
  take(&top.zero_i, sizeof top.zero_i);
  take(&top.low_i, sizeof top.low_i);
  take(&top.high_i, sizeof top.high_i);
  take(&top.multiplier_i, sizeof top.multiplier_i);
  take(&top.exponent_i, sizeof top.exponent_i);
  for (int number = 0; number < 5; ++number) *model->place(number) = 0;
  top.eval();
  model->edges.assign(edges, edges + count);
  model->states.resize((count + 1) * sizeof(Root));
  for (uint32_t n = 0;; ++n) {
    memcpy(&model->states[n * sizeof(Root)], static_cast<const void*>(top.rootp), sizeof(Root));
    if (n == count) return model;
    model->step(model->edges[n]);
  }
}

void array_free(void* handle) { delete static_cast<Model*>(handle); }

// Codes after every result edge, without a flip or with one; returns whether the flip was read back.
int array_codes(void* handle, const Flip* flip, uint8_t* codes) {
  auto* model = static_cast<Model*>(handle);
  auto* root = model->top.rootp;
  bool flipped = !flip;
  memcpy(static_cast<void*>(root), &model->states[0], sizeof(Root));
  for (uint32_t n = 0; n < model->edges.size(); ++n) {
    model->step(model->edges[n]);
    if (flip && flip->cycle == n) {
      uint8_t* byte = model->place(flip->array) + flip->byte;
      const uint8_t before = *byte;
      *byte ^= flip->mask;
      Vaccel___024root___eval_settle(root);
      flipped = *byte == (before ^ flip->mask);
    }
    if (model->edges[n].result) {
      memcpy(codes, &model->top.code_o, sizeof model->top.code_o);
      codes += sizeof model->top.code_o;
    }
  }
  return flipped;
}

// Outcome of each: 0 masked, 1 a code is wrong, 2 the bit did not flip. Returns the edges that were simulated.
uint64_t array_inject(void* handle, const Flip* flips, uint32_t count, uint8_t* outcomes) {
  auto* model = static_cast<Model*>(handle);
  auto* root = model->top.rootp;
  uint64_t edges = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const Flip& flip = flips[i];
    uint32_t n = flip.cycle + 1;
    memcpy(static_cast<void*>(root), &model->states[n * sizeof(Root)], sizeof(Root));
    uint8_t* byte = model->place(flip.array) + flip.byte;
    const uint8_t before = *byte;
    *byte ^= flip.mask;
    Vaccel___024root___eval_settle(root);
    outcomes[i] = *byte == (before ^ flip.mask) ? 0 : 2;
    const auto golden = [&] { return reinterpret_cast<const Root*>(&model->states[n * sizeof(Root)]); };
    // The code register is read once, when it has been loaded: then, and after the edge of a result, it counts.
    if (n && model->edges[n - 1].result && model->top.code_o != golden()->code_o) outcomes[i] |= 1;
    for (; n < model->edges.size(); ++edges) {
      model->step(model->edges[n++]);
      if (model->edges[n - 1].result && model->top.code_o != golden()->code_o) outcomes[i] |= 1;
      if (!memcmp(static_cast<const void*>(root), golden(), sizeof(Root))) break;
    }
  }
  return edges;
}
}
"""


class ArrayInjector:
    """The array with a fixed drive.

    Parameters
    ----------
    config
        Sizes; lanes times channels of code must fit 8 bytes, as those of ``tiny`` do.
    acts, wgts
        uint8 operands, (blocks, taps, lanes, input channels) and (blocks, taps, output channels, input channels).
    constants
        `x_zero`, `shift`, `mode`, `zero`, `low`, `high`; per output channel `wgt_zero`, `bias`, `multiplier` (bits of a
        float32), `exponent`.

    Attributes
    ----------
    edges
        Of one run.
    """

    def __init__(
        self,
        config: AcceleratorConfig,
        acts: NDArray[np.uint8],
        wgts: NDArray[np.uint8],
        constants: Mapping[str, int | NDArray[np.int64]],
    ) -> None:
        self.specs = {name: register_map(config)[name] for name in REGISTERS}
        sizes = {
            "PixelParallel": config.pixel_parallel, "InputChannels": config.input_channel_parallel,
            "OutputChannels": config.output_channel_parallel,
        }  # fmt: skip
        cases = [
            f"      case {n}: return reinterpret_cast<uint8_t*>(&root->{TOP}__DOT__{name});"
            for n, name in enumerate(REGISTERS)
        ]
        path = built(TOP, sizes, HARNESS % {"cases": "\n".join(cases)}, public=PUBLIC)
        self._library = ctypes.CDLL(str(path))
        self._library.array_make.restype = ctypes.c_void_p
        self._library.array_inject.restype = ctypes.c_uint64
        self._drive = drive(acts, wgts)
        self.edges = len(self._drive)
        self._shape = acts.shape[0], acts.shape[2], wgts.shape[2]
        packed = b"".join(value.ljust(64, b"\0") for value in _constants(constants))
        self._handle = ctypes.c_void_p(self._library.array_make(packed, _pointer(self._drive), self.edges))

    def close(self) -> None:
        """Free the model."""
        if self._handle:
            self._library.array_free(self._handle)
            self._handle = ctypes.c_void_p()

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.void]:
        """Draw flips: a class of registers, one of its bits and a cycle, each with the same chance."""
        flips = np.zeros(count, FLIP)
        flips["register"] = rng.integers(len(REGISTERS), size=count)
        flips["cycle"] = rng.integers(self.edges, size=count)
        for number, spec in enumerate(self.specs.values()):
            own = flips["register"] == number
            bit = rng.integers(spec.bits, size=int(own.sum()))
            width = stride(spec.row_bits // 8)
            flips["byte"][own] = bit // spec.row_bits * width + bit % spec.row_bits // 8
            flips["mask"][own] = 1 << bit % 8
        return flips

    def place(self, flip: NDArray[np.void]) -> tuple[str, int, int, int]:
        """Return class, lane, register of the lane and bit of a flip."""
        name = REGISTERS[int(flip["register"])]
        spec = self.specs[name]
        register, byte = divmod(int(flip["byte"]), stride(spec.row_bits // 8))
        lane, row = divmod(register, spec.rows)
        return name, lane, row, 8 * byte + int(flip["mask"]).bit_length() - 1

    def codes(self, flip: NDArray[np.void] | None = None) -> NDArray[np.uint8]:
        """Return the codes (blocks, lanes, output channels) of a whole run, struck or not."""
        found = np.zeros(self._shape, np.uint8)
        one = None if flip is None else _pointer(np.array([flip], FLIP))
        flipped = self._library.array_codes(self._handle, one, _pointer(found))
        assert flipped, flip
        return found

    def inject(self, flips: NDArray[np.void]) -> tuple[NDArray[np.bool_], int]:
        """Return for every flip whether any code is wrong, and the edges that were simulated for all of them."""
        outcomes = np.zeros(len(flips), np.uint8)
        edges = self._library.array_inject(self._handle, _pointer(flips), len(flips), _pointer(outcomes))
        assert not np.any(outcomes & 2), "a bit did not flip"
        return outcomes == 1, int(edges)


def _pointer(array: NDArray[np.generic]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _constants(values: Mapping[str, int | NDArray[np.int64]]) -> list[bytes]:
    """Return the bytes of the ports that stay, in the order of the harness."""
    types = {
        "x_zero": "u1", "wgt_zero": "<i2", "shift": "u1", "bias": "<i4", "mode": "u1", "zero": "u1", "low": "u1",
        "high": "u1", "multiplier": "<u4", "exponent": "i1",
    }  # fmt: skip
    return [np.asarray(values[name]).astype(kind).tobytes() for name, kind in types.items()]


def drive(acts: NDArray[np.uint8], wgts: NDArray[np.uint8]) -> NDArray[np.void]:
    """Return what the ports see at every edge, for blocks one right after the other; a slot takes one edge."""
    blocks, taps = acts.shape[:2]
    slots = blocks * taps
    edges = np.zeros(slots + TAIL, EDGE)
    for name, values in (("act", acts), ("wgt", wgts)):
        flat = values.reshape(slots, -1)
        edges[name][:slots, : flat.shape[1]] = flat
    edges["act_load"][:slots] = (1 << acts.shape[2]) - 1
    edges["wgt_load"][:slots] = 1
    edges["sum"][1 : slots + 1] = 1
    edges["sum_start"][1 : slots + 1 : taps] = 1
    edges["capture"][taps + 1 :: taps] = 1
    edges["result"][taps + 2 :: taps] = 1
    return edges
