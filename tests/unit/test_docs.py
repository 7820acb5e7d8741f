import importlib.util
import json
import re
import tomllib

import pytest

import accel_sim
from accel_sim.faults.hardware import fault_from_json
from tests.cli.tiny_models import images, save, segmentation
from tests.unit.snippets import ROOT, blocks, check_command, commands, printed_by, python_with_output

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
GUIDE = DOCS / "getting_started.md"
FORMATS = (DOCS / "file_formats.md").read_text(encoding="utf-8")


def _anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).strip().replace(" ", "-")


def _anchors(page):
    return {_anchor(h) for h in re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        if anchor:
            assert anchor in _anchors(found), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_local_path_is_left(page):
    assert not re.search(r"(?<![\w.])/(home|root|work|tmp|Users)/", page.read_text(encoding="utf-8"))


def test_the_page_of_commands_is_fresh():
    specification = importlib.util.spec_from_file_location("generate_cli", DOCS / "generate_cli.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == module.render(), "run: python docs/generate_cli.py"


def test_the_layers_shown_are_the_layers_checked():
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    shown = page.split("<!-- layers:")[1].split("```text\n")[1].split("\n```")[0]
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = (c["layers"] for c in contracts if c["type"] == "layers")
    assert shown.splitlines() == layers


def test_every_decision_is_listed():
    records = {p.name for p in (DOCS / "adr").glob("0*.md")}
    listed = re.findall(r"\((0[\w-]+\.md)\)", (DOCS / "adr" / "README.md").read_text(encoding="utf-8"))
    assert set(listed) == records
    assert len(listed) == len(records)


def test_the_faults_shown_are_faults():
    ((_, text),) = (b for b in blocks(DOCS / "fault_model.md") if b[0] == "json")
    spaces = [fault_from_json(json.loads(line)).space for line in text.splitlines()]
    assert spaces == ["parameters", "activations", "memory", "registers"]


def _listed(section):
    """Names in backquotes in the first column of the tables of a section."""
    part = FORMATS.split(f"\n{section}\n")[1]
    part = re.split(r"^#+ ", part, maxsplit=1, flags=re.MULTILINE)[0]
    cells = [line.split("|")[1] for line in part.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs")
    model = accel_sim.load(save(segmentation(), folder / "tiny.onnx"))
    inputs = {"x": images(2)}
    return model, inputs, model.campaign(inputs, results=folder / "r.sqlite", faults=20)


def test_the_fields_of_a_campaign_are_listed(tiny):
    summary = tiny[2]
    assert set(summary) == _listed("### `campaign`")
    assert set(summary["critical_rate"]) == _listed("### An estimate")


def test_the_identity_is_listed(tiny):
    from accel_sim.campaign import Task

    task = Task("", "", {}, "", "uniform", 0, "", {})
    assert set(task.identity()) == _listed("### Identity")


def test_the_fields_of_a_verification_are_listed(tiny):
    model, inputs, _ = tiny
    found = model.verify(inputs).to_json()
    assert set(found) | set(found["nodes"][0]) == _listed("### `verify`")


def test_the_fields_of_the_manifest_are_listed():
    from onnx_models import bundled

    for entry in bundled():
        assert set(entry) == _listed("## Bundled models: `onnx_models/bundled/manifest.json`")


@pytest.mark.slow
def test_the_guide_prints_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pairs = python_with_output(GUIDE)
    assert len(pairs) == 1
    for code, expected in pairs:
        assert printed_by(code) == expected


@pytest.mark.parametrize("words", commands(GUIDE), ids=" ".join)
def test_commands_of_the_guide_exist(words):
    check_command(words)
