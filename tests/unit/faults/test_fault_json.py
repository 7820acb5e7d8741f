"""The public JSON form of a fault."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_sim.errors import InputError
from accel_sim.faults import Fault

INDICES = st.lists(st.integers(0, 2**40), max_size=5).map(tuple)
BITS = st.lists(st.integers(0, 31), min_size=1, max_size=8, unique=True).map(tuple)
NAMES = st.text(min_size=1)
GOOD = {"space": "parameters", "tensor": "conv1.weight_quantized", "index": [3, 0, 1, 2], "bit": 6}


@given(
    tensor=NAMES,
    index=INDICES,
    bits=BITS,
    image=st.integers(0, 10**6),
    space=st.sampled_from(["parameters", "activations"]),
)
def test_round_trip(tensor: str, index: tuple[int, ...], bits: tuple[int, ...], image: int, space: str) -> None:
    fault = Fault(space, tensor, index, bits, image if space == "activations" else 0)
    text = json.dumps(fault.to_json())
    assert Fault.from_json(json.loads(text)) == fault
    assert ("image" in fault.to_json()) == (space == "activations")


@given(bits=BITS)
def test_mask_holds_exactly_the_bits(bits: tuple[int, ...]) -> None:
    mask = Fault("parameters", "w", (0,), bits).mask
    assert {bit for bit in range(64) if mask >> bit & 1} == set(bits)


def test_documented_form() -> None:
    fault = Fault.from_json(GOOD)
    assert fault == Fault("parameters", "conv1.weight_quantized", (3, 0, 1, 2), (6,))
    assert fault.to_json() == GOOD
    several = Fault.from_json(GOOD | {"bit": [6, 7]})
    assert several.bits == (6, 7)
    assert several.to_json()["bit"] == [6, 7]


def test_activation_of_the_first_image_when_none_is_named() -> None:
    record = {"space": "activations", "tensor": "x", "index": [0], "bit": 1}
    assert Fault.from_json(record).image == 0
    assert Fault.from_json(record).to_json() == record | {"image": 0}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"space": "weights"}, "'weights' is not one of parameters, activations"),
        ({"space": None}, "None is not one of"),
        ({"tensor": 3}, "tensor 3 is not a name"),
        ({"index": 3}, "index 3 is not a list"),
        ({"index": "30"}, "index '30' is not a list"),
        ({"index": [1, -1]}, "index -1 is not a whole number"),
        ({"index": [1.5]}, "index 1.5 is not a whole number"),
        ({"index": [True]}, "index True is not a whole number"),
        ({"bit": -1}, "bit -1 is not a whole number"),
        ({"bit": "6"}, "bit '6' is not a whole number"),
        ({"bit": []}, r"bit \[\] must name one bit"),
        ({"bit": [1, 1]}, r"bit \[1, 1\] must name one bit or several different"),
        ({"image": 1}, "unknown field 'image'"),
        ({"bits": 1}, "unknown field 'bits'.*bit, index, space, tensor"),
    ],
)
def test_wrong_fields_are_named(change: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Fault.from_json(GOOD | change)


@pytest.mark.parametrize("field", ["tensor", "index", "bit"])
def test_missing_fields_are_named_with_an_example(field: str) -> None:
    with pytest.raises(InputError, match=f"'{field}' is missing; an example is"):
        Fault.from_json({key: value for key, value in GOOD.items() if key != field})


@pytest.mark.parametrize("record", [[], "fault", 7, None])
def test_other_things_than_objects_are_refused(record: object) -> None:
    with pytest.raises(InputError, match="must be a JSON object"):
        Fault.from_json(record)  # type: ignore[arg-type]
