"""Faulty float runs that begin where the fault is: nothing before it, and nothing unchanged, is computed again.

Every node runs with the kernel, and on the tensors, that a run of the whole model gives it: optimisation is off, so the
cuts change no bit (`FloatRunner.whole` is the check). Off also means that batch normalisation is not folded into the
convolutions, which is what makes its four sets of parameters a place for faults.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import numpy_helper

from onnx_models.paper.campaigns.network import Network

MASKED, TOLERABLE, CRITICAL, NAN, INF = "masked", "tolerable", "critical", "nan", "inf"
OUTCOMES: Final = (MASKED, TOLERABLE, CRITICAL, NAN, INF)
SAMPLED: Final = 251
"""Step of the first look at two arrays."""
F32 = NDArray[np.float32]
Array = NDArray[Any]


@dataclass(frozen=True)
class Flip:
    """One flipped bit: parameter, number of the element in ONNX order, bit (0 is the lowest of the mantissa)."""

    variable: str
    element: int
    bit: int


@dataclass(frozen=True)
class Verdict:
    """What a flip did.

    Attributes
    ----------
    outcome
        `MASKED`: all logits have the same bits; `NAN`, `INF`: a logit of the answer is not finite (NaN first);
        `CRITICAL`: finite, and a pixel's class differs; `TOLERABLE`: finite, classes as before.
    changed_fraction
        Share of pixels whose class differs, over all images: the paper's error rate / 100. The class is the first
        largest logit, a NaN counts as largest (NumPy), so a pixel with nothing but NaN has class 0.
    nonfinite_fraction
        Share of pixels with a logit that is not finite.
    wrong_fraction
        Share of pixels with another class or a logit that is not finite.
    old, new
        The parameter's value before and after.
    """

    outcome: str
    changed_fraction: float
    nonfinite_fraction: float
    wrong_fraction: float
    old: float
    new: float


def open_session(model: bytes) -> ort.InferenceSession:
    """Open a model with one thread, without optimisation and without packed weights.

    onnxruntime packs the constant weights of transposed convolutions beforehand and adds their products in another
    order then; a parameter that may be replaced is not packed, so none may be.
    """
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.disable_prepacking", "1")
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def flipped(value: float | np.float32, bit: int) -> np.float32:
    """Return a float32 with one bit flipped; bit 31 is the sign, 30 the highest of the exponent."""
    word = np.array([value], np.float32).view(np.uint32) ^ np.uint32(1 << bit)
    return np.float32(word.view(np.float32)[0])


class FloatRunner:
    """A network with its golden tensors on some images, ready for faults.

    Parameters
    ----------
    network
        The network in pieces.
    images
        float32 [N, bands, H, W].
    """

    def __init__(self, network: Network, images: F32) -> None:
        self.network = network
        self.sessions = [open_session(piece.model) for piece in network.pieces]
        self._layer = {v.name: v.layer for v in network.variables}
        self._values = {name: np.array(value) for name, value in network.values.items()}
        self._see(images)

    def on(self, images: F32) -> "FloatRunner":
        """Return a runner for other images that shares sessions and parameters with this one."""
        other = copy.copy(self)
        other._see(images)
        return other

    def _see(self, images: F32) -> None:
        """Make the golden run."""
        network = self.network
        self.golden: dict[str, F32] = {network.input: images}
        for number, piece in enumerate(network.pieces):
            self.golden |= dict(zip(piece.outputs, self.piece(number), strict=True))
        self.logits = self.golden[network.output]
        self.classes = self.logits.argmax(axis=1)

    def piece(self, number: int) -> list[F32]:
        """Return the outputs of one piece without a fault, computed from its golden inputs."""
        piece = self.network.pieces[number]
        feed = {name: self.golden[name] for name in piece.inputs}
        return [np.asarray(value) for value in self.sessions[number].run(list(piece.outputs), feed)]

    def run(self, flip: Flip) -> F32:
        """Return the logits of a faulty run; the golden array itself when nothing has changed.

        Raises
        ------
        KeyError, IndexError
            There is no such parameter or element.
        """
        values, start = self._values[flip.variable], self._layer[flip.variable]
        flat = values.reshape(-1)
        before = flat[flip.element]
        flat[flip.element] = flipped(before, flip.bit)
        try:
            return self._from(start, {flip.variable: values})
        finally:
            flat[flip.element] = before

    def _from(self, start: int, replaced: Mapping[str, F32]) -> F32:
        """Run from a piece on, with its parameters replaced, only pieces that something has changed in front of."""
        changed: dict[str, F32] = {}
        for number in range(start, len(self.sessions)):
            piece = self.network.pieces[number]
            if number > start and not any(name in changed for name in piece.inputs):
                continue
            feed = {name: changed.get(name, self.golden[name]) for name in piece.inputs}
            if number == start:
                feed |= replaced
            found = self.sessions[number].run(list(piece.outputs), feed)
            for name, value in zip(piece.outputs, found, strict=True):
                if not same_bits(value, self.golden[name]):
                    changed[name] = value
            if not changed:
                break
        return changed.get(self.network.output, self.logits)

    def judge(self, flip: Flip) -> Verdict:
        """Run a flip and say what it did."""
        old = self._values[flip.variable].reshape(-1)[flip.element]
        logits = self.run(flip)
        return Verdict(*judged(self.logits, self.classes, logits), float(old), float(flipped(old, flip.bit)))

    def whole(self, flip: Flip) -> F32:
        """Return the logits of the whole model with the bit flipped in its file: the slow way, for comparison."""
        model = onnx.ModelProto()
        model.CopyFrom(self.network.source)
        for tensor in model.graph.initializer:
            if tensor.name == flip.variable:
                values = np.array(numpy_helper.to_array(tensor), np.float32)
                flat = values.reshape(-1)
                flat[flip.element] = flipped(flat[flip.element], flip.bit)
                tensor.CopyFrom(numpy_helper.from_array(values, flip.variable))
        session = open_session(model.SerializeToString())
        (logits,) = session.run([self.network.output], {self.network.input: self.golden[self.network.input]})
        return np.asarray(logits, np.float32)


def same_bits(a: F32, b: F32) -> bool:
    """Whether two float32 arrays of one shape hold the same bits (NaN included, -0 is not 0)."""
    x, y = a.reshape(-1).view(np.uint32), b.reshape(-1).view(np.uint32)
    # Most arrays that differ do so in many places: some values, of every channel, tell before all are read.
    return not (x[::SAMPLED] != y[::SAMPLED]).any() and bool(np.array_equal(x, y))


def judged(golden: F32, classes: Array, logits: F32) -> tuple[str, float, float, float]:
    """Return outcome, and the shares of pixels that changed, that are not finite, and that are one or the other.

    Parameters
    ----------
    golden, logits
        float32 [N, classes, H, W] without and with the fault.
    classes
        int [N, H, W], the golden classes.
    """
    if logits is golden or same_bits(logits, golden):
        return MASKED, 0.0, 0.0, 0.0
    differs = logits.argmax(axis=1) != classes
    changed = _share(differs)
    if np.isfinite(logits).all():
        return (CRITICAL if changed else TOLERABLE), changed, 0.0, changed
    odd = np.logical_not(np.isfinite(logits).all(axis=1))
    return (NAN if np.isnan(logits).any() else INF), changed, _share(odd), _share(odd | differs)


def _share(pixels: Array) -> float:
    return float(np.count_nonzero(pixels) / pixels.size)
