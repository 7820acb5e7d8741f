"""Options that several commands share, and the two ways a command prints."""

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from accel_sim.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from accel_sim.inputs import Images
    from accel_sim.session import Model

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout, nothing else.")
inputs_option = click.option(
    "--inputs", "inputs", metavar="IN.npz", help="Arrays by input name; the scenes of a bundled model by default."
)
level_option = click.option(
    "--level",
    type=click.Choice(["engine"]),
    default="engine",
    show_default=True,
    help="What runs the model: the tensor-level engine.",
)
criterion_option = click.option(
    "--criterion",
    type=click.Choice(["segmentation", "classification", "any"]),
    help="What counts as a decision; chosen from the model's output by default.",
)
arithmetic_option = click.option(
    "--arithmetic",
    type=click.Choice(["onnxruntime", "dpu", "gemmlowp"]),
    default="onnxruntime",
    show_default=True,
    help="Requantisation: bit for bit onnxruntime's, the DPU's shift, or TFLite's multiplier.",
)


def open_model(name: str, arithmetic: str) -> "Model":
    """Load a model for a command."""
    from accel_sim.session import load

    return load(name, arithmetic=arithmetic)


def open_images(model: "Model", name: str, inputs: str | None) -> "Images":
    """Read the inputs of a command; a bundled model brings its own."""
    from accel_sim.bundled import bundled_inputs
    from accel_sim.inputs import read_npz

    path = inputs or bundled_inputs(name)
    if path is None:
        wanted = ", ".join(model.graph.inputs)
        raise UsageError(f"--inputs is missing: give an .npz file with the model's inputs ({wanted})")
    return model.images(read_npz(path), str(path))


def print_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object."""
    click.echo(json.dumps(value, indent=None, allow_nan=False, sort_keys=False))


def check_target(path: str | None) -> None:
    """Make sure that a file can be written before any work is done for it."""
    if path is None:
        return
    target = Path(path)
    if target.is_dir():
        raise InputError(f"{path}: is a folder; give the name of a file")
    if not target.absolute().parent.is_dir():
        raise InputError(f"{path}: the folder {target.parent} does not exist")
    if not os.access(target.absolute().parent, os.W_OK):
        raise InputError(f"{path}: the folder {target.absolute().parent} cannot be written")


def save_npz(path: str, arrays: "Mapping[str, NDArray[np.generic]]") -> None:
    """Write an .npz file whole or not at all."""
    import numpy as np

    check_target(path)
    target = Path(path)
    handle, temporary = tempfile.mkstemp(dir=target.absolute().parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
        os.replace(temporary, target)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
