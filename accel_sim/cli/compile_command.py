"""``accel-sim compile``."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from accel_sim.cli.options import (
    arch_option,
    arithmetic_option,
    check_target,
    json_option,
    open_model,
    print_json,
)

if TYPE_CHECKING:
    from accel_sim.levels import MachineLevel
    from accel_sim.program import Program


@click.command("compile")
@click.argument("model")
@click.option("-o", "--output", "output", metavar="OUT.accel", help="Where the program goes.")
@click.option("--list", "as_list", is_flag=True, help="List the instructions with the clock edges of start and end.")
@arch_option
@arithmetic_option
@json_option
def command(model: str, output: str | None, as_list: bool, arch: str, arithmetic: str, as_json: bool) -> None:
    """Compile a model for an accelerator.

    Says how many instructions, cycles and bytes the program has and what it leaves to the host; equal models and
    architectures give equal bytes and hashes.
    """
    check_target(output)
    level = open_model(model, arithmetic, arch).machine
    if output:
        save_program(level.program, output)
    record = describe(level)
    if as_json:
        print_json({**record, "path": output, **({"listing": list(listing(level))} if as_list else {})})
        return
    if as_list:
        for line in listing(level):
            click.echo(line)
    for piece in level.host:
        click.echo(f"on the host: {piece['name']} ({piece['op']}): {piece['reason']}")
    units = ", ".join(f"{count} {name}" for name, count in record["engines"].items())
    sizes = record["bytes"]
    click.echo(f"{record['model']} for {record['arch']}: {record['instructions']} instructions ({units})")
    click.echo(f"{record['cycles']} cycles an image, {record['latency_s'] * 1e3:.4g} ms at {record['clock_mhz']} MHz")
    click.echo(
        f"{sizes['constants']} bytes of constants, {sizes['instructions']} of instructions, {sizes['ddr']} of DDR in "
        f"all; {sizes['load']} loaded and {sizes['save']} saved an image"
    )
    click.echo(f"hash {record['hash']}" + (f", written to {output}" if output else "; -o keeps the program"))


def describe(level: "MachineLevel") -> dict[str, Any]:
    """Return the public JSON form of a program: hash, instructions, cycles, bytes, and what the host runs."""
    from accel_sim.isa import Load

    program, config = level.program, level.program.config
    moved = {"load": 0, "save": 0}
    for number, instruction in enumerate(program.instructions):
        moved["load" if isinstance(instruction, Load) else "save"] += program.transfer_bytes(number)
    return {
        "model": program.name,
        "arch": config.name,
        "hash": program.digest,
        "instructions": len(program.instructions),
        "engines": dict(sorted(Counter(type(i).__name__.upper() for i in program.instructions).items())),
        "cycles": level.cycles,
        "clock_mhz": config.clock_mhz,
        "latency_s": level.cycles / (config.clock_mhz * 1e6),
        "bytes": {
            "constants": program.constants.size,
            "instructions": program.words.size,
            "ddr": program.memories["ddr"].bits // 8 + program.words.size,
            **moved,
        },
        "host": level.host,
    }


def listing(level: "MachineLevel") -> Iterator[str]:
    """Return the readable listing, one line an instruction, with the edges at which it starts and ends in front."""
    times = level.machine.schedule
    for start, end, line in zip(times.start.tolist(), times.end.tolist(), level.program.listing(), strict=True):
        yield f"{start:10d} {end:10d} {line}"


def save_program(program: "Program", path: str) -> None:
    """Write a program whole or not at all."""
    from accel_sim.errors import InputError

    check_target(path)
    temporary = Path(path).absolute().with_name(f".{os.getpid()}.part")
    try:
        program.save(temporary)
        os.replace(temporary, path)
    except InputError as error:
        raise InputError(str(error).replace(str(temporary), path)) from error
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
