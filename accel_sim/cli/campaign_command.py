"""``accel-sim campaign``."""

from typing import Any

import click

from accel_sim.cli.options import (
    arch_option,
    arithmetic_option,
    check_target,
    criterion_option,
    inputs_option,
    json_option,
    open_images,
    print_host,
    print_json,
)
from accel_sim.cli.placement import ecc_option, placed_config, uram_option


@click.command("campaign")
@click.argument("model")
@inputs_option
@click.option(
    "--space",
    type=click.Choice(["parameters", "activations", "memory", "registers"]),
    default="parameters",
    show_default=True,
    help="Bits of stored weights and biases, of stored activations, or of the accelerator's memories or registers.",
)
@click.option("--memory", "memories", multiple=True, metavar="NAME", help="Only this memory or class of registers.")
@arch_option
@uram_option
@ecc_option
@click.option(
    "--device", metavar="NAME", help="Draw as the memories of this device are struck: by the rates of their kinds."
)
@click.option("--environment", metavar="NAME|FLUX", help="With --device: where it is; nyc_sea_level by default.")
@click.option("--rates", metavar="FILE", help="With --device: rates (TOML or CSV) in place of the package's.")
@click.option("--results", required=True, metavar="R.sqlite", help="Results file; an existing one is completed.")
@click.option("--faults", type=int, help="Number of faults; per set or per set and bit with --strata.")
@click.option("--margin", type=float, help="Margin of error instead of a number, e.g. 0.025 (Leveugle 2009).")
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Level of margin and intervals.")
@click.option(
    "--strata",
    type=click.Choice(["uniform", "set", "set-bit"]),
    default="uniform",
    show_default=True,
    help="Uniform over all bits, or a fixed sample per parameter set, or per set and bit.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Fault i is a function of (seed, i) alone.")
@click.option("--workers", type=int, default=1, show_default=True, help="Processes.")
@click.option("--paranoid", is_flag=True, help="Check every faulty run against a dense one, byte for byte.")
@click.option("--memory-limit", type=float, metavar="MIB", help="Keep less and recompute more; the same results.")
@criterion_option
@arithmetic_option
@json_option
def command(
    model: str,
    inputs: str | None,
    as_json: bool,
    arch: str,
    arithmetic: str,
    uram: tuple[str, ...],
    ecc: tuple[str, ...],
    memories: tuple[str, ...],
    **options: Any,
) -> None:
    """Inject a random sample of faults and estimate error rates with intervals.

    Without --faults and --margin 1550 faults are drawn per sample, as in the paper. Interrupted, the same command
    goes on; finished, it changes nothing. Faults of memories and registers of the accelerator (--arch) are drawn among
    live bits, weighted with the cycles that they are live and, with --device, with how often their kind of memory is
    struck there.
    """
    from accel_sim.cli.progress import progress_bar
    from accel_sim.report.tables import print_campaign
    from accel_sim.session import load

    check_target(options["results"])
    loaded = load(model, arch=placed_config(arch, uram, ecc), arithmetic=arithmetic)
    images = open_images(loaded, model, inputs)
    with progress_bar("campaign") as progress:
        summary = loaded.campaign(images, progress=progress, memories=memories or None, **options)
    if as_json:
        print_json(summary)
        return
    print_host(loaded)
    print_campaign(summary)
    if "avf" in summary:
        click.echo(_memories(summary))
    click.echo(f"results: {options['results']}")


def _memories(summary: dict[str, Any]) -> str:
    """One line a memory: how much of it is live, and the share of all upsets that are critical."""
    lines = [f"{summary['arch']}, {summary['cycles']} cycles an inference; AVF = live share x critical rate"]
    if "device" in summary:
        place = summary["environment"]["name"]
        lines.append(
            f"drawn as {summary['device']} is struck, {place}: {summary['raw_fit']:.4g} upsets in 10^9 h of these bits"
        )
    for name, entry in {**summary["memories"], "together": summary}.items():
        avf = entry["avf"]
        best = "?" if avf["best"] is None else f"{avf['best']:.3%}"
        lines.append(
            f"{name:8s} live {entry['live_fraction']:8.3%}  AVF {best} ({avf['low']:.3%} to {avf['high']:.3%}, "
            f"{entry['faults']} faults)"
        )
    return "\n".join(lines)
