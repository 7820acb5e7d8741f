"""The page: every claim with its verdict, then the numbers behind it."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

from onnx_models.paper.report import claims_float, claims_int8, claims_models, figures_float, figures_int8, tables
from onnx_models.paper.report.answers import beyond, protection_answer
from onnx_models.paper.report.claims import NOT, PARTLY, REPRODUCED, UNTESTED, Claim
from onnx_models.paper.report.record import NAME, read_record
from onnx_models.paper.report.style import STYLE, save
from onnx_models.paper.report.trainings import seeds_of
from onnx_models.paper.report.verdicts import HALF_WIDTH, half_width, read_verdicts, write_verdicts
from onnx_models.paper.report.verdicts import NAME as VERDICTS
from onnx_models.paper.report.wording import fine_tuning, host_time, introduction, method, not_covered, retrained

Record = Mapping[str, Any]
FIGURES: Final = "figures/paper"
DATA: Final = "measurements/paper"


def write_page(out: Path) -> None:
    """Write figures and page from the data in a folder.

    Parameters
    ----------
    out
        Folder with ``measurements/paper``; gets ``reproduction.md`` and ``figures/paper``.
    """
    record = read_record(out / DATA)
    with (out / DATA / "float_cells.csv").open(encoding="utf-8", newline="") as stream:
        cells = list(csv.DictReader(stream))
    with mpl.rc_context(STYLE):
        for name, figure in (*figures_float.figures(record, cells), *figures_int8.figures(record)):
            save(figure, out / FIGURES / name)
    write_verdicts(out / DATA / VERDICTS, all_claims(record))
    text = render(record, read_verdicts(out / DATA / HALF_WIDTH))
    (out / "reproduction.md").write_text(text, encoding="utf-8")


def all_claims(record: Record) -> list[Claim]:
    """Return the verdicts in the order of the paper."""
    return [*claims_models.claims(record), *claims_float.claims(record), *claims_int8.claims(record)]


def render(record: Record, other: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """Return the page's Markdown, a function of the data alone.

    Parameters
    ----------
    record
        All results.
    other
        Verdicts of a run at half the width, if there is one.
    """
    found = all_claims(record)
    counts = {v: sum(c.verdict == v for c in found) for v in (REPRODUCED, PARTLY, NOT, UNTESTED)}
    parts = [
        "# The paper, reproduced",
        f"<!-- written by {record['command']}; do not edit -->",
        introduction(record),
        f"Of {len(found)} claims, **{counts[REPRODUCED]} are reproduced, {counts[PARTLY]} partly, {counts[NOT]} "
        f"are not, and {counts[UNTESTED]} could not be tested.** A verdict is computed from the data: *reproduced* "
        "when every comparison that the claim asks for holds, *not reproduced* when none does, *partly* otherwise; a "
        "comparison whose limits leave it open does not hold. *Not tested*: there was nothing to compare.",
        "## Claims", tables.claims(found),
        *half_width(found, other or {}),
        "## Networks", "Tables I and III of the paper: intersection over union in percent.", tables.accuracy(record),
        "Table II:", tables.sizes(record),
        *([retrained(), tables.controls(record)] if record.get("retraining") else []),
        *(["The originals, from every seed; error rates with 95 % limits (other seeds: a quarter of the faults):",
           tables.other_trainings(record)] if len(seeds_of(record)) > 1 else []),
        *([fine_tuning(record), tables.recovery(record)] if record.get("recovery") else []),
        _figure("fig1_pruning", "Share of channels removed from every layer (the paper's Fig. 1)"),
        "## Float networks",
        "Error rate: mean share of pixels whose class changes or is NaN, with 95 % limits. Every tensor of parameters "
        "and every bit position of it counts alike, as in a mean over the bars of the paper's figures. *Per upset of "
        "a stored bit* is another sample, drawn from all bits of all tensors alike, which is what radiation does.",
        tables.float_rates(record),
        _figure("fig2_bits", "ReLU, original: error rate by flipped bit, mean over layers (Fig. 2)"),
        _figure("fig2_layers", "ReLU, original: error rate of every layer and bit (Fig. 2); white: no batch "
                "normalisation there; limits in float_cells.csv"),
        _figure("fig3_original", "Mean error rates of the originals (Fig. 3)"),
        _figure("fig4_original_near_one",
                "Originals: error rate of bit 30 by tensor, layers from input to output (Fig. 4); grey: centre of the "
                "U"),
        _figure("fig5_pruned", "Mean error rates of the pruned networks (Fig. 5)"),
        _figure("fig6_pruned_near_one", "Pruned networks: as Fig. 4 (Fig. 6)"),
        "Share of values with 1 <= |x| < 2 in percent, which flipping bit 30 turns into NaN or infinity, and the error "
        "rate of bit 30; means over the tensors of a kind:", tables.near_one(record),
        "By bit, and by place in the U (outer: first level and head; centre: base and deepest levels):",
        tables.bit_rates(record),
        "## Int8 networks", tables.int8_rates(record),
        _figure("fig7_int8_bits", "ReLU, pruned, int8: error rate by flipped bit (Fig. 7)"),
        _figure("fig8_int8", "Mean error rates of the pruned int8 networks (Fig. 8)"),
        "## Deployment", host_time(record), tables.deployment(record),
        _figure("table4_throughput", "Frame rates, estimated and measured (Table IV)"),
        "## Beyond the paper: what an upset does times how often it comes", beyond(record), tables.exposure(record),
        tables.buffers(record),
        _figure("exposure", "Share of upsets with a wrong pixel, and its product with exposed bits, in a memory and in "
                "the accelerator's buffers"),
        "## Beyond the paper: protection", protection_answer(record), tables.protection(record), tables.secded(record),
        _figure("protection", "Error rates of float networks with and without protection, same faults"),
        "## How it was computed", method(record),
        "## What it does not cover", not_covered(record),
        "## Once more", _again(record),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _figure(name: str, caption: str) -> str:
    return f"![{caption}]({FIGURES}/{name}.svg)\n\n*{caption}.*"


def _again(record: Record) -> str:
    versions = ", ".join(f"{name} {value}" for name, value in record["versions"].items())
    return (
        f"```bash\n{record['command']}\n```\n\ngoes on where it was stopped; `--quick` tries everything with smaller "
        "networks and samples, `--dataset PATH` takes the HSI-Drive v2.0 data in place of synthetic scenes. It needs "
        "the `[train]` extra for networks that are not in `--folder`. Data: [everything on this "
        f"page]({DATA}/{NAME}.json), [float cells]({DATA}/float_cells.csv) and [int8 cells]({DATA}/int8_cells.csv), a "
        f"line per tensor and bit with counts, limits, seed and the model's SHA-256. Made with {versions}."
    )
