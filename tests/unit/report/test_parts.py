"""The small parts of a report: words, labels, colours, pictures, plots and terminal tables."""

import io
import re

import matplotlib.image
import numpy as np
import pytest
from rich.console import Console

from accel_sim.bundled import bundled_models
from accel_sim.report.colour_classes import BINS, colour_class
from accel_sim.report.plots import Dot, Panel, Series, dot_plot, legend
from accel_sim.report.png import CHANGED_COLOUR, class_colours, mark_changes, png
from accel_sim.report.tables import campaign_table, models_table, verify_table
from accel_sim.report.wording import cell, count, escape, number, printable, short, with_limits
from accel_sim.verification import EndToEnd, NodeCheck, Verification


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0"), (1.0, "100"), (1e-7, "<0.001"), (0.00012, "0.012"), (0.00123, "0.12"), (0.0312, "3.12"),
     (0.09999, "10.0"), (0.5, "50.0"), (0.9996, ">99.9"), (0.9994, "99.9")],
)  # fmt: skip
def test_percentages_never_round_to_nothing_or_to_everything(share: float, text: str) -> None:
    assert number(share) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0"), (0.00005, "·"), (0.0001, ".01"), (0.0099, ".99"), (0.00996, "1.0"), (0.0312, "3.1"), (0.0994, "9.9"),
     (0.0996, "10"), (0.9996, "99"), (1.0, "100")],
)  # fmt: skip
def test_cells_hold_three_characters(share: float, text: str) -> None:
    assert cell(share) == text


def test_an_estimate_without_a_draw_says_so() -> None:
    assert with_limits({"best": None, "low": 0.0, "high": 1.0}).startswith("no draw (0 to 100")


def test_names() -> None:
    assert short("enc1.conv1.weight") == "enc1.conv1.weight"
    assert short("a/very/long/path/to/conv2d_4/Conv2D;a/b;c") == "path/to/conv2d_4/Conv2D"
    assert len(short("x" * 100)) == 24
    assert short("") == ""
    assert printable("a\nb\x00\u202ec") == "a\ufffdb\ufffd\ufffdc"
    assert escape('<a b="c">\'') == "&lt;a b=&quot;c&quot;&gt;&#x27;"
    assert count(1234567).replace("\xa0", " ") == "1 234 567"


def test_colour_classes_are_in_order_and_complete() -> None:
    assert [colour_class(end) for end in BINS] == list(range(len(BINS)))
    assert colour_class(1e-12) == 1
    assert colour_class(0.500001) == 7


@pytest.mark.parametrize("shape", [(3, 5), (7, 4, 3)])
def test_png_is_read_back_by_another_program(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    read = matplotlib.image.imread(io.BytesIO(png(pixels)), format="png")
    assert np.array_equal(np.rint(read * 255).astype(np.uint8), pixels)


def test_changed_pixels_are_marked_and_no_others() -> None:
    golden = np.array([[0, 1], [2, 30]])
    faulty = np.array([[0, 2], [2, 0]])
    colours = class_colours(31)
    assert len({tuple(c) for c in colours.tolist()}) == 27
    marked = (mark_changes(golden, faulty, colours) == np.array(CHANGED_COLOUR)).all(axis=2)
    assert marked.tolist() == [[False, True], [False, True]]


def plot(label: str = "row", series: str = "one") -> str:
    dots = tuple(Dot(i, 0.01 * i, 0.02 * i, 0.05 * i, f"{label} {i}: 2 %") for i in range(4))
    names = [f"{label} {i}" for i in range(4)]
    return dot_plot("key", "spoken <title>", names, [Panel(label, (Series(series, dots),))], "axis")


def test_plots_take_names_as_text_and_are_reproducible() -> None:
    hostile = '</text><script>x</script> $\\frac$ 漢 id="y" #010203'
    text = plot(hostile)
    assert "<script" not in text
    assert text.count(escape(f"{hostile} 3")) == 2  # the row's label and the dot's tooltip
    assert text == plot(hostile)
    assert text.startswith('<svg role="img" aria-labelledby="key-title"')
    assert "spoken &lt;title&gt;" in text


def test_plots_use_the_colours_of_the_page() -> None:
    text = plot()
    assert "var(--series-1)" in text
    assert "var(--ink)" in text
    assert not re.search(r"#0[0-9a]0[0-9]0[0-9]", text)
    assert "font-family" not in text


def test_a_plot_of_zeros_has_an_axis() -> None:
    dots = (Dot(0, 0.0, 0.0, 0.0, "none"),)
    assert "var(--series-1)" in dot_plot("k", "t", ["a"], [Panel("p", (Series("s", dots),))], "axis")
    assert "<svg" in dot_plot("k", "t", [], [Panel("p", ())], "axis")


def test_the_legend_tells_series_apart_without_colour() -> None:
    text = legend(["a", "b<"])
    assert "●" in text
    assert "◆" in text
    assert "b&lt;" in text


def estimate(best: float | None) -> dict[str, float | None]:
    return {"best": best, "low": 0.0 if best is None else best / 2, "high": 1.0 if best is None else best * 1.5}


def summary() -> dict[str, object]:
    def entry(best: float | None) -> dict[str, object]:
        faults = 0 if best is None else 5
        outcomes = {"masked": faults, "tolerable": 0, "critical": 0, "due": 0}
        rates = {"critical_rate": estimate(best), "changed_fraction": estimate(best)}
        return {"population": 50, "faults": faults, "outcomes": outcomes, **rates}

    bits = [None if bit == 3 else 0.0 if bit == 0 else 0.06 * bit for bit in range(8)]
    return {
        "model": "net", "confidence": 0.95, **entry(0.2),
        "sets": [{"name": "conv[bold]", **entry(0.25)}, {"name": "empty", **entry(None)}],
        "strata": [{"name": "conv[bold]", "bit": bit, **entry(best)} for bit, best in enumerate(bits)]
        + [{"name": "empty", "bit": 0, **entry(None)}],
    }  # fmt: skip


def shown(table: object, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_campaign_table_has_intervals_and_every_bit() -> None:
    text = shown(campaign_table(summary()))
    assert "net: 5 of 50 faults: masked 5" in text
    assert re.search(r"conv\[bold\] +5 +25\.0 \(12\.5–37\.5\) +25\.0 \(12\.5–37\.5\) +7: 42\.0", text)
    assert re.search(r"conv\[bold\] +0 5 5 - 6 6 6 6", text)
    assert re.search(r"empty +0 +\? \(0–100\)", text)
    assert "4 up to 5 %" in text


def test_tables_fit_a_narrow_terminal() -> None:
    wide = summary()
    wide["strata"] = [{**s, "bit": bit} for s in wide["strata"][:1] for bit in range(32)]  # type: ignore[index]
    assert max(len(line.rstrip()) for line in shown(campaign_table(wide), 80).splitlines()) <= 80


@pytest.mark.parametrize("reference", ["integer", "float"])
def test_verify_table_names_the_node_that_differs(reference: str) -> None:
    nodes = (
        NodeCheck("conv/[red]1", "Conv", "accelerator", reference, 100, 2, 1),
        NodeCheck("soft", "Softmax", "host", "float", 10, 0, 0, "Softmax is not on the array"),
    )
    text = shown(verify_table(Verification("net", 1, nodes, EndToEnd(10, 1, 1), ("fused",))))
    assert re.search(rf"conv/\[red\]1 +Conv +accelerator +{reference} +100 +2 +1", text)
    assert re.search(r"whole run +10 +1 +1", text)
    assert "on the host: soft (Softmax is not on the array)" in text
    assert "fused away by onnxruntime" in text
    assert ("FAILED" in text) == (reference == "integer")


def test_models_table_lists_every_bundled_model() -> None:
    text = shown(models_table(bundled_models()), 120)
    assert bundled_models()
    for entry in bundled_models():
        assert re.search(rf"{entry['name']} .*{entry['sha256'][:16]}", text)
        assert entry["recipe"]["command"].split()[-1] in text
    assert "synthetic" in text
