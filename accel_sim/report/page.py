"""One HTML page from results files: everything in it, nothing fetched, the same bytes for the same files."""

import base64
import contextlib
import os
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from accel_sim import __version__
from accel_sim.errors import InputError, UsageError
from accel_sim.report.evidence import Evidence, read_evidence
from accel_sim.report.example_section import example_section
from accel_sim.report.heatmap import colour_scale, heat_map
from accel_sim.report.layers import Layout, lay_out
from accel_sim.report.limits import limits_section
from accel_sim.report.listings import set_table, stratum_table
from accel_sim.report.overview import comparison_table, headline, tile_numbers, what_was_run
from accel_sim.report.rates import compared_rates, set_rates
from accel_sim.report.style import CSS, SCRIPT
from accel_sim.report.wording import count, escape, plural


def write_report(paths: Sequence[str | Path], output: str | Path) -> Path:
    """Write one self-contained HTML page about one or several campaigns.

    Parameters
    ----------
    paths
        Results files; several are compared.
    output
        Where the page goes; an existing file is replaced, in one step.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    ResultsError
        A results file is absent, damaged, or its campaign is not complete.
    InputError
        The page cannot be written there; nothing is left behind.
    UsageError
        No results file is given.
    """
    output = Path(output)
    if not paths:
        raise UsageError("a report needs one results file or more")
    if output.is_dir():
        raise InputError(f"{output}: is a folder; give the name of the HTML file to write")
    for path in map(Path, paths):
        if output.exists() and path.exists() and output.samefile(path):
            raise InputError(f"{output}: is one of the results files; give another name to the report")
    _write(output, page(read_evidence(paths)))
    return output


def page(evidence: Sequence[Evidence]) -> str:
    """Return the page as text."""
    layouts = [lay_out(e) for e in evidence]
    many = len(evidence) > 1
    names = ", ".join(e.label for e in evidence)
    lede = f"{plural(len(evidence), 'campaign')}: {names}." if many else tile_numbers(evidence[0])
    sections = [_comparison(evidence, layouts)] if many else []
    sections += [_campaign(i, e, layout) for i, (e, layout) in enumerate(zip(evidence, layouts, strict=True), 1)]
    sections.append(f'<section id="limits"><h2>What these numbers do not say</h2>{limits_section(evidence)}</section>')
    script = base64.b64encode(sha256(SCRIPT.encode("utf-8")).digest()).decode("ascii")
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{script}'"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Fault injection: {escape(names)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n"
        f'<header><h1>Fault injection: {escape(names)}</h1><p class="lede">{escape(lede)}</p></header>\n'
        f"<main>\n{chr(10).join(sections)}\n</main>\n"
        f"<footer>Written by accel_sim {escape(__version__)}. This page is complete: it loads nothing.</footer>\n"
        f"<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _comparison(evidence: Sequence[Evidence], layouts: Sequence[Layout]) -> str:
    plot = compared_rates("compared", evidence, layouts)
    if plot:
        plot = f"<h3>Mean changed fraction of every parameter set</h3>{plot}"
    else:
        plot = "<p>The campaigns have different fault spaces or layers, so their sets are not drawn together.</p>"
    return f'<section id="comparison"><h2>Side by side</h2>{comparison_table(evidence)}{plot}</section>'


def _campaign(number: int, evidence: Evidence, layout: Layout) -> str:
    kind = "layer" if evidence.space == "parameters" else "tensor"
    criterion = {"segmentation": "class maps", "classification": "scores", "any": "outputs"}[evidence.criterion]
    parts = [
        f"<h2>{escape(evidence.label)}: {escape(evidence.space)}</h2>",
        headline(evidence),
        f"<h3>{kind.capitalize()} × bit</h3>",
        colour_scale(),
        '<div class="halves">',
        heat_map(layout, "changed_fraction", "Mean changed fraction"),
        heat_map(layout, "critical_rate", "Critical rate"),
        "</div>",
        f"<h3>Mean rate of every {'parameter set' if evidence.space == 'parameters' else 'tensor'}</h3>",
        set_rates(f"sets{number}", layout),
        f"<h3>The most damaging recorded fault: {criterion} without and with it</h3>",
        example_section(evidence),
        "<h3>What was run</h3>",
        what_was_run(evidence),
        "<h3>All numbers</h3>",
        _folded(f"{plural(len(evidence.summary['sets']), 'set')}", set_table(evidence)),
        _folded(f"{count(len(evidence.summary['strata']))} strata", stratum_table(evidence)),
    ]
    return f'<section id="c{number}">{"".join(parts)}</section>'


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>{body}</details>"


def _write(output: Path, text: str) -> None:
    """Write a file that is whole whenever it is there."""
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{output.name[:40]}.", suffix=".part", dir=output.parent)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, output)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        reason = error.strerror or error
        raise InputError(f"{output}: cannot be written: {reason}; give a path in a folder you can write to") from error
