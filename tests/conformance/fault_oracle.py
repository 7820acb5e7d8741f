"""Bit flips in onnxruntime: what a fault must do to the outputs, without any arithmetic of the simulator.

Parameters: the graph that onnxruntime runs keeps the names of the initializers. Made an input of that graph, a
parameter can be fed with a flipped bit. Activations: the graph is cut at the tensor; what its producer computes goes
nowhere, its readers get the flipped codes. Both shortcuts are held against the honest way, in which the ONNX file
itself is edited and opened anew.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from accel_sim.faults import Fault
from accel_sim.model.dump import expose_tensors
from accel_sim.reference import optimised, reference, session

Array = NDArray[Any]
KEPT_SESSIONS = 64
CUT, UPSET = ":cut", ":upset"
UNSIGNED = ("_s8_2_u8", ":unsigned")
ZERO_POINT = 2  # position of that input of QuantizeLinear and DequantizeLinear


def flipped(values: Array, index: tuple[int, ...], bits: tuple[int, ...]) -> Array:
    """A copy with some bits of one element inverted, through its two's complement in plain Python."""
    result = values.copy()
    width = 8 * values.dtype.itemsize
    code = int(values[index]) % 2**width
    for bit in bits:
        code ^= 1 << bit
    signed = values.dtype.kind == "i" and code >= 2 ** (width - 1)
    result[index] = code - 2**width if signed else code
    return result


def stored_values(model: onnx.ModelProto, name: str) -> Array:
    """An initializer as the file holds it."""
    (tensor,) = [t for t in model.graph.initializer if t.name == name]
    values = numpy_helper.to_array(tensor)
    return values if values.ndim else values.reshape(1)


def with_stored_values(model: onnx.ModelProto, name: str, values: Array) -> onnx.ModelProto:
    """A copy of a model in which one stored constant holds other values.

    Converters share equal initializers, so a bias of zeros can be the zero point of a DequantizeLinear too. Zero
    points are no stored data of an accelerator (they are folded when a model is compiled): where they share, they keep
    the old values.
    """
    edited = onnx.ModelProto()
    edited.CopyFrom(model)
    (tensor,) = [t for t in edited.graph.initializer if t.name == name]
    upset = numpy_helper.from_array(values.reshape(tuple(tensor.dims)), name + UPSET)
    edited.graph.initializer.append(upset)
    for node in edited.graph.node:
        for position, read in enumerate(node.input):
            if read == name and not (node.op_type in ("QuantizeLinear", "DequantizeLinear") and position == ZERO_POINT):
                node.input[position] = upset.name
    return edited


def open_at_initializer(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """A copy of a model in which one initializer became an input."""
    edited = onnx.ModelProto()
    edited.CopyFrom(model)
    (tensor,) = [t for t in edited.graph.initializer if t.name == name]
    info = helper.make_tensor_value_info(name, tensor.data_type, list(tensor.dims))
    edited.graph.initializer.remove(tensor)
    edited.graph.input.append(info)
    return edited


def open_at_tensor(model: onnx.ModelProto, name: str, like: Array) -> onnx.ModelProto:
    """A copy of a model that is cut at a tensor: its readers, and the outputs, take it from an input."""
    edited = onnx.ModelProto()
    edited.CopyFrom(model)
    if name in {i.name for i in edited.graph.input}:
        return edited
    (producer,) = [node for node in edited.graph.node if name in node.output]
    outputs = [o + CUT if o == name else o for o in producer.output]
    del producer.output[:]
    producer.output.extend(outputs)
    kind = helper.np_dtype_to_tensor_dtype(like.dtype)
    edited.graph.input.append(helper.make_tensor_value_info(name, kind, like.shape))
    stale = [info for info in edited.graph.value_info if info.name in (name, name + CUT)]
    for info in stale:
        edited.graph.value_info.remove(info)
    return edited


def run(peer: onnxruntime.InferenceSession, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """All outputs; feeds that the session does not know are left out."""
    known = {i.name for i in peer.get_inputs()}
    names = [output.name for output in peer.get_outputs()]
    return dict(zip(names, peer.run(names, {n: a for n, a in feeds.items() if n in known}), strict=True))


class FaultOracle:
    """onnxruntime with flipped bits.

    Parameters
    ----------
    source
        Bytes of the ONNX file.
    every
        Return every tensor of a faulty run instead of the outputs only.
    """

    def __init__(self, source: bytes, *, every: bool = False) -> None:
        self.model = onnx.load_model_from_string(source)
        dump = optimised(source)
        self.dump = onnx.load_model_from_string(expose_tensors(dump)[0] if every else dump)
        self._reference = reference(source)
        self.integer = self._reference.integer
        self._sessions: OrderedDict[str, onnxruntime.InferenceSession] = OrderedDict()

    def golden(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Every tensor of the fault-free run by name, the inputs too."""
        return {**self._reference.run(feeds), **feeds}

    def run(self, fault: Fault, image: Mapping[str, Array], golden: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs of a faulty run.

        Parameters
        ----------
        image
            The inputs.
        golden
            What :meth:`golden` gives for them.
        """
        if fault.space == "activations":
            codes = flipped(golden[fault.tensor], fault.index, fault.bits)
            key = f"activation {fault.tensor}"
            peer = self._session(key, lambda: open_at_tensor(self.dump, fault.tensor, codes))
            return {fault.tensor: codes, **run(peer, {**image, fault.tensor: codes})}
        kept = self._kept(fault.tensor)
        values = self._upset(fault).reshape(tuple(kept.dims))
        if kept.data_type != helper.np_dtype_to_tensor_dtype(values.dtype):
            values = values.view(np.uint8) ^ np.uint8(128)
        peer = self._session(f"parameter {kept.name}", lambda: open_at_initializer(self.dump, kept.name))
        return run(peer, {**image, kept.name: values})

    def _kept(self, name: str) -> onnx.TensorProto:
        """A stored constant in the dump: without VNNI signed weights are kept as unsigned ones, moved up by 128."""
        names = [name, *(name + suffix for suffix in UNSIGNED)]
        found: onnx.TensorProto
        (found,) = [t for t in self.dump.graph.initializer if t.name in names]
        return found

    def run_edited(self, fault: Fault, image: Mapping[str, Array], golden: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by the honest way: the ONNX file itself is edited, and opened in the reference configuration."""
        if fault.space == "activations":
            codes = flipped(golden[fault.tensor], fault.index, fault.bits)
            edited = open_at_tensor(self.model, fault.tensor, codes)
            return run(session(edited.SerializeToString()), {**image, fault.tensor: codes})
        edited = with_stored_values(self.model, fault.tensor, self._upset(fault))
        return run(session(edited.SerializeToString()), image)

    def _upset(self, fault: Fault) -> Array:
        return flipped(stored_values(self.model, fault.tensor), fault.index, fault.bits)

    def _session(self, key: str, make: Callable[[], onnx.ModelProto]) -> onnxruntime.InferenceSession:
        if key not in self._sessions:
            self._sessions[key] = session(make().SerializeToString(), "none")
            if len(self._sessions) > KEPT_SESSIONS:
                self._sessions.popitem(last=False)
        self._sessions.move_to_end(key)
        return self._sessions[key]
