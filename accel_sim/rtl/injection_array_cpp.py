"""The C++ around the array alone: drives, saved states, and the loop over injections."""

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
