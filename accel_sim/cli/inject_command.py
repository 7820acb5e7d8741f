"""``accel-sim inject``."""

import click

from accel_sim.cli.options import (
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
@click.option("--fault", required=True, metavar="JSON", help='{"space":"parameters","tensor":T,"index":[...],"bit":6}')
@click.option("--outputs", metavar="OUT.npz", help="Where the faulty outputs go.")
@criterion_option
@level_option
@arithmetic_option
@json_option
def command(
    model: str,
    inputs: str | None,
    fault: str,
    outputs: str | None,
    criterion: str | None,
    level: str,
    arithmetic: str,
    as_json: bool,
) -> None:
    """Replay one fault."""
    from accel_sim.session import read_fault

    check_target(outputs)
    faults = read_fault(fault)
    if len(faults) != 1:
        raise UsageError(f"--fault holds {len(faults)} faults; give one, or use the Python interface for a list")
    loaded = open_model(model, arithmetic)
    result = loaded.inject(open_images(loaded, model, inputs), faults[0], criterion=criterion)
    if outputs:
        save_npz(outputs, result.outputs)
    if as_json:
        print_json(result.to_json())
        return
    print_host(loaded)
    mask = f"mask 0x{faults[0].mask:x}"
    click.echo(
        f"{result.outcome}: {result.changed_fraction:.4%} of the decisions changed  ({faults[0].tensor}, {mask})"
    )
