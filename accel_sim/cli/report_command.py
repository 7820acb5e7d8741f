"""``accel-sim report``."""

from pathlib import Path

import click

from accel_sim.cli.options import check_target, json_option, print_json


@click.command("report")
@click.argument("results", nargs=-1, required=True, metavar="R.sqlite [...]")
@click.option("-o", "--output", "output", required=True, metavar="OUT.html", help="The page; it needs no network.")
@json_option
def command(results: tuple[str, ...], output: str, as_json: bool) -> None:
    """Write one self-contained HTML page; several results files are compared side by side."""
    from accel_sim.report import write_report

    check_target(output)
    path = write_report([Path(r) for r in results], Path(output))
    if as_json:
        print_json({"path": str(path)})
    else:
        click.echo(str(path))
