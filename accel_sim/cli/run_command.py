"""``accel-sim run``."""

import click

from accel_sim.cli.options import (
    arithmetic_option,
    check_target,
    host_pieces,
    inputs_option,
    json_option,
    level_option,
    open_images,
    open_model,
    print_host,
    print_json,
    save_npz,
)


@click.command("run")
@click.argument("model")
@inputs_option
@click.option("--outputs", metavar="OUT.npz", help="Where the outputs go, by output name.")
@level_option
@arithmetic_option
@json_option
def command(model: str, inputs: str | None, outputs: str | None, level: str, arithmetic: str, as_json: bool) -> None:
    """Run one inference per image."""
    check_target(outputs)
    loaded = open_model(model, arithmetic)
    result = loaded.run(open_images(loaded, model, inputs))
    if outputs:
        save_npz(outputs, result.outputs)
    shapes = {name: list(array.shape) for name, array in result.outputs.items()}
    if as_json:
        record = {"model": loaded.graph.name, "images": result.images, "outputs": shapes}
        print_json({**record, "host": host_pieces(loaded)})
        return
    print_host(loaded)
    for name, shape in shapes.items():
        click.echo(f"{name}  {result.outputs[name].dtype}  {shape}")
    click.echo(f"{result.images} image(s)" + (f", written to {outputs}" if outputs else "; --outputs keeps them"))
