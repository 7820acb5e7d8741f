"""``accel-sim verify``."""

import click

from accel_sim.cli.options import (
    arch_option,
    inputs_option,
    json_option,
    open_images,
    open_model,
    print_json,
    run_level_option,
)


@click.command("verify")
@click.argument("model")
@inputs_option
@run_level_option
@arch_option
@json_option
@click.pass_context
def command(ctx: click.Context, model: str, inputs: str | None, level: str, arch: str, as_json: bool) -> None:
    """Compare with onnxruntime, node by node and end to end.

    Each node is fed with the reference's own inputs; at the level of the machine it is compiled on its own for that,
    and the program of the whole model is what runs end to end. The exit status is 1 when a node differs that
    onnxruntime computes in integers. Without --inputs a bundled model takes its scenes, any other model one image of
    random values.
    """
    from accel_sim.bundled import bundled_inputs
    from accel_sim.report.tables import print_verification

    loaded = open_model(model, "onnxruntime", arch)
    given = inputs is not None or bundled_inputs(model) is not None
    result = loaded.verify(open_images(loaded, model, inputs) if given else None, level=level)
    if as_json:
        print_json(result.to_json())
    else:
        print_verification(result)
    if not result.ok:
        ctx.exit(1)
