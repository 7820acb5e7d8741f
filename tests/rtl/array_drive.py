"""Random blocks for the array alone, and its datapath model with a flip, edge by edge."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.config import PRESETS
from accel_sim.rtl.injection_array import TAIL, ArrayInjector
from tests.rtl.datapath.array_models import ConvModel

TINY = PRESETS["tiny"]
Codes = NDArray[np.uint8]


class Blocks:
    """Random operands and constants, the array in RTL, and its model.

    Parameters
    ----------
    seed
        Of all random values.
    blocks, taps
        Blocks of output pixels, slots of each.
    """

    def __init__(self, seed: int, blocks: int = 10, taps: int = 9) -> None:
        rng = np.random.default_rng([seed, 3])
        lanes, inputs, outputs = TINY.pixel_parallel, TINY.input_channel_parallel, TINY.output_channel_parallel
        self.acts = rng.integers(0, 256, (blocks, taps, lanes, inputs)).astype(np.uint8)
        self.wgts = rng.integers(0, 256, (blocks, taps, outputs, inputs)).astype(np.uint8)
        scale = np.float32(2.0) ** rng.uniform(-13, -9, outputs).astype(np.float32)
        low, high = sorted(int(n) for n in (rng.integers(0, 100), rng.integers(150, 256)))
        self.constants: dict[str, Any] = {
            "x_zero": int(rng.integers(256)), "shift": int(rng.integers(3)), "mode": seed % 2, "zero": 128,
            "low": low, "high": high, "wgt_zero": rng.integers(-20, 20, outputs),
            "bias": rng.integers(-5000, 5000, outputs), "multiplier": scale.view(np.uint32).astype(np.int64),
            "exponent": rng.integers(8, 14, outputs),
        }  # fmt: skip
        self.rtl = ArrayInjector(TINY, self.acts, self.wgts, self.constants)

    def codes(self, place: tuple[str, int, int, int] | None = None, cycle: int = -1) -> Codes:
        """Return the model's codes; `place` is class, lane, register and bit of a flip at a cycle."""
        blocks, taps, lanes, _ = self.acts.shape
        model = ConvModel(lanes, self.acts.shape[3], self.wgts.shape[2], self.wgts.shape[2], 0)
        found = []
        for edge in range(blocks * taps + TAIL):
            slot, loads = min(edge, blocks * taps - 1), edge < blocks * taps
            block, tap = divmod(slot, taps)
            result = edge >= taps + 2 and (edge - taps - 2) % taps == 0
            model.step({
                **self.constants, "act": self.acts[block, tap], "wgt": self.wgts[block, tap],
                "multiplier": self.constants["multiplier"].astype(np.uint32),
                "act_load": [int(loads)] * lanes, "wgt_load": int(loads), "sum": int(0 < edge <= blocks * taps),
                "sum_start": int((edge - 1) % taps == 0),
                "capture": int(edge > taps and (edge - taps - 1) % taps == 0), "result": int(result),
            })  # fmt: skip
            if edge == cycle and place is not None:
                values = model.registers()[place[0]]
                values.view(f"u{values.dtype.itemsize}")[place[1], place[2]] ^= 1 << place[3]
            if result:
                found.append(model.rqo.copy())
        return np.array(found)
