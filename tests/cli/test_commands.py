"""Every command's normal path: exit status, the fields of its JSON, the files it writes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import accel_sim
from accel_sim.bundled import bundled_models
from accel_sim.cli import COMMANDS, main
from accel_sim.session import Model
from accel_sim.verification import EndToEnd, NodeCheck, Verification
from tests.cli.conftest import Files
from tests.cli.refusal import content
from tests.cli.tiny_models import images, save, segmentation

PARAMETER = {"space": "parameters", "tensor": "w1_codes", "index": [1, 0, 1, 1], "bit": 6}
ACTIVATION = {"space": "activations", "tensor": "r1_q", "index": [0, 1, 2, 3], "bit": [0, 7], "image": 1}


def answer(capfd: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> dict[str, Any]:
    """Run a command with --json; stdout holds one JSON object on one line, stderr nothing."""
    capfd.readouterr()
    assert main([*arguments, "--json"]) == status
    out, err = capfd.readouterr()
    assert err == ""
    assert out.endswith("\n")
    assert out.count("\n") == 1
    found: dict[str, Any] = json.loads(out)
    return found


def text(capfd: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    """Run a command for a reader; nothing goes to stderr, which is no terminal here."""
    capfd.readouterr()
    assert main(list(arguments)) == status
    out, err = capfd.readouterr()
    assert err == ""
    return out


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help(command: str, here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = text(capfd, command, "--help")
    assert out.startswith(f"Usage: accel-sim {command} ")
    for option in ("--json", "--help"):
        assert option in out
    assert text(capfd, command, "-h") == out


def test_help_of_the_program(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = text(capfd, "--help")
    for command, purpose in COMMANDS.items():
        assert f"{command} " in out
        assert purpose in out
    assert accel_sim.__version__ in text(capfd, "--version")


def test_help_loads_none_of_the_slow_packages() -> None:
    code = (
        "import sys, accel_sim.cli; accel_sim.cli.main(['campaign', '--help']);"
        "print(sorted({'numba', 'onnx', 'onnxruntime', 'matplotlib', 'scipy'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=_root()).stdout
    assert out.endswith("[]\n")


def _root() -> Path:
    return Path(__file__).resolve().parents[2]


def test_run(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    found = answer(capfd, "run", files.segmentation, "--inputs", files.inputs, "--outputs", "out.npz")
    assert found == {"model": "segmentation", "images": 1, "outputs": {"y": [1, 3, 6, 8]}, "host": []}
    expected = accel_sim.load(files.segmentation).run({"x": images(1)}).outputs
    with np.load("out.npz") as written:
        assert written.files == ["y"]
        assert written["y"].dtype == np.float32
        np.testing.assert_array_equal(written["y"], expected["y"])
    assert list(content(here)) == ["out.npz"]


def test_run_for_a_reader(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    out = text(capfd, "run", files.segmentation, "--inputs", files.inputs)
    assert out == "y  float32  [1, 3, 6, 8]\n1 image(s); --outputs keeps them\n"
    assert content(here) == {}


def test_run_says_what_the_host_does_and_why(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    model = segmentation()
    next(node for node in model.graph.node if node.op_type == "Relu").op_type = "Softplus"
    path = save(model, here / "model.onnx")
    found = answer(capfd, "run", path, "--inputs", files.inputs)
    assert [piece["name"] for piece in found["host"]] == ["c1:Conv"]
    reason = "r1:Relu: operator Softplus is not one that the array runs"
    assert reason in found["host"][0]["reason"]
    assert reason in text(capfd, "run", path, "--inputs", files.inputs)


def test_equal_runs_write_equal_bytes_and_replace_the_old_file(
    here: Path, files: Files, capfd: pytest.CaptureFixture[str]
) -> None:
    (here / "b.npz").write_bytes(b"old")
    for name in ("a.npz", "b.npz"):
        answer(capfd, "run", files.segmentation, "--inputs", files.inputs, "--outputs", name)
    assert (here / "a.npz").read_bytes() == (here / "b.npz").read_bytes()


@pytest.mark.parametrize("batch", [1, "batch"])
def test_several_images(batch: int | str, here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Along the batch axis and along an axis of their own: outputs are laid out as the inputs are."""
    model = save(segmentation(batch), here / "model.onnx")
    three = images(3)
    np.savez("batch.npz", x=three)
    np.savez("extra.npz", x=three[:, None])
    one_by_one = [accel_sim.load(model).run({"x": three[i : i + 1]}).outputs["y"] for i in range(3)]
    for layout, shape, join in (("batch", [3, 3, 6, 8], np.concatenate), ("extra", [3, 1, 3, 6, 8], np.stack)):
        found = answer(capfd, "run", model, "--inputs", f"{layout}.npz", "--outputs", "out.npz")
        assert found["images"] == 3
        assert found["outputs"] == {"y": shape}
        with np.load("out.npz") as written:
            np.testing.assert_array_equal(written["y"], join(one_by_one))


def test_arithmetic(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    outputs = {}
    for name in ("onnxruntime", "gemmlowp"):
        path = f"{name}.npz"
        answer(capfd, "run", files.segmentation, "--inputs", files.several, "--arithmetic", name, "--outputs", path)
        with np.load(path) as written:
            outputs[name] = written["y"]
    assert np.abs(outputs["onnxruntime"] - outputs["gemmlowp"]).max() < 2 * 0.03  # two steps of the output's scale


def test_verify(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    for model, inputs in ((files.segmentation, files.several), (files.classifier, files.classifier_inputs)):
        found = answer(capfd, "verify", model, "--inputs", inputs)
        assert found["ok"] is True
        assert found["end_to_end"] == {"compared": found["end_to_end"]["compared"], "mismatched": 0, "max_lsb": 0}
        assert found["end_to_end"]["compared"] > 0
        assert {node["where"] for node in found["nodes"]} == {"accelerator", "host"}
        integer = [node for node in found["nodes"] if node["reference"] == "integer"]
        assert {"Conv"} <= {node["op"] for node in integer}
        for node in found["nodes"]:
            assert {"name", "op", "where", "reference", "compared", "mismatched", "max_lsb"} <= node.keys()
            assert (node["compared"] > 0, node["mismatched"], node["max_lsb"]) == (True, 0, 0)


def test_verify_without_inputs_takes_random_ones(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    first = answer(capfd, "verify", files.segmentation)
    assert first["images"] == 1
    assert answer(capfd, "verify", files.segmentation) == first
    assert "ok: no node that onnxruntime computes in integers differs" in text(capfd, "verify", files.segmentation)


@pytest.mark.parametrize(("reference", "status"), [("integer", 1), ("float", 0)])
def test_verify_fails_when_an_integer_node_differs(
    reference: str,
    status: int,
    here: Path,
    files: Files,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A difference in a node that onnxruntime computes in floating point is reported, and no failure."""
    node = NodeCheck("c1:Conv", "Conv", "accelerator", reference, 192, 1, 1)
    made = Verification("segmentation", 1, (node,), EndToEnd(144, 1, 1))
    monkeypatch.setattr(Model, "verify", lambda self, inputs=None, level="engine": made)
    found = answer(capfd, "verify", files.segmentation, "--inputs", files.inputs, status=status)
    assert found["ok"] is (status == 0)
    assert found["nodes"][0]["mismatched"] == 1
    out = text(capfd, "verify", files.segmentation, "--inputs", files.inputs, status=status)
    assert "c1:Conv" in out


@pytest.mark.parametrize("fault", [PARAMETER, ACTIVATION], ids=["parameter", "activation"])
def test_inject(fault: dict[str, Any], here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    common = ["inject", files.segmentation, "--inputs", files.several, "--fault", json.dumps(fault)]
    found = answer(capfd, *common, "--outputs", "out.npz")
    assert found.keys() == {"outcome", "changed_fraction", "fault"}
    assert found["fault"] == fault
    expected = accel_sim.load(files.segmentation).inject({"x": images(3)}, fault)
    assert found == expected.to_json()
    with np.load("out.npz") as written:
        np.testing.assert_array_equal(written["y"], expected.outputs["y"])
    golden = accel_sim.load(files.segmentation).run({"x": images(3)}).outputs["y"]
    decided = np.mean(golden.argmax(1) != expected.outputs["y"].argmax(1))
    assert found["changed_fraction"] == pytest.approx(decided)
    assert found["outcome"] == ("critical" if decided else "tolerable")
    assert text(capfd, *common).startswith(f"{found['outcome']}: ")


def test_inject_takes_a_list_of_one_and_a_criterion(
    here: Path, files: Files, capfd: pytest.CaptureFixture[str]
) -> None:
    common = ["inject", files.segmentation, "--inputs", files.inputs, "--fault", json.dumps([PARAMETER])]
    by_pixel = answer(capfd, *common)
    by_element = answer(capfd, *common, "--criterion", "any")
    assert by_pixel["fault"] == by_element["fault"] == PARAMETER
    assert by_element["changed_fraction"] != by_pixel["changed_fraction"]


def test_models(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = answer(capfd, "models")
    assert found == {"models": bundled_models()}
    assert {"name", "sha256", "recipe"} <= found["models"][0].keys()
    out = text(capfd, "models")
    assert all(entry["name"] in out for entry in found["models"])


def test_a_reader_that_goes_away(here: Path) -> None:
    """``accel-sim models --json | head -c 1`` ends quietly."""
    code = "import accel_sim.cli; accel_sim.cli.entry()"
    child = subprocess.Popen(
        [sys.executable, "-c", code, "models", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=_root()
    )
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()
    assert child.stderr.read() == b""
    child.stderr.close()
    assert child.wait() == 141
