"""``accel-sim run``."""

from typing import Any

import click

from accel_sim.cli.options import (
    arch_option,
    arithmetic_option,
    check_target,
    host_pieces,
    inputs_option,
    json_option,
    open_images,
    open_model,
    print_host,
    print_json,
    run_level_option,
    save_npz,
)


@click.command("run")
@click.argument("model")
@inputs_option
@click.option("--outputs", metavar="OUT.npz", help="Where the outputs go, by output name.")
@run_level_option
@arch_option
@arithmetic_option
@json_option
def command(
    model: str, inputs: str | None, outputs: str | None, level: str, arch: str, arithmetic: str, as_json: bool
) -> None:
    """Run one inference per image.

    At the level of the machine the compiled program runs on the accelerator given by --arch; the outputs are the same
    bytes, and the cycles of one inference are counted.
    """
    check_target(outputs)
    loaded = open_model(model, arithmetic, arch)
    result = loaded.run(open_images(loaded, model, inputs), level=level)
    if outputs:
        save_npz(outputs, result.outputs)
    shapes = {name: list(array.shape) for name, array in result.outputs.items()}
    if as_json:
        record: dict[str, Any] = {"model": loaded.graph.name, "images": result.images, "outputs": shapes}
        if result.cycles is not None:
            record |= {"level": level, "arch": loaded.config.name, "cycles": result.cycles}
        print_json({**record, "host": host_pieces(loaded) if result.cycles is None else loaded.machine.host})
        return
    print_host(loaded)
    for name, shape in shapes.items():
        click.echo(f"{name}  {result.outputs[name].dtype}  {shape}")
    if result.cycles is not None:
        seconds = result.cycles / (loaded.config.clock_mhz * 1e6)
        click.echo(f"{result.cycles} cycles an image on {loaded.config.name}: {seconds * 1e3:.4g} ms")
    click.echo(f"{result.images} image(s)" + (f", written to {outputs}" if outputs else "; --outputs keeps them"))
