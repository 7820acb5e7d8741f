"""``accel-sim estimate``: the program's cycles, memories and failures; topologies of float models; refusals."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import accel_sim
from accel_sim.config import memory_map, register_map
from accel_sim.devices import rate_table
from accel_sim.estimate import estimate_network
from accel_sim.machine.occupancy import occupancy
from tests.cli.conftest import Files
from tests.cli.refusal import refused
from tests.cli.test_commands import answer, text
from tests.cli.tiny_models import images, save, segmentation

FIELDS = {"cycle_model", "cycles", "latency_s", "fps", "fps_with_host", "energy_j", "gop", "layers", "memories", "fit"}
LAYER = {
    "name", "op", "where", "workload", "cycles", "efficiency", "load_bytes", "weight_bytes", "save_bytes", "bound_by",
    "host_s", "reason",
}  # fmt: skip
MEMORY = {"banks", "rows", "row_bits", "kind", "live_fraction"}
URAM = 'base = "tiny"\nname = "placed"\n[uram_banks]\nimg = 1\nwgt = 4\n'


def float_model(folder: Path, **attributes: Any) -> str:
    """A convolution, a ReLU, a softmax; nothing quantised."""
    weights = numpy_helper.from_array(np.ones((8, 3, 3, 3), np.float32), "w")
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv", pads=[1, 1, 1, 1], **attributes),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("Softmax", ["r"], ["y"], name="soft", axis=1),
    ]
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, c, 16, 16]) for n, c in (("x", 3), ("y", 8))]
    graph = helper.make_graph(nodes, "float", values[:1], values[1:], [weights])
    return save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), folder / "float.onnx")


@pytest.mark.parametrize("arch", ["tiny", "b512", "b4096"])
def test_a_quantised_model_is_compiled(arch: str, here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    found = answer(capfd, "estimate", files.segmentation, "--arch", arch)
    assert found.keys() >= FIELDS
    run = answer(capfd, "run", files.segmentation, "--inputs", files.inputs, "--level", "machine", "--arch", arch)
    assert (found["cycle_model"], found["cycles"]) == ("program", run["cycles"])
    assert found["fps"] * found["latency_s"] == pytest.approx(1)
    assert found["latency_s"] == found["cycles"] / (found["clock_mhz"] * 1e6)
    assert sum(layer["cycles"] for layer in found["layers"]) == found["cycles"]
    assert all(layer.keys() == LAYER for layer in found["layers"])
    assert found["gop"] == pytest.approx(2 * 6 * 8 * (4 * 2 * 9 + 3 * 4) / 1e9)
    assert found["energy_j"] == pytest.approx(sum(v for k, v in found["energy"].items() if k.endswith("_j")) / 2)
    assert found["performance_model"]["cycle_model"] == "calibrated"
    assert found["performance_model"]["cycles"] > 0


def test_memories(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    found = answer(capfd, "estimate", files.segmentation, "--arch", "tiny")["memories"]
    model = accel_sim.load(files.segmentation, arch="tiny")
    program = model.compile()
    occupied = occupancy(program)
    assert list(found) == [*memory_map(model.config), "ddr", "ins", *register_map(model.config)]
    for name, entry in found.items():
        assert entry.keys() >= MEMORY
        assert 0 <= entry["live_fraction"] <= 1
        assert entry["live_fraction"] == pytest.approx(sum(entry["layers"].values()))
        if name in occupied.memories:
            assert entry["live_fraction"] == pytest.approx(occupied.live_fraction(name), rel=1e-12)
            spec = program.memories[name]
            assert (entry["banks"], entry["rows"], entry["row_bits"]) == (spec.banks, spec.rows, 8 * spec.row_bytes)
    assert {entry["kind"] for name, entry in found.items() if name in register_map(model.config)} == {"register"}
    assert found["wgt"]["live_fraction"] > 0
    assert found["pe_acc"]["live_fraction"] > found["pe_rqa"]["live_fraction"] > 0
    assert found["tab"]["live_fraction"] == 0


def test_layers_say_where_bytes_and_work_go(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    layers = {x["name"]: x for x in answer(capfd, "estimate", files.segmentation, "--arch", "tiny")["layers"]}
    first = layers["c1:Conv"]
    assert first["workload"] == 2 * 4 * 6 * 8 * 2 * 9
    assert first["load_bytes"] >= 2 * 6 * 8  # lines that two tiles need are loaded twice
    assert 0 < first["efficiency"] <= 1
    assert layers["x_q:QuantizeLinear"]["bound_by"] == layers["x_q:QuantizeLinear"]["where"] == "host"
    program = accel_sim.load(files.segmentation, arch="tiny").compile()
    weights = [s for s in program.symbols if s.role == "weight" and s.layer == program.layers.index("c1:Conv")]
    assert first["weight_bytes"] >= sum(np.count_nonzero(s.elements >= 0) for s in weights) > 0
    moved = sum(program.transfer_bytes(n) for n in range(len(program.instructions)))
    assert moved == sum(x[k] for x in layers.values() for k in ("load_bytes", "weight_bytes", "save_bytes"))


def test_failures_without_a_campaign_are_upsets_of_live_bits(
    here: Path, files: Files, capfd: pytest.CaptureFixture[str]
) -> None:
    found = answer(capfd, "estimate", files.segmentation, "--arch", "tiny")
    rate = rate_table("ultrascale_plus").require("bram").fit_per_bit
    memories = [m for m in found["memories"].values() if m["kind"] == "bram"]
    assert found["fit"]["best"] == pytest.approx(rate * sum(m["bits"] * m["live_fraction"] for m in memories))
    assert found["fit"]["low"] < found["fit"]["best"] < found["fit"]["high"]
    assert found["raw_fit"] == pytest.approx(rate * sum(m["bits"] for m in memories))
    assert found["mtbf_hours"] is None
    assert "upper bound" in found["fit_is"]
    known = {name for name, m in found["memories"].items() if m["kind"] == "bram"}
    assert set(found["unknown"]) == set(found["memories"]) - known
    assert all(found["raw"][name]["fit"] is None for name in found["unknown"])
    assert found["rates"]["bram"]["verified"] is False
    assert any("the rate of bram is unverified" in note for note in found["notes"])


def test_the_place_scales_failures(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    fits = [answer(capfd, "estimate", files.segmentation, "--environment", flux)["fit"] for flux in ("13", "1300")]
    assert fits[1]["best"] == pytest.approx(100 * fits[0]["best"])


def test_rates_of_the_user_and_placement(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "placed.toml").write_text(URAM)
    (here / "rates.toml").write_text("[uram]\nfit_per_mbit = 10.0\nsource = 'mine'\nverified = true\n")
    common = ["estimate", files.segmentation, "--arch", "placed.toml"]
    without = answer(capfd, *common)
    assert without["memories"]["img"]["kind"] == "uram+bram"
    assert without["memories"]["wgt"]["kind"] == "uram"
    assert {"img (uram)", "wgt"} <= set(without["unknown"])
    assert "img (bram)" not in without["unknown"]
    found = answer(capfd, *common, "--rates", "rates.toml")
    assert not {"img (uram)", "wgt"} & set(found["unknown"])
    assert found["fit"]["best"] > without["fit"]["best"]
    bits = found["raw"]["img (uram)"]["bits"] + found["raw"]["img (bram)"]["bits"]
    assert bits == found["memories"]["img"]["bits"]
    assert found["raw"]["wgt"] == {
        "kind": "uram", "bits": 4 * 512 * 32, "fit": pytest.approx(10 * 4 * 512 * 32 / 2**20), "verified": True,
    }  # fmt: skip


def test_ecc(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "safe.toml").write_text('base = "tiny"\necc = ["img", "wgt", "dwt", "bias"]\n')
    plain = answer(capfd, "estimate", files.segmentation, "--arch", "tiny")
    safe = answer(capfd, "estimate", files.segmentation, "--arch", "safe.toml")
    assert 0 < safe["fit"]["best"] < 1e-9 * plain["fit"]["best"]
    assert safe["raw_fit"] == pytest.approx(plain["raw_fit"] * 72 / 64)
    (here / "ddr.toml").write_text('base = "tiny"\necc = ["ddr"]\n')
    common = ["estimate", files.segmentation, "--arch", "ddr.toml"]
    refused(capfd, here, common, "configuration 'ddr' protects ddr by ECC: give --scrub-hours")
    refused(capfd, here, [*common, "--scrub-hours", "0"], "scrub interval is 0.0 h; it must be positive")
    assert answer(capfd, *common, "--scrub-hours", "24")["fit"] == plain["fit"]


def _campaign(files: Files, space: str, **options: Any) -> dict[str, Any]:
    model = accel_sim.load(files.segmentation)
    return model.campaign({"x": images(1)}, space=space, results=f"{space}.sqlite", faults=60, **options)


def test_campaigns_derate_what_they_sampled(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    upper = answer(capfd, "estimate", files.segmentation, "--arch", "tiny")
    rate = _campaign(files, "parameters")["critical_rate"]
    common = ["estimate", files.segmentation, "--arch", "tiny", "--results", "parameters.sqlite"]
    found = answer(capfd, *common)
    stored = [upper["fit_by_memory"][name]["best"] for name in ("wgt", "dwt", "bias")]
    assert 0 < rate["best"] < 1
    assert found["fit"]["best"] == pytest.approx(rate["best"] * sum(stored))
    assert found["fit"]["low"] < found["fit"]["best"] < found["fit"]["high"] < sum(stored) * 3
    assert found["fit"]["n"] == 60
    assert found["mtbf_hours"]["best"] == pytest.approx(1e9 / found["fit"]["best"])
    assert found["mtbf_hours"]["low"] == pytest.approx(1e9 / found["fit"]["high"])
    (campaign,) = found["campaigns"]
    assert (campaign["space"], campaign["faults"], campaign["critical_rate"]) == ({"name": "parameters"}, 60, rate)
    assert found["not_sampled"]["img"]["best"] == pytest.approx(upper["fit_by_memory"]["img"]["best"])
    assert any("no campaign given sampled img" in note for note in found["notes"])
    assert any("60 faults on the space parameters" in note for note in found["notes"])
    other = _campaign(files, "activations")["critical_rate"]
    both = answer(capfd, *common, "--results", "activations.sqlite")
    image = other["best"] * upper["fit_by_memory"]["img"]["best"]
    assert both["fit"]["best"] == pytest.approx(found["fit"]["best"] + image)
    assert "img" not in both["not_sampled"]
    out = text(capfd, *common)
    assert "mean time between failures" in out
    assert "space parameters, 60 faults" in out


def test_a_campaign_on_the_memories(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    """Failures of a memory are upsets of all its bits times its vulnerability factor, however it was sampled."""
    rate = rate_table("ultrascale_plus").require("bram").fit_per_bit
    model = accel_sim.load(files.segmentation, arch="tiny")
    for strata, count in (("uniform", 300), ("set", 20)):
        results = f"{strata}.sqlite"
        made = model.campaign({"x": images(1)}, space="memory", strata=strata, faults=count, results=results)
        common = ["estimate", files.segmentation, "--results", results]
        found = answer(capfd, *common, "--arch", "tiny")
        for name in ("img", "wgt"):
            expected = made["memories"][name]["avf"]["best"] * found["memories"][name]["bits"] * rate
            assert found["fit_by_memory"][name]["best"] == pytest.approx(expected), (strata, name)
            assert expected > 0
        assert "pe_acc" in found["not_sampled"] or "pe_acc" in found["unknown"]
        refused(capfd, here, [*common, "--arch", "b512"], "belongs to another program", "tiny", "b512")


def test_a_sampling_error_common_to_all_layers_does_not_shrink(
    here: Path, files: Files, capfd: pytest.CaptureFixture[str]
) -> None:
    """With an exact rate and flux the interval of the sum is that of the campaign."""
    (here / "exact.toml").write_text("[bram]\nupsets_per_bit_day = 1e-10\n")
    rate = _campaign(files, "parameters")["critical_rate"]
    common = ["estimate", files.segmentation, "--arch", "tiny", "--rates", "exact.toml"]
    fit = answer(capfd, *common, "--results", "parameters.sqlite")["fit"]
    for limit in ("low", "high"):
        assert fit[limit] / fit["best"] == pytest.approx(rate[limit] / rate["best"], rel=0.01)


def test_no_known_rate_is_not_zero(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "placed.toml").write_text('base = "tiny"\n[uram_banks]\nimg = 4\nwgt = 4\ndwt = 1\nbias = 1\n')
    _campaign(files, "parameters")
    found = answer(capfd, "estimate", files.segmentation, "--arch", "placed.toml", "--results", "parameters.sqlite")
    assert (found["fit"]["best"], found["fit"]["high"], found["mtbf_hours"]) == (None, None, None)
    assert set(found["unknown"]) == set(found["memories"])


def test_a_campaign_on_another_model_is_refused(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    _campaign(files, "parameters")
    refused(
        capfd, here, ["estimate", files.classifier, "--results", "parameters.sqlite"],
        "results file parameters.sqlite belongs to another model",
    )  # fmt: skip


def test_energy_of_the_user(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "e.csv").write_text("item,value,low,high,unit,verified,source\nstatic_power,0,,,W,true,mine\n")
    found = answer(capfd, "estimate", files.segmentation, "--energy", "e.csv")
    assert found["energy"]["static_j"] == 0
    assert "static_power" not in found["energy"]["unverified"]
    assert 0 < found["energy_j"] < answer(capfd, "estimate", files.segmentation)["energy_j"]


def test_a_float_model_gives_its_topology(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = float_model(here)
    found = answer(capfd, "estimate", path)
    assert found.keys() >= FIELDS
    expected = estimate_network(onnx.load(path))
    assert found["cycle_model"] == "calibrated"
    assert (found["cycles"], found["fps"]) == (round(expected.cycles), expected.fps)
    assert found["fps_with_host"] < found["fps"]
    assert found["gop"] == pytest.approx(2 * 8 * 27 * 256 / 1e9)
    assert all(layer.keys() == LAYER for layer in found["layers"])
    assert {layer["op"]: layer["where"] for layer in found["layers"]} == {"Conv": "accelerator", "Softmax": "host"}
    assert all(m.keys() >= MEMORY and m["live_fraction"] is None for m in found["memories"].values())
    assert (found["fit"]["low"], found["fit"]["best"]) == (0, None)
    assert found["fit"]["high"] > found["raw_fit"] > 0
    assert "calibrated model" in text(capfd, "estimate", path)
    assert answer(capfd, "estimate", path, "--arch", "b512")["cycles"] > found["cycles"]


def test_both_models_agree_on_the_workload(here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    quantised = answer(capfd, "estimate", files.segmentation)
    model = segmentation()
    assert quantised["gop"] == pytest.approx(estimate_network(model).gop)


def test_bad_float_models(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = float_model(here, strides=[0, 1])
    refused(capfd, here, ["estimate", path], "'conv' (Conv) has strides 0, outside 1..")
    model = onnx.load(float_model(here))
    model.graph.node[1].op_type = "Frobnicate"
    refused(capfd, here, ["estimate", save(model, here / "f.onnx")], "f.onnx: breaks the ONNX rules", "Frobnicate")
    model = onnx.load(float_model(here))
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    refused(capfd, here, ["estimate", save(model, here / "f.onnx")], "dimension 2 of input x is free (height)")


BAD = {
    "device": (["--device", "abacus"], ("device 'abacus' is unknown; use one of XCK26",)),
    "environment": (["--environment", "mars"], ("environment 'mars' is unknown; use one of nyc_sea_level",)),
    "flux": (["--environment", "-1"], ("neutron flux is -1: it must be a positive number",)),
    "no_rates": (["--rates", "no.toml"], ("--rates: no.toml: no such file",)),
    "rates_folder": (["--rates", "folder"], ("--rates: folder: is a folder",)),
    "rates_empty": (["--rates", "empty.csv"], ("--rates: empty.csv: holds no entry",)),
    "rates_kind": (["--rates", "kind.toml"], ("memory kind 'core' is unknown; use one of bram",)),
    "energy": (["--energy", "kind.toml"], ("kind.toml, line 2: unknown item",)),
    "no_results": (["--results", "no.sqlite"], ("results file no.sqlite does not exist",)),
    "results": (["--results", "empty.csv"], ("empty.csv is not a results file",)),
}


@pytest.mark.parametrize("case", BAD)
def test_refusals(case: str, here: Path, files: Files, capfd: pytest.CaptureFixture[str]) -> None:
    (here / "folder").mkdir()
    (here / "empty.csv").write_text("kind,fit_per_mbit\n")
    (here / "kind.toml").write_text("[core]\nfit_per_mbit = 1\n")
    options, fragments = BAD[case]
    refused(capfd, here, ["estimate", files.segmentation, *options], *fragments)
    if case not in ("no_results", "results"):
        refused(capfd, here, ["estimate", float_model(here), *options], *fragments)


def test_results_for_a_float_model_are_refused(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = float_model(here)
    refused(capfd, here, ["estimate", path, "--results", "r.sqlite"], "is a float model, on which no campaign")


def test_python(files: Files) -> None:
    model = accel_sim.load(files.segmentation, arch="tiny")
    found = model.estimate(environment="40_kft_iec")
    assert found["cycles"] == model.machine.cycles
    assert found["environment"]["flux_n_cm2_h"] == 6000
