"""Write ``docs/cli.md`` from the commands themselves: ``python docs/generate_cli.py``."""

from pathlib import Path

import click

from accel_sim.cli import root

PAGE = Path(__file__).with_name("cli.md")
HEAD = """# Commands

<!-- written by docs/generate_cli.py; tests/unit/test_docs.py checks that it is fresh -->

Every command takes `--json`: one JSON object on stdout and nothing else, with
[these fields](file_formats.md#json-of-the-commands). Progress and messages go to stderr. Exit status: 0 done, 1 a check
failed, 2 wrong use or unusable input (one line that names the file or node, the value, the limit and the way out), 130
stopped with Ctrl-C.

`MODEL` is an ONNX file or the name of a bundled model. Set `ACCEL_SIM_DEBUG=1` to see the traceback of an internal
error, `ACCEL_SIM_PORTABLE=1` to run without processor-specific instructions (the same bytes, slower).
"""


def render() -> str:
    """Return the page: one section per command."""
    context = click.Context(root, info_name="accel-sim")
    sections = [HEAD]
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        assert command is not None
        sections.append(_section(name, command))
    return "\n".join(sections)


def _section(name: str, command: click.Command) -> str:
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    usage = " ".join(["accel-sim", name, *(str(p.metavar or p.human_readable_name) for p in arguments), "[OPTIONS]"])
    text = "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    rows = [_row(p) for p in command.params if isinstance(p, click.Option)]
    table = "\n".join(["| option | default | does |", "|---|---|---|", *rows])
    return f"## {name}\n\n```text\n{usage}\n```\n\n{text}\n\n{table}\n"


def _row(option: click.Option) -> str:
    names = ", ".join(f"`{o}`" for o in option.opts)
    if isinstance(option.type, click.Choice):
        names += " " + " / ".join(str(choice) for choice in option.type.choices)
    elif not option.is_flag:
        names += f" {_escape(option.metavar or option.type.name.upper())}"
    default = "required" if option.required else f"`{option.default}`" if option.show_default else ""
    return f"| {names} | {default} | {_escape(option.help or '')} |"


def _escape(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
