"""``accel-sim <command>``: parse, call, print.

Data go to stdout, progress and messages to stderr. Exit status: 0 done, 1 a check failed, 2 wrong use or unusable
input.
"""

import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module

import click

from accel_sim import __version__

COMMANDS = {
    "campaign": "Statistical fault injection; resumes where it stopped.",
    "compile": "Compile for an accelerator: instructions, cycles, bytes.",
    "demo": "The main job on a bundled model: campaign, table and report.",
    "estimate": "Cycles, frame rate, energy, occupancy and failures.",
    "inject": "Replay one fault.",
    "models": "List the bundled models.",
    "report": "Write one self-contained HTML page from results files.",
    "run": "Run inferences.",
    "synth": "Synthesise the SystemVerilog: LUT, FF, DSP, BRAM.",
    "verify": "Compare with onnxruntime, node by node and end to end.",
}


class _Lazy(click.Group):
    """A group whose commands are imported when they are used: help and errors stay instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"accel_sim.cli.{cmd_name}_command").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=_Lazy, no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="accel-sim")
def root() -> None:
    """Int8 neural-network accelerators under single-event upsets, bit by bit.

    MODEL is an ONNX file or the name of a bundled model. Every command takes --json: one JSON object on stdout,
    nothing else.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    from accel_sim.errors import AccelSimError

    try:
        status = root.main(args=arguments, prog_name="accel-sim", standalone_mode=False)
    except click.exceptions.Exit as stop:
        status = stop.exit_code
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f" See `{context.command_path if context else 'accel-sim'} --help`."
        status = _complain(" ".join(error.format_message().split()) + hint)
    except AccelSimError as error:
        status = _complain(str(error))
    except (KeyboardInterrupt, click.Abort):
        print("accel-sim: stopped; what was done is stored", file=sys.stderr)
        status = 130
    except (BrokenPipeError, SystemExit):
        # Click turns the former into the latter. The reader of stdout has gone: nothing is left to say, and Python must
        # not try to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    except MemoryError:
        status = _complain("not enough memory for this model and these inputs; use fewer images or a smaller model")
    except Exception as error:
        if os.environ.get("ACCEL_SIM_DEBUG"):
            raise
        text = " ".join(str(error).split())[:300]
        status = _complain(f"internal error: {type(error).__name__}: {text} (set ACCEL_SIM_DEBUG=1 for the traceback)")
    return int(status or 0)


def _complain(message: str) -> int:
    print(f"accel-sim: {message}", file=sys.stderr)
    return 2


def entry() -> None:
    """Console script."""
    if not os.environ.get("ACCEL_SIM_DEBUG"):
        warnings.simplefilter("ignore")  # stderr is for progress and for one line of complaint
    sys.exit(main())
