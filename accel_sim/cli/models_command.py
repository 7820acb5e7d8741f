"""``accel-sim models``."""

import click

from accel_sim.cli.options import json_option, print_json


@click.command("models")
@json_option
def command(as_json: bool) -> None:
    """List the bundled models with recipe, accuracy and checksum."""
    from accel_sim.bundled import bundled_models
    from accel_sim.report.tables import print_models

    entries = bundled_models()
    if as_json:
        print_json({"models": entries})
    else:
        print_models(entries)
