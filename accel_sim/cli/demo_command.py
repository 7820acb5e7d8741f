"""``accel-sim demo``."""

import os
from pathlib import Path

import click

from accel_sim.cli.options import check_target, json_option, open_images, open_model, print_json
from accel_sim.errors import UsageError


@click.command("demo")
@click.option("--model", default="hsi-unet-relu", show_default=True, help="A bundled model.")
@click.option("--faults", type=int, default=10, show_default=True, help="Faults per parameter set and bit.")
@click.option("-o", "--output", "output", default="accel-sim-demo.html", show_default=True, help="The report.")
@json_option
def command(model: str, faults: int, output: str, as_json: bool) -> None:
    """Run the main job: bit flips in every parameter set and bit of a bundled U-Net, a table and an HTML report.

    One scene, seed 0. The results file lies beside the report; run again, the demo goes on where it stopped.
    """
    from accel_sim.bundled import bundled_inputs, bundled_models
    from accel_sim.cli.progress import progress_bar
    from accel_sim.inputs import Images
    from accel_sim.report import write_report
    from accel_sim.report.tables import print_campaign

    check_target(output)
    results = Path(output).with_suffix(".sqlite")
    if results == Path(output):
        raise UsageError(f"--output is {output}: the results beside the report take that name; end it in .html")
    if bundled_inputs(model) is None:
        names = ", ".join(entry["name"] for entry in bundled_models())
        raise UsageError(f"--model is {model}: the demo takes one of {names}; for others there is `accel-sim campaign`")
    check_target(str(results))
    loaded = open_model(model, "onnxruntime")
    images = open_images(loaded, model, None)
    one = Images(images.items[:1], "none")
    workers = min(os.cpu_count() or 1, 2)
    with progress_bar(f"{model}: bit flips in parameters") as progress:
        summary = loaded.campaign(
            one, results=results, faults=faults, strata="set-bit", workers=workers, progress=progress
        )
    path = write_report([results], Path(output))
    if as_json:
        print_json({"path": str(path), "results": str(results), **summary})
        return
    print_campaign(summary)
    click.echo(f"results: {results}\nreport:  {path}")
