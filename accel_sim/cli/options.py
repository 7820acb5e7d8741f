"""Options that several commands share, and the two ways a command prints."""

import json
import os
import zipfile
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
run_level_option = click.option(
    "--level",
    type=click.Choice(["engine", "machine", "rtl"]),
    default="engine",
    show_default=True,
    help="What runs the model: tensors, the compiled program with its cycles, or the SystemVerilog of it (run only).",
)
arch_option = click.option(
    "--arch",
    default="b4096",
    show_default=True,
    metavar="NAME|FILE.toml",
    help="The accelerator: b512 to b4096, each also -high; tiny; or a TOML file.",
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


def open_model(name: str, arithmetic: str, arch: str = "b4096") -> "Model":
    """Load a model for a command."""
    from accel_sim.session import load

    return load(name, arch=arch, arithmetic=arithmetic)


def open_images(model: "Model", name: str, inputs: str | None) -> "Images":
    """Read the inputs of a command; a bundled model brings its own."""
    from accel_sim.bundled import bundled_inputs
    from accel_sim.inputs import read_npz

    path = inputs or bundled_inputs(name)
    if path is None:
        wanted = ", ".join(model.graph.inputs)
        raise UsageError(f"--inputs is missing: give an .npz file with the model's inputs ({wanted})")
    return model.images(read_npz(path), str(path))


def host_pieces(model: "Model") -> list[dict[str, str]]:
    """List what onnxruntime runs because the array cannot: name, operator and reason of each piece."""
    nodes = [node for node in model.graph.nodes if node.reason]
    return [{"name": node.name, "op": node.onnx_op, "reason": node.reason} for node in nodes]


def print_host(model: "Model") -> None:
    """Say which pieces run on the host and why."""
    for piece in host_pieces(model):
        click.echo(f"on the host: {piece['name']} ({piece['op']}): {piece['reason']}")


def print_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object."""
    click.echo(json.dumps(value, indent=None, allow_nan=False, sort_keys=False))


def check_target(path: str | None) -> None:
    """Make sure that a file can be written before any work is done for it."""
    if path is None:
        return
    target = Path(path)
    if os.path.isdir(target):
        raise InputError(f"{path}: is a folder; give the name of a file")
    if os.path.exists(target) and not os.path.isfile(target):
        raise InputError(f"{path}: is a device or a pipe; give the name of a file")
    if not os.path.isdir(target.absolute().parent):
        raise InputError(f"{path}: the folder {target.parent} does not exist; make it first")
    if not os.access(target.absolute().parent, os.W_OK):
        raise InputError(f"{path}: the folder {target.absolute().parent} cannot be written")


def save_npz(path: str, arrays: "Mapping[str, NDArray[np.generic]]") -> None:
    """Write an .npz file whole or not at all; equal arrays give equal bytes."""
    from numpy.lib import format as npy

    check_target(path)
    target = Path(path)
    temporary = target.absolute().with_name(f".{os.getpid()}.part")
    try:
        # Not numpy.savez: it takes names as keywords, of which it keeps one for itself, and stamps the time.
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in arrays.items():
                entry = zipfile.ZipInfo(f"{name}.npy")
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
                with archive.open(entry, "w", force_zip64=True) as stream:
                    npy.write_array(stream, array, allow_pickle=False)
        os.replace(temporary, target)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
