"""The two datapaths edge by edge: registers and what each edge does to them, with the Machine's compiled functions."""

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.machine import literal
from tests.rtl.datapath import models

Inputs = Mapping[str, Any]
Array = NDArray[Any]


def requantised(rqa: Array, drive: Inputs) -> Array:
    """Codes of (lanes, channels) accumulators with the parameters on the ports."""
    lanes = rqa.shape[0]
    repeated = [np.full(rqa.size, drive[name]) for name in ("mode", "zero", "low", "high")]
    word, exponent = (np.tile(drive[name], lanes) for name in ("multiplier", "exponent"))
    codes: Array = models.requantise_all(rqa.reshape(-1), word, exponent, *repeated)
    return codes.reshape(rqa.shape)


def paired(rqa: Array, drive: Inputs) -> Array:
    """Results of the pair units for the two low bytes of (lanes, channels) words."""
    columns = [np.full(rqa.size, drive[name]) for name in ("x_zero", "second_zero", "mode", "zero", "low", "high")]
    multiply = np.full(rqa.size, drive["op"] != literal.ADD)
    reals = np.array([[drive[f"real_{name}"]] * rqa.size for name in "abc"], np.uint32)
    codes: Array = models.pair_all(rqa.reshape(-1) & 0xFFFF, multiply, reals, *columns)
    return codes.reshape(rqa.shape)


class Datapath:
    """Registers of a datapath; `latency` counts the register stages between requantiser input and output."""

    prefix = ""

    def __init__(self, lanes: int, inputs: int, rows: int, outputs: int, latency: int) -> None:
        self.act, self.wgt = np.zeros((lanes, inputs), np.uint8), np.zeros((rows, inputs), np.uint8)
        self.acc, self.rqa = np.zeros((lanes, outputs), np.int32), np.zeros((lanes, outputs), np.int32)
        self.rqo = np.zeros((lanes, outputs), np.uint8)
        self._under_way: deque[dict[str, Array]] = deque(maxlen=latency + 1)

    def registers(self) -> dict[str, Array]:
        """Return the registers by their names below the instance."""
        return {f"{self.prefix}_{name}": getattr(self, name) for name in ("act", "wgt", "acc", "rqa", "rqo")}

    def _results(self, drive: Inputs) -> dict[str, Array]:
        raise NotImplementedError

    def _code(self, results: dict[str, Array], drive: Inputs) -> Array:
        raise NotImplementedError

    def _sum(self, drive: Inputs) -> None:
        raise NotImplementedError

    def _captures_products(self, drive: Inputs) -> bool:
        raise NotImplementedError

    def step(self, drive: Inputs) -> None:
        """One rising edge: every register reads what the others held before, so the last one goes first."""
        self._under_way.append(self._results(drive))
        if drive["result"] and len(self._under_way) == self._under_way.maxlen:
            self.rqo[:] = self._code(self._under_way[0], drive)
        if drive["capture"]:
            if self._captures_products(drive):
                wide = (self.acc.astype(np.int64) << drive["shift"]) + drive["bias"]
                self.rqa[:] = wide.astype(np.uint64).astype(np.uint32).view(np.int32)
            else:
                self.rqa[:] = self.acc
        if drive["sum"]:
            self._sum(drive)
        for lane, load in enumerate(drive["act_load"]):
            if load:
                self.act[lane] = drive["act"][lane]
        if drive["wgt_load"]:
            self.wgt[:] = drive["wgt"]


class ConvModel(Datapath):
    """accel_conv_datapath."""

    prefix = "pe"

    def _results(self, drive: Inputs) -> dict[str, Array]:
        return {"requantised": requantised(self.rqa, drive)}

    def _code(self, results: dict[str, Array], drive: Inputs) -> Array:
        return results["requantised"]

    def _captures_products(self, drive: Inputs) -> bool:
        return True

    def _sum(self, drive: Inputs) -> None:
        starting = bool(drive["sum_start"])
        literal._multiply(self.act, self.wgt, drive["wgt_zero"], drive["x_zero"], starting, self.acc)


class AluModel(Datapath):
    """accel_alu_datapath with the test's activation table behind it."""

    prefix = "alu"

    def __init__(self, lanes: int, channels: int, latency: int, table: Array) -> None:
        super().__init__(lanes, channels, 1, channels, latency)
        self._table = table

    def _results(self, drive: Inputs) -> dict[str, Array]:
        low = self.rqa & 255
        return {
            "requantised": requantised(self.rqa, drive),
            "paired": paired(self.rqa, drive),
            "passed": self._table[low] if drive["op"] == literal.LOOKUP else low.astype(np.uint8),
        }

    def _code(self, results: dict[str, Array], drive: Inputs) -> Array:
        if self._captures_products(drive):
            return results["requantised"]
        return results["passed" if drive["op"] in (literal.MAX, literal.LOOKUP) else "paired"]

    def _captures_products(self, drive: Inputs) -> bool:
        return drive["op"] in (literal.DEPTHWISE, literal.SUM)

    def _sum(self, drive: Inputs) -> None:
        tap = 0 if drive["sum_start"] else 1
        literal._alu(drive["op"], self.act, self.wgt, drive["wgt_zero"], drive["x_zero"], tap, self.acc)
