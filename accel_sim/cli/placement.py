"""Where banks are placed and what guards them, as options of a command."""

from typing import TYPE_CHECKING

import click

from accel_sim.errors import UsageError

if TYPE_CHECKING:
    from accel_sim.config import AcceleratorConfig

uram_option = click.option(
    "--uram", multiple=True, metavar="NAME=BANKS", help="Banks of a buffer in UltraRAM, e.g. wgt=16; may be repeated."
)
ecc_option = click.option("--ecc", multiple=True, metavar="NAME", help="A memory with SECDED; may be repeated.")


def placed_config(arch: str, uram: tuple[str, ...], ecc: tuple[str, ...]) -> "AcceleratorConfig":
    """Return a configuration with other placement and protection.

    Parameters
    ----------
    arch
        A preset or a TOML file.
    uram
        ``NAME=BANKS`` each; memories that are not named stay as they are.
    ecc
        Names of memories, beside those of the file.

    Raises
    ------
    UsageError
        No such architecture or memory, or a number of banks that is none.
    """
    from dataclasses import replace

    from accel_sim.levels import find_config

    config = find_config(arch)
    banks = dict(config.uram_banks)
    for text in uram:
        name, _, number = text.partition("=")
        if not number.isdecimal():
            raise UsageError(f"--uram {text!r} is not NAME=BANKS, for instance wgt=16")
        banks[name] = int(number)
    if not uram and not ecc:
        return config
    return replace(config, uram_banks=banks, ecc=tuple(dict.fromkeys((*config.ecc, *ecc))))
