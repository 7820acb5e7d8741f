"""``accel-sim estimate``."""

from typing import Any

import click

from accel_sim.cli.options import arch_option, arithmetic_option, json_option, print_json
from accel_sim.cli.placement import ecc_option, placed_config, uram_option
from accel_sim.errors import UsageError


@click.command("estimate")
@click.argument("model")
@arch_option
@uram_option
@ecc_option
@click.option("--device", default="XCK26", show_default=True, metavar="NAME", help="Device, for the soft-error rates.")
@click.option(
    "--environment",
    default="nyc_sea_level",
    show_default=True,
    metavar="NAME|FLUX",
    help="A place such as 40_kft_iec, or a neutron flux in n/cm2/h.",
)
@click.option("--rates", metavar="FILE", help="Soft-error rates (TOML or CSV) in place of the package's.")
@click.option("--energy", metavar="FILE.csv", help="Prices of energy in place of the package's.")
@click.option(
    "--results", multiple=True, metavar="R.sqlite", help="A campaign on this model: FIT and MTBF; may be repeated."
)
@click.option("--scrub-hours", type=float, help="Longest time that a word of a DDR with ECC waits for scrubbing.")
@click.option(
    "--synthesis",
    metavar="FILE.json",
    help="A result of `accel-sim synth` for this --arch: flip-flops, share of the device.",
)
@arithmetic_option
@json_option
def command(model: str, arch: str, arithmetic: str, as_json: bool, **options: Any) -> None:
    """Estimate cycles, frame rate, energy, occupancy and failures.

    A quantised model is compiled: its cycles are those that `run --level machine` counts, and the calibrated model's
    stand beside them. Of a float model the topology is taken as int8, and the calibrated model's cycles are given.
    Failures are per 10^9 hours (FIT).
    """
    from accel_sim.report.estimate_tables import print_estimate

    record = _estimate(model, arch, arithmetic, options)
    if as_json:
        print_json(record)
    else:
        print_estimate(record)


def _estimate(model: str, arch: str, arithmetic: str, options: dict[str, Any]) -> dict[str, Any]:
    from accel_sim.bundled import resolve
    from accel_sim.estimation import estimate_float
    from accel_sim.model.float_models import is_float_model
    from accel_sim.session import load

    path, config = resolve(model), placed_config(arch, options.pop("uram"), options.pop("ecc"))
    if is_float_model(path):
        del options["scrub_hours"]
        if (file := options.pop("synthesis")) is not None:
            raise UsageError(f"--synthesis is {file}: {path} is a float model, whose registers are not known")
        return estimate_float(path, config, **options)
    return load(model, arch=config, arithmetic=arithmetic).estimate(**options)
