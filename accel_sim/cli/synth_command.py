"""``accel-sim synth``."""

import click

from accel_sim.cli.options import check_target, print_json


@click.command("synth")
@click.option(
    "--arch", default="tiny", show_default=True, metavar="NAME|FILE.toml",
    help="The accelerator: tiny, b512 to b4096, each also -high; or a TOML file.",
)  # fmt: skip
@click.option(
    "--top", type=click.Choice(["accel_top", "accel_core"]), default="accel_top", show_default=True,
    help="With the AXI ports, or the core alone.",
)  # fmt: skip
@click.option(
    "--json", "json_file", is_flag=False, flag_value="-", metavar="[FILE]",
    help="Write one JSON object to FILE; without FILE to stdout, and nothing else.",
)  # fmt: skip
def command(arch: str, top: str, json_file: str | None) -> None:
    """Synthesise the SystemVerilog: LUT, FF, DSP, BRAM by module.

    By Yosys for UltraScale+; estimates, not a vendor tool's result. tiny takes minutes, the largest sizes hours.
    `accel-sim estimate --synthesis FILE` takes the flip-flops and the share of the device from the JSON.
    """
    from accel_sim.levels import find_config
    from accel_sim.rtl.synth_record import synthesis_record

    config = find_config(arch)
    target = None if json_file in (None, "-") else json_file
    check_target(target)
    record = synthesis_record(config, top=top)
    if json_file == "-":
        print_json(record)
        return
    if target is not None:
        import json
        from pathlib import Path

        Path(target).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    from accel_sim.report.synthesis_tables import print_synthesis

    print_synthesis(record)
