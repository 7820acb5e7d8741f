"""``accel-sim inject``."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from accel_sim.cli.options import (
    arch_option,
    arithmetic_option,
    check_target,
    criterion_option,
    inputs_option,
    json_option,
    open_images,
    open_model,
    print_host,
    print_json,
    save_npz,
)
from accel_sim.errors import UsageError

if TYPE_CHECKING:
    from accel_sim.faults.hardware import AnyFault, HardwareFault
    from accel_sim.inputs import Images
    from accel_sim.session import Model

level_option = click.option(
    "--level",
    type=click.Choice(["engine", "machine"]),
    default="engine",
    show_default=True,
    help="machine: run a fault of a memory or register on the compiled program, and compare with the fast path.",
)


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
@click.option(
    "--pattern",
    metavar="NAME|FILE.toml[:NAME]",
    help="Strike neighbouring cells, too: pair, column, square and others.",
)
@click.option("--interleave", type=int, metavar="N", help="Rows of a bank in a row of cells; 1 by default.")
@click.option("--seed", type=int, metavar="N", help="Draws a pattern of the file; 0 by default.")
@click.option("--stuck-at", type=click.IntRange(0, 1), metavar="0|1", help="The bits keep this value in every image.")
@click.option("--persistent", is_flag=True, help="DDR is not reloaded: the flip stays for all images that follow.")
@click.option("--outputs", metavar="OUT.npz", help="Where the faulty outputs go.")
@criterion_option
@level_option
@arch_option
@arithmetic_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    model: str,
    inputs: str | None,
    fault: str,
    pattern: str | None,
    interleave: int | None,
    seed: int | None,
    stuck_at: int | None,
    persistent: bool,
    outputs: str | None,
    criterion: str | None,
    level: str,
    arch: str,
    arithmetic: str,
    as_json: bool,
) -> None:
    """Replay one fault.

    A fault is a bit of a stored parameter or activation, or a bit of a memory or register of the accelerator (--arch)
    at a cycle. Bits of the accelerator may come in patterns of neighbouring cells, be stuck, or persist.
    """
    from accel_sim.faults import Fault

    check_target(outputs)
    struck = _fault(fault, stuck_at, persistent)
    if isinstance(struck, Fault) and (
        level == "machine" or pattern or interleave or stuck_at is not None or persistent
    ):
        raise UsageError(
            "--level machine, --pattern, --interleave, --stuck-at and --persistent are for faults of the spaces memory "
            f"and registers, not {struck.space}; leave them out"
        )
    loaded = open_model(model, arithmetic, arch)
    if pattern:
        struck = _spread(struck, loaded, pattern, interleave, seed)
    elif interleave is not None or seed is not None:
        raise UsageError("--interleave and --seed go with --pattern; name a pattern or leave them out")
    images = open_images(loaded, model, inputs)
    if level == "machine":
        found, faulty = _on_machine(loaded, images, struck, criterion)
    else:
        result = loaded.inject(images, struck, criterion=criterion)
        found, faulty = result.to_json(), result.outputs
    if outputs:
        save_npz(outputs, faulty)
    if as_json:
        print_json(found)
    else:
        print_host(loaded)
        click.echo(f"{found['outcome']}: {found['changed_fraction']:.4%} of the decisions changed  ({_where(struck)})")
        if level == "machine":
            fast = found["fast_path"]
            verb = "agrees" if found["agrees"] else "DIFFERS"
            click.echo(f"the fast path ({fast['ran']}) {verb}: {fast['outcome']}, {fast['changed_fraction']:.4%}")
    if not found.get("agrees", True):
        ctx.exit(1)


def _fault(text: str, stuck_at: int | None, persistent: bool) -> "AnyFault":
    """Read the fault, with what options add to it."""
    from accel_sim.session import read_fault

    with suppress(ValueError, RecursionError):  # the reader below says what is wrong with it
        record = json.loads(text)
        if isinstance(record, dict) and record.get("space") in ("memory", "registers"):
            record |= {"stuck": stuck_at} if stuck_at is not None else {}
            text = json.dumps(record | ({"persistent": True} if persistent else {}))
    faults = read_fault(text)
    if len(faults) != 1:
        raise UsageError(f"--fault holds {len(faults)} faults; give one, or use the Python interface for a list")
    return faults[0]


def _spread(
    fault: "AnyFault", model: "Model", pattern: str, interleave: int | None, seed: int | None
) -> "HardwareFault":
    """Add the neighbouring cells of a pattern: a known shape, one of a file, or one drawn from it."""
    from accel_sim.faults.hardware import HardwareFault
    from accel_sim.faults.hardware.patterns import SHAPES, check_interleave, load_patterns, spread

    assert isinstance(fault, HardwareFault)
    path, _, name = pattern.rpartition(":") if ".toml:" in pattern else (pattern, "", "")
    given = check_interleave(1 if interleave is None else interleave)
    if not path.endswith(".toml"):
        if pattern not in SHAPES:
            raise UsageError(f"--pattern {pattern!r} is neither a .toml file nor one of {', '.join(SHAPES)}")
        if seed is not None:
            raise UsageError("--seed draws from a file of patterns; leave it out")
        shape = SHAPES[pattern]
    else:
        table = load_patterns(path)
        if name and seed is not None:
            raise UsageError("--seed draws a pattern, and --pattern names one already; leave one of them out")
        shape = table.named(name) if name else table.pick(seed or 0, 0)
        given = table.interleave if interleave is None else given
    model.machine.check_fault(fault)
    specs = model.machine.program.memories
    if fault.memory not in specs:
        raise UsageError(f"--pattern is for the cells of a memory, and {fault.memory!r} is a class of registers")
    return spread(fault, shape, specs[fault.memory], given)


def _on_machine(
    model: "Model", images: "Images", fault: "AnyFault", criterion: str | None
) -> "tuple[dict[str, Any], Mapping[str, Any]]":
    """Run a fault on the machine, and say whether the fast path finds the same."""
    from accel_sim.faults.hardware import HardwareFault

    assert isinstance(fault, HardwareFault)
    machine, fast, agrees = model.machine.inject(images.items, fault, criterion)
    verdict = machine.verdict
    found = {
        "outcome": verdict.outcome, "changed_fraction": verdict.changed_fraction, "fault": fault.to_json(),
        "level": "machine", "agrees": agrees,
        "fast_path": {
            "ran": fast.ran, "outcome": fast.verdict.outcome, "changed_fraction": fast.verdict.changed_fraction,
        },
    }  # fmt: skip
    return found, images.join(list(machine.outputs)) if all(machine.outputs) else {}


def _where(struck: "AnyFault") -> str:
    """Say in words what was struck."""
    from accel_sim.faults import Fault

    if isinstance(struck, Fault):
        return f"{struck.tensor}, mask 0x{struck.mask:x}"
    bits = " ".join(map(str, struck.bits))
    also = "".join(f", row {row} bit {bit}" for row, bit in struck.cells)
    when = f", cycle {struck.cycle}" if struck.stuck is None else f", stuck at {struck.stuck}"
    lasting = ", persistent" if struck.persistent else ""
    return f"{struck.memory} bank {struck.bank} row {struck.row} bit {bits}{also}{when}{lasting}"
