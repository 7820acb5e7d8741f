"""``accel-sim inject``."""

import click

from accel_sim.cli.options import (
    arch_option,
    arithmetic_option,
    check_target,
    criterion_option,
    inputs_option,
    json_option,
    level_option,
    open_images,
    open_model,
    print_host,
    print_json,
    save_npz,
)
from accel_sim.errors import UsageError


@click.command("inject")
@click.argument("model")
@inputs_option
@click.option(
    "--fault",
    required=True,
    metavar="JSON",
    help='{"space":"parameters","tensor":T,"index":[...],"bit":6} or '
    '{"space":"memory","memory":"wgt","bank":3,"row":117,"bit":42,"cycle":90211}',
)
@click.option("--outputs", metavar="OUT.npz", help="Where the faulty outputs go.")
@criterion_option
@level_option
@arch_option
@arithmetic_option
@json_option
def command(
    model: str,
    inputs: str | None,
    fault: str,
    outputs: str | None,
    criterion: str | None,
    level: str,
    arch: str,
    arithmetic: str,
    as_json: bool,
) -> None:
    """Replay one fault.

    A fault is a bit of a stored parameter or activation, or a bit of a memory or register of the accelerator (--arch)
    at a cycle.
    """
    from accel_sim.faults import Fault
    from accel_sim.session import read_fault

    check_target(outputs)
    faults = read_fault(fault)
    if len(faults) != 1:
        raise UsageError(f"--fault holds {len(faults)} faults; give one, or use the Python interface for a list")
    loaded = open_model(model, arithmetic, arch)
    result = loaded.inject(open_images(loaded, model, inputs), faults[0], criterion=criterion)
    if outputs:
        save_npz(outputs, result.outputs)
    if as_json:
        print_json(result.to_json())
        return
    print_host(loaded)
    struck = faults[0]
    if isinstance(struck, Fault):
        where = f"{struck.tensor}, mask 0x{struck.mask:x}"
    else:
        bits = " ".join(map(str, struck.bits))
        where = f"{struck.memory} bank {struck.bank} row {struck.row} bit {bits}, cycle {struck.cycle}"
    click.echo(f"{result.outcome}: {result.changed_fraction:.4%} of the decisions changed  ({where})")
