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
from accel_sim.rtl.injection_array_cpp import HARNESS
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
