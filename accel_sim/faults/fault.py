"""One upset, as a frozen record with the public JSON form."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from accel_sim.errors import InputError

SPACES = ("parameters", "activations")


@dataclass(frozen=True)
class Fault:
    """One or more bits of one stored element.

    Attributes
    ----------
    space
        ``parameters`` (a stored weight or bias, upset in every image) or ``activations`` (a stored tensor of one
        image).
    tensor
        ONNX name of the parameter, or of the tensor that holds the codes.
    index
        Element in ONNX order.
    bits
        Flipped bits, 0 is the least significant.
    image
        Number of the image, for activations.
    """

    space: str
    tensor: str
    index: tuple[int, ...]
    bits: tuple[int, ...]
    image: int = 0

    @property
    def mask(self) -> int:
        """The bits as an XOR mask."""
        return sum(1 << bit for bit in self.bits)

    def to_json(self) -> dict[str, Any]:
        """Return the public JSON form."""
        bit = self.bits[0] if len(self.bits) == 1 else list(self.bits)
        record = {"space": self.space, "tensor": self.tensor, "index": list(self.index), "bit": bit}
        return record | ({"image": self.image} if self.space == "activations" else {})

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Fault":
        """Read the public JSON form; whether the element exists is checked against a model later.

        Raises
        ------
        InputError
            A field is missing, unknown or of the wrong type.
        """
        if not isinstance(record, Mapping):
            raise InputError(f"fault {record!r:.80}: must be a JSON object such as {EXAMPLE}")
        space = record.get("space")
        if space not in SPACES:
            raise InputError(f"fault: space {space!r:.80} is not one of {', '.join(SPACES)}")
        known = {"space", "tensor", "index", "bit"} | ({"image"} if space == "activations" else set())
        if unknown := sorted(set(record) - known, key=str):
            raise InputError(f"fault: unknown field {unknown[0]!r}; the fields are {', '.join(sorted(known))}")
        if missing := sorted({"tensor", "index", "bit"} - set(record)):
            raise InputError(f"fault: field {missing[0]!r} is missing; an example is {EXAMPLE}")
        if not isinstance(record["tensor"], str):
            raise InputError(f"fault: tensor {record['tensor']!r:.80} is not a name")
        bits = read_bits(record["bit"])
        if not isinstance(record["index"], list | tuple):
            raise InputError(f"fault: index {record['index']!r:.80} is not a list of whole numbers")
        index = tuple(whole("index", i) for i in record["index"])
        return cls(space, record["tensor"], index, bits, whole("image", record.get("image", 0)))


EXAMPLE = '{"space":"parameters","tensor":"conv1.weight_quantized","index":[3,0,1,2],"bit":6}'


def read_bits(raw: object) -> tuple[int, ...]:
    """Read the field ``bit``: a number, or a list of different ones."""
    bits = tuple(whole("bit", b) for b in (raw if isinstance(raw, list | tuple) else [raw]))
    if not bits or len(set(bits)) != len(bits):
        raise InputError(f"fault: bit {raw!r:.80} must name one bit or several different ones")
    return bits


def whole(what: str, value: object) -> int:
    """Read a whole number from 0."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 0:
        raise InputError(f"fault: {what} {value!r:.80} is not a whole number from 0")
    return int(value)
