import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from accel_sim.campaign import Store, summarise
from accel_sim.campaign.attachments import EXAMPLE, MODEL
from accel_sim.errors import InputError, ResultsError, UsageError
from accel_sim.report import write_report
from accel_sim.report.wording import limits, percent

from .made_results import BIAS, HOSTILE, STRATA, WEIGHT, made_results, made_task

VOID = {"meta", "img", "br"}


class Outline(HTMLParser):
    """Checks that elements nest, and collects what a test asks about."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.seen if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_results(tmp_path_factory.mktemp("results") / "r.sqlite")


@pytest.fixture(scope="module")
def text(results: Path) -> str:
    return write_report([results], results.with_suffix(".html")).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def outline(text: str) -> Outline:
    return Outline(text)


def test_headline_numbers_are_those_of_the_summary(results: Path, outline: Outline) -> None:
    with Store.read(results) as store:
        summary = summarise(store)
    for name in ("critical_rate", "changed_fraction"):
        assert percent(summary[name]["best"]).replace("\xa0", " ") in outline.text
        assert limits(summary[name]).replace("\xa0", " ") in outline.text
    assert f"masked {summary['outcomes']['masked']}" in outline.text
    assert f"critical {summary['outcomes']['critical']}" in outline.text


@pytest.mark.parametrize(
    "fact",
    ["a" * 60, "b" * 64, "seed 5", "uniform", "segmentation of output logits", "2 images", "95 %", "1:onnxruntime",
     "accel_sim results-1", "3 steps, 2 of them on the host", "r.sqlite", "960"],
)  # fmt: skip
def test_what_was_run_is_said(outline: Outline, fact: str) -> None:
    text = outline.text.replace("\xa0", " ")
    assert fact in text or fact in text.replace(f"net {HOSTILE}".encode().hex()[:64], "a" * 64)


def test_strong_id_is_on_the_page(results: Path, outline: Outline) -> None:
    with Store.read(results) as store:
        assert store.strong_id in outline.text


def test_names_from_the_model_are_text_and_never_markup(text: str, outline: Outline) -> None:
    assert len(outline.all("script")) == 1
    assert "<script>alert" not in text
    assert f"net {HOSTILE}" in outline.text
    assert any(attrs.get("title") == f"n1{HOSTILE}" for attrs in outline.all("th"))


def test_every_drawn_cell_has_its_interval_as_a_tooltip_and_others_say_so(results: Path, outline: Outline) -> None:
    with Store.read(results) as store:
        strata = summarise(store)["strata"]
    drawn = [s for s in strata if s["faults"]]
    cells = [a for a in outline.all("td") if a.get("title")]
    assert 0 < len(drawn) < len(STRATA)
    with_interval = [a for a in cells if re.search(r"bit \d+: .* %.* \(.* to .* %\), n = \d+ of 40", a["title"] or "")]
    without = [a for a in cells if "none of 40 drawn" in (a["title"] or "")]
    assert len(with_interval) == 2 * len(drawn)
    assert len(without) == 2 * (len(strata) - len(drawn))
    assert all("no" in (a["class"] or "").split() for a in without)


def test_one_row_per_layer_with_its_parameters_side_by_side(outline: Outline) -> None:
    assert outline.text.count("weight, 8 bits") >= 2
    assert outline.text.count("bias, 16 bits") >= 2
    assert len([a for a in outline.all("table") if a.get("class") == "heat"]) == 2


def test_the_page_fetches_nothing_and_forbids_it(text: str, outline: Outline) -> None:
    (policy,) = [a["content"] for a in outline.all("meta") if a.get("http-equiv")]
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "script-src 'sha256-" in policy
    sources = [v for _, attrs in outline.seen for k, v in attrs.items() if k in ("src", "href", "xlink:href")]
    assert sources
    assert all(v is not None and v.startswith(("data:image/png;base64,", "#")) for v in sources)
    assert "@import" not in text
    assert "url(http" not in text


def test_figures_can_be_read_aloud(outline: Outline) -> None:
    assert len(outline.all("img")) == 4
    assert all(a.get("alt") for a in outline.all("img"))
    ids = [a["id"] for _, a in outline.seen if "id" in a]
    assert [i for i, n in Counter(ids).items() if n > 1] == []
    for svg in outline.all("svg"):
        assert svg["role"] == "img"
        assert svg["aria-labelledby"] in ids
    assert all(a["aria-label"] for a in outline.all("div") if a.get("role") == "img")


def test_the_fault_is_named_and_can_be_replayed(outline: Outline) -> None:
    assert "bit 6 of element [4, 7] of" in outline.text
    assert "Changed pixels: 3 of 24" in outline.text
    assert "mean over 2 images; image 1 is shown" in outline.text
    assert '"bit":6' in outline.text


def test_classes_without_a_name_are_numbered(outline: Outline) -> None:
    assert f"Road{HOSTILE}" in outline.text
    assert "class 2" in outline.text


def test_limits_are_stated(outline: Outline) -> None:
    for words in (
        "Not covered:",
        "activation buffers",
        "configuration memory",
        "not per hour",
        "hatched",
        "other seeds",
    ):
        assert words in outline.text


def test_all_strata_are_listed(outline: Outline) -> None:
    assert f"{len(STRATA)} strata" in outline.text
    assert outline.text.count(BIAS) >= 17


def test_the_same_file_gives_the_same_bytes(results: Path, text: str, tmp_path: Path) -> None:
    again = write_report([str(results)], str(tmp_path / "other.html"))
    assert again.read_text(encoding="utf-8") == text


def test_a_users_plot_settings_change_nothing(results: Path, text: str, tmp_path: Path) -> None:
    import matplotlib

    with matplotlib.rc_context({"font.size": 30, "axes.grid": True, "svg.fonttype": "path"}):
        assert write_report([results], tmp_path / "r.html").read_text(encoding="utf-8") == text
        assert matplotlib.rcParams["font.size"] == 30


@pytest.mark.parametrize("criterion", ["classification", "any"])
def test_other_criteria(tmp_path: Path, criterion: str) -> None:
    path = made_results(tmp_path / "r.sqlite", space="activations", criterion=criterion)
    text = Outline(write_report([path], tmp_path / "r.html").read_text(encoding="utf-8")).text
    if criterion == "classification":
        assert "class 7 9.5 nan" in text
    else:
        assert "17 output elements differ; element [0, 3] of output logits moves furthest, from 1.5 to -20.25" in text
    assert "Not covered: weights and biases" in text


def test_several_files_are_compared(tmp_path: Path) -> None:
    one = made_results(tmp_path / "one.sqlite", "relu")
    two = made_results(tmp_path / "two.sqlite", "sigmoid", faults=40)
    outline = Outline(write_report([one, two], tmp_path / "r.html").read_text(encoding="utf-8"))
    assert "Side by side" in outline.text
    assert "Mean changed fraction of every set, with intervals, one series per file." in outline.text
    assert [a["href"] for a in outline.all("a")] == ["#c1", "#c2"]
    assert "Compare with care" not in outline.text
    ids = [a["id"] for _, a in outline.seen if "id" in a]
    assert len(ids) == len(set(ids))


def test_files_that_differ_in_more_than_the_model_carry_a_warning(tmp_path: Path) -> None:
    one = made_results(tmp_path / "one.sqlite", "net")
    two = made_results(tmp_path / "two.sqlite", "net", space="activations", criterion="any")
    text = Outline(write_report([one, two], tmp_path / "r.html").read_text(encoding="utf-8")).text
    assert "the campaigns differ in fault space, decision criterion" in text
    assert "one.sqlite" in text
    assert "Fault injection: one, two" in text


def test_a_file_without_attachments_is_still_reported(tmp_path: Path) -> None:
    path = made_results(tmp_path / "r.sqlite", attach=False)
    text = Outline(write_report([path], tmp_path / "r.html").read_text(encoding="utf-8")).text
    assert "holds no example; repeat the campaign command" in text
    assert WEIGHT in text


@pytest.mark.parametrize(("name", "data"), [(MODEL, b"{}"), (MODEL, b"\xff"), (EXAMPLE, b"PK"), (MODEL, b"[1]")])
def test_damaged_attachments_are_one_sentence(tmp_path: Path, name: str, data: bytes) -> None:
    path = made_results(tmp_path / "r.sqlite")
    from accel_sim.campaign import make_plan

    with Store.open(
        path,
        made_task(f"net {HOSTILE}".encode().hex().ljust(64, "0")[:64]),
        make_plan(STRATA, "uniform", 5, faults=60),
    ) as store:
        store.attach(name, data)
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(ResultsError, match=r"is damaged .*repeat the campaign command"):
        write_report([path], tmp_path / "r.html")
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_an_incomplete_campaign_is_refused_and_the_old_page_kept(tmp_path: Path) -> None:
    path = made_results(tmp_path / "r.sqlite", missing=5)
    page = tmp_path / "r.html"
    page.write_text("old")
    with pytest.raises(ResultsError, match="holds 55 of the 60 faults"):
        write_report([path], page)
    assert page.read_text() == "old"


def test_outputs_that_cannot_be(results: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder; give the name of the HTML file"):
        write_report([results], tmp_path)
    with pytest.raises(InputError, match="cannot be written: No such file or directory"):
        write_report([results], tmp_path / "absent" / "r.html")
    with pytest.raises(InputError, match="is one of the results files"):
        write_report([results], results)
    with pytest.raises(UsageError, match="one results file or more"):
        write_report([], tmp_path / "r.html")
    with pytest.raises(ResultsError, match="does not exist"):
        write_report([tmp_path / "none.sqlite"], tmp_path / "r.html")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_replacement_leaves_nothing_behind(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("accel_sim.report.page.os.replace", full)
    with pytest.raises(InputError, match="No space left on device"):
        write_report([results], tmp_path / "r.html")
    assert list(tmp_path.iterdir()) == []


def test_plots_are_imported_only_when_drawn() -> None:
    code = (
        "import sys, accel_sim.report.tables, accel_sim.report.page; "
        "sys.exit(any(m in sys.modules for m in ('matplotlib', 'onnxruntime')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
