"""The RTL as a level at which a model runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from accel_sim.machine.machine import HostRunner
from accel_sim.program import Program
from accel_sim.rtl.accelerator import RtlAccelerator

Outputs = Mapping[str, NDArray[Any]]


def run_images(program: Program, host: HostRunner, images: Sequence[Outputs]) -> tuple[list[Outputs], int]:
    """Run inferences one after the other on the simulated accelerator.

    Parameters
    ----------
    program
        The compiled model; its configuration elaborates the RTL.
    host
        Runs a node that the program leaves to the host: ``Engine.run_node``.
    images
        Inputs of each inference, in the model's own shapes and types.

    Returns
    -------
    tuple
        Outputs of each inference, and the cycles of one (counted by the hardware; they do not depend on the data).

    Raises
    ------
    UsageError
        The RTL cannot be built: a tool is missing, or the configuration is one that it does not have.
    """
    accelerator = RtlAccelerator(program, host)
    results = [accelerator.run(image) for image in images]
    assert all(result.status == "ok" for result in results), results
    assert len({result.cycles for result in results}) == 1, results
    return [result.outputs for result in results], results[0].cycles
