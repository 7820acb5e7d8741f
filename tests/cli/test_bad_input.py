"""Inputs and faults that cannot be used: one line that names the file or the field, the value and the way out."""

import io
import json
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib import format as npy

from tests.cli.conftest import Files
from tests.cli.refusal import refused
from tests.cli.tiny_models import images

NAME = "in.npz"
TAKES = "the model takes x float32 [1, 2, 6, 8]"


def saved(**arrays: Any) -> Callable[[Path], None]:
    return lambda folder: np.savez(folder / NAME, **arrays)


def raw(data: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / NAME).write_bytes(data)


def members(**parts: bytes) -> Callable[[Path], None]:
    """A zip archive of any bytes."""

    def make(folder: Path) -> None:
        with zipfile.ZipFile(folder / NAME, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in parts.items():
                archive.writestr(name.replace("_npy", ".npy"), data)

    return make


def array_file(shape: str, data: bytes = b"", descr: str = "<f4") -> bytes:
    """A .npy file whose header says what it likes."""
    stream = io.BytesIO()
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    stream.write(npy.magic(1, 0) + struct.pack("<H", len(header)) + header.encode() + data)
    return stream.getvalue()


def packed(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def bomb(folder: Path) -> None:
    """An archive whose directory promises 3 GiB."""
    data = bytearray(packed(x=images()))
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = struct.pack("<I", 3 << 30)
    (folder / NAME).write_bytes(data)


def damaged_data(folder: Path) -> None:
    data = bytearray(packed(x=images()))
    data[300] ^= 255
    (folder / NAME).write_bytes(data)


X = images()
NOT_NPZ = f"{NAME}: not an .npz file, or a damaged one; write it with numpy.savez"
INPUTS: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "missing": (lambda folder: None, (f"{NAME}: no such file; give an .npz file whose keys are the model's inputs",)),
    "folder": (lambda folder: (folder / NAME).mkdir(), (f"{NAME}: is a folder; give an .npz file",)),
    "pipe": (lambda folder: os.mkfifo(folder / NAME), (f"{NAME}: is a device or a pipe; give an .npz file",)),
    "empty": (raw(b""), (NOT_NPZ,)),
    "text": (raw(b"1 2 3\n"), (NOT_NPZ,)),
    "npy": (raw(array_file("(2,)", bytes(8))), (NOT_NPZ,)),
    "truncated": (raw(packed(x=X)[:-30]), (NOT_NPZ,)),
    "damaged": (damaged_data, (NOT_NPZ,)),
    "no_array": (members(), (f"{NAME}: holds no array; write it with numpy.savez",)),
    "other_zip": (members(x_npy=b"this is no array"), (f"{NAME}: cannot be read", "write it with numpy.savez")),
    "pickle": (
        saved(x=np.array([{"a": 1}], object)),
        (f"{NAME}: x.npy holds pickled objects, which are never loaded; save plain arrays",),
    ),
    "bomb": (bomb, (f"{NAME}: unpacks to 3221225472 bytes; the limit is 2147483648: give fewer images",)),
    "immense_header": (
        members(x_npy=array_file("(1000000, 1000000)")),
        (f"{NAME}: x.npy declares float32 of shape [1000000, 1000000] and holds 0 bytes; save it again",),
    ),
    "negative_header": (members(x_npy=array_file("(-1, 8)")), (f"{NAME}: x.npy declares float32 of shape [-1, 8]",)),
    "broken_header": (members(x_npy=array_file("(((((")), (f"{NAME}: cannot be read",)),
    "short_data": (members(x_npy=array_file("(1, 2, 6, 8)", bytes(100))), ("holds 100 bytes; save it again",)),
    "wrong_name": (saved(y=X), (f"{NAME}: the model has no input 'y'; it takes x float32 [1, 2, 6, 8]",)),
    "extra_name": (saved(x=X, z=X), ("the model has no input 'z'",)),
    "wrong_dtype": (saved(x=X.astype(np.float64)), (f"{NAME}: input 'x' has type float64; the model takes float32",)),
    "codes_for_reals": (saved(x=X.astype(np.uint8)), ("input 'x' has type uint8; the model takes float32",)),
    "foreign_byte_order": (saved(x=X.astype(">f4")), ("input 'x' has type >f4; the model takes float32",)),
    "text_array": (saved(x=np.array(["a", "b"])), ("input 'x' has type <U1",)),
    "wrong_shape": (
        saved(x=images(1, (2, 8, 6))),
        (
            f"{NAME}: input 'x' has shape [1, 2, 8, 6]; the model takes [1, 2, 6, 8], or several images as "
            "[n, 1, 2, 6, 8] or along the first axis",
        ),
    ),
    "scalar": (saved(x=np.float32(1)), ("input 'x' has shape []",)),
    "no_image": (saved(x=images(0)), ("input 'x' has shape [0, 2, 6, 8]",)),
    "no_image_extra": (saved(x=images(0)[:, None]), ("input 'x' has shape [0, 1, 2, 6, 8]",)),
    "nan": (saved(x=np.full_like(X, np.nan)), (f"{NAME}: input 'x' holds NaN or infinity",)),
    "infinity": (saved(x=np.full_like(X, -np.inf)), ("input 'x' holds NaN or infinity",)),
}


@pytest.mark.parametrize("name", INPUTS)
def test_inputs_are_refused(name: str, here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    make, fragments = INPUTS[name]
    make(here)
    refused(capfd, here, ["run", files.segmentation, "--inputs", NAME, "--outputs", "out.npz"], *fragments)


def test_inputs_are_missing(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    line = "--inputs is missing: give an .npz file with the model's inputs (x)"
    assert refused(capfd, here, ["run", files.segmentation]) == line


def test_a_bundled_model_with_a_missing_file(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    refused(capfd, here, ["verify", "hsi-unet-relu", "--inputs", "none.npz"], "none.npz: no such file")


def fault(**changes: Any) -> str:
    record = {"space": "parameters", "tensor": "w1_codes", "index": [3, 0, 1, 2], "bit": 6, **changes}
    return json.dumps({key: value for key, value in record.items() if value is not None})


def activation(**changes: Any) -> str:
    return fault(**{"space": "activations", "tensor": "r1_q", "index": [0, 1, 2, 3], "image": 0, **changes})


FAULTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "no_json": ("bit 6 of w1", ("fault: not JSON (Expecting value at position 0): 'bit 6 of w1'",)),
    "empty": ("", ("fault: not JSON",)),
    "half_an_object": ('{"space":', ("fault: not JSON",)),
    "deep": ("[" * 100_000, ("fault: not JSON that can be read",)),
    "long_number": ('{"bit":' + "1" * 5000 + "}", ("fault: not JSON that can be read",)),
    "number": ("6", ('fault 6: must be a JSON object such as {"space":"parameters"',)),
    "no_fault": ("[]", ("fault: an empty list",)),
    "two_faults": (f"[{fault()}, {fault()}]", ("--fault holds 2 faults; give one, or use the Python interface",)),
    "nothing": ("{}", ("fault: space None is not one of parameters, activations",)),
    "unknown_space": (fault(space="cache"), ("fault: space 'cache' is not one of parameters, activations, memory",)),
    "unknown_field": (fault(image=0), ("fault: unknown field 'image'; the fields are bit, index, space, tensor",)),
    "missing_field": (fault(bit=None), ("fault: field 'bit' is missing; an example is {",)),
    "tensor_is_no_name": (fault(tensor=[1]), ("fault: tensor [1] is not a name",)),
    "unknown_parameter": (
        fault(tensor="w1"),
        ("fault: the model has no parameter 'w1'; there are 4, such as 'w1_codes'",),
    ),
    "unknown_activation": (
        activation(tensor="q"),
        ("fault: the model has no stored tensor of codes 'q'; there are 3, such as 'x_q', 'r1_q', 'c2_q'",),
    ),
    "real_tensor": (activation(tensor="y"), ("no stored tensor of codes 'y'",)),
    "index_outside": (
        fault(index=[4, 0, 0, 0]),
        ("fault: index [4, 0, 0, 0] is outside 'w1_codes' of shape [4, 2, 3, 3]",),
    ),
    "index_too_short": (fault(index=[0]), ("index [0] is outside 'w1_codes'",)),
    "index_is_no_list": (fault(index=3), ("fault: index 3 is not a list of whole numbers",)),
    "index_negative": (fault(index=[-1, 0, 0, 0]), ("fault: index -1 is not a whole number from 0",)),
    "index_fraction": (fault(index=[0.5, 0, 0, 0]), ("fault: index 0.5 is not a whole number from 0",)),
    "index_truth": (fault(index=[True, 0, 0, 0]), ("fault: index True is not a whole number from 0",)),
    "bit_8_of_8": (fault(bit=8), ("fault: bit 8 of 'w1_codes', whose elements have bits 0 to 7",)),
    "bit_32_of_32": (
        fault(tensor="b1_codes", index=[0], bit=32),
        ("fault: bit 32 of 'b1_codes', whose elements have bits 0 to 31",),
    ),
    "bit_of_a_billion": (fault(bit=10**9), ("fault: bit 1000000000 of 'w1_codes'",)),
    "bit_negative": (fault(bit=-1), ("fault: bit -1 is not a whole number from 0",)),
    "bit_text": (fault(bit="6"), ("fault: bit '6' is not a whole number from 0",)),
    "bits_twice": (fault(bit=[1, 1]), ("fault: bit [1, 1] must name one bit or several different ones",)),
    "bits_none": (fault(bit=[]), ("fault: bit [] must name one bit",)),
    "image_outside": (activation(image=1), ("fault: image 1 of 1; images count from 0",)),
    "image_negative": (activation(image=-1), ("fault: image -1 is not a whole number from 0",)),
    "bit_8_of_activation": (activation(bit=8), ("fault: bit 8 of 'r1_q', whose elements have bits 0 to 7",)),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_refused(name: str, here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    text, fragments = FAULTS[name]
    arguments = ["inject", files.segmentation, "--inputs", files.inputs, "--fault", text, "--outputs", "out.npz"]
    refused(capfd, here, arguments, *fragments)
