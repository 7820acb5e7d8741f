import json
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import accel_sim
from accel_sim.campaign import Store, attachments
from accel_sim.campaign.attachments import EXAMPLE, MODEL
from accel_sim.campaign.example import Example
from accel_sim.campaign.picture import MAX_SIDE, false_colour, input_picture
from accel_sim.campaign.store import Row
from accel_sim.errors import ResultsError
from tests.cli import tiny_models

from .toy import run_toy, toy_plan, toy_task


def kept(path: Path) -> tuple[bytes | None, bytes | None]:
    with Store.read(path) as store:
        return store.attachment(MODEL), store.attachment(EXAMPLE)


def example_of(path: Path) -> Example:
    data = kept(path)[1]
    assert data is not None
    return Example.from_bytes(data)


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory: pytest.TempPathFactory) -> accel_sim.Model:
    path = tmp_path_factory.mktemp("models") / "tiny.onnx"
    return accel_sim.load(tiny_models.save(tiny_models.segmentation(), path))


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> accel_sim.Model:
    path = tmp_path_factory.mktemp("models") / "tiny.onnx"
    return accel_sim.load(tiny_models.save(tiny_models.classifier(), path))


def test_attachments_are_kept_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    with Store.open(path, toy_task(), toy_plan()) as store:
        assert store.attachment("a") is None
        store.attach("a", b"one")
        store.attach("b", b"\x00\xff")
        store.attach("a", b"two")
    with Store.read(path) as store:
        assert (store.attachment("a"), store.attachment("b"), store.attachment("c")) == (b"two", b"\x00\xff", None)


def test_attaching_the_same_bytes_writes_nothing(tmp_path: Path) -> None:
    with Store.open(tmp_path / "r.sqlite", toy_task(), toy_plan()) as store:
        store.attach("a", b"one")
        before = store._connection.total_changes
        store.attach("a", b"one")
        assert store._connection.total_changes == before
        store.attach("a", b"1")
        assert store._connection.total_changes == before + 1


def test_an_attachment_of_another_type_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    run_toy(str(path))
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO attachments VALUES ('a', 7)")
    connection.close()
    with Store.read(path) as store, pytest.raises(ResultsError, match="attachment 'a' is no blob"):
        store.attachment("a")


def test_most_damaging_is_the_first_of_the_largest(tmp_path: Path) -> None:
    with Store.open(tmp_path / "r.sqlite", toy_task(), toy_plan()) as store:
        assert store.most_damaging() is None
        shares = [0.0, 0.5, 0.25, 0.5]
        rows = [Row(0, draw, 0, "conv1.weight", 0, "{}", "critical", share) for draw, share in enumerate(shares)]
        store.insert(rows[::-1])
        found = store.most_damaging()
    assert found is not None
    assert (found.draw, found.changed_fraction) == (1, 0.5)


def test_a_campaign_records_the_model(segmenter: accel_sim.Model, tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    segmenter.campaign({"x": tiny_models.images(2)}, results=path, faults=20)
    record = json.loads(kept(path)[0] or b"")
    assert (record["name"], record["file_hash"], record["images"]) == ("tiny", segmenter.graph.file_hash, 2)
    assert record["arithmetic"] == "onnxruntime"
    assert [(p["name"], p["role"], p["shape"], p["op"]) for p in record["parameters"]] == [
        ("w1_codes", "weight", [4, 2, 3, 3], "Conv"),
        ("b1_codes", "bias", [4], "Conv"),
        ("w2_codes", "weight", [3, 4, 1, 1], "Conv"),
        ("b2_codes", "bias", [3], "Conv"),
    ]
    assert [a["name"] for a in record["activations"]] == ["x_q", "r1_q", "c2_q"]
    assert record["classes"] == []


def test_the_example_shows_what_injecting_the_fault_does(segmenter: accel_sim.Model, tmp_path: Path) -> None:
    path, x = tmp_path / "r.sqlite", tiny_models.images(3)
    segmenter.campaign({"x": x}, results=path, faults=60, strata="set")
    example = example_of(path)
    with Store.read(path) as store:
        worst = max((row.changed_fraction for row in store.rows()), default=0.0)
    result = segmenter.inject({"x": x}, dict(example.fault))
    golden, faulty = (np.argmax(o["y"], axis=1) for o in (segmenter.run({"x": x}).outputs, result.outputs))
    changed = (golden != faulty).reshape(3, -1).mean(axis=1)
    assert example.kind == "segmentation"
    assert example.changed_fraction == worst == result.changed_fraction > 0
    assert example.image == int(np.argmax(changed))
    assert np.array_equal(example.arrays["golden"], golden[example.image])
    assert np.array_equal(example.arrays["faulty"], faulty[example.image])
    assert example.arrays["picture"].shape == (6, 8)


def test_a_second_run_recomputes_nothing_and_changes_nothing(
    segmenter: accel_sim.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, x = tmp_path / "r.sqlite", tiny_models.images()
    first = segmenter.campaign({"x": x}, results=path, faults=30)
    before = kept(path)

    def never(*_: Any) -> Example:
        raise AssertionError("the example is there")

    monkeypatch.setattr(attachments, "make_example", never)
    assert segmenter.campaign({"x": x}, results=path, faults=30) == first
    assert kept(path) == before


def test_a_larger_campaign_shows_its_own_worst_fault(segmenter: accel_sim.Model, tmp_path: Path) -> None:
    x = tiny_models.images()
    segmenter.campaign({"x": x}, results=tmp_path / "grown", faults=3)
    small = example_of(tmp_path / "grown")
    segmenter.campaign({"x": x}, results=tmp_path / "grown", faults=150)
    segmenter.campaign({"x": x}, results=tmp_path / "at once", faults=150)
    assert kept(tmp_path / "grown") == kept(tmp_path / "at once")
    assert example_of(tmp_path / "grown").changed_fraction > small.changed_fraction


def test_a_damaged_example_is_made_again(segmenter: accel_sim.Model, tmp_path: Path) -> None:
    path, x = tmp_path / "r.sqlite", tiny_models.images()
    segmenter.campaign({"x": x}, results=path, faults=20)
    good = kept(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE attachments SET data = x'504b' WHERE name = 'example'")
    connection.close()
    segmenter.campaign({"x": x}, results=path, faults=20)
    assert kept(path) == good


def test_activation_faults_show_the_image_they_strike(segmenter: accel_sim.Model, tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    segmenter.campaign({"x": tiny_models.images(3)}, results=path, space="activations", faults=60)
    example = example_of(path)
    assert example.image == example.fault["image"]
    changed = np.mean(example.arrays["golden"] != example.arrays["faulty"])
    assert changed == pytest.approx(3 * example.changed_fraction)


def test_classification_keeps_the_top_scores_of_both_runs(classifier: accel_sim.Model, tmp_path: Path) -> None:
    path, x = tmp_path / "r.sqlite", tiny_models.images(1, (2, 7, 7))
    classifier.campaign({"x": x}, results=path, faults=200)
    example = example_of(path)
    labels = example.arrays["label"]
    golden = classifier.run({"x": x}).outputs["y"][0]
    faulty = classifier.inject({"x": x}, dict(example.fault)).outputs["y"][0]
    assert np.array_equal(example.arrays["golden"], golden[labels])
    assert np.array_equal(example.arrays["faulty"], faulty[labels])
    assert int(np.argmax(golden)) == labels[0]
    assert (example.changed_fraction > 0) == (int(np.argmax(faulty)) != labels[0])


def test_any_keeps_the_element_that_moved_furthest(classifier: accel_sim.Model, tmp_path: Path) -> None:
    path, x = tmp_path / "r.sqlite", tiny_models.images(1, (2, 7, 7))
    classifier.campaign({"x": x}, results=path, faults=100, criterion="any")
    example = example_of(path)
    golden = classifier.run({"x": x}).outputs["y"]
    faulty = classifier.inject({"x": x}, dict(example.fault)).outputs["y"]
    place = tuple(example.arrays["index"])
    moves = np.abs(faulty.astype(float) - golden)
    assert moves[place] == moves.max() > 0
    assert (example.arrays["golden"][0], example.arrays["faulty"][0]) == (golden[place], faulty[place])
    assert example.arrays["moved"][0] == np.count_nonzero(golden != faulty)


def made() -> Example:
    maps = {"golden": np.zeros((2, 3), np.uint8), "faulty": np.ones((2, 3), np.uint8)}
    fault = {"space": "parameters", "tensor": "w", "index": [0], "bit": 1}
    return Example("segmentation", fault, "critical", 1.0, 0, "y", ("a", "b"), maps)


def test_examples_survive_the_round_trip_byte_for_byte() -> None:
    again = Example.from_bytes(made().to_bytes())
    assert again.to_bytes() == made().to_bytes()
    assert (again.kind, again.fault, again.classes) == ("segmentation", made().fault, ("a", "b"))


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "other"},
        {"arrays": {"golden": np.zeros((2, 3), np.uint8)}},
        {"arrays": {"golden": np.zeros((2, 3), np.uint8), "faulty": np.zeros((3, 3), np.uint8)}},
        {"arrays": {"golden": np.full((2, 3), 0.5), "faulty": np.zeros((2, 3), np.uint8)}},
        {"fault": {"space": "parameters"}},
    ],
)
def test_examples_that_contradict_themselves_are_refused(change: dict[str, Any]) -> None:
    fields = {name: getattr(made(), name) for name in made().__dataclass_fields__}
    data = Example(**{**fields, **change}).to_bytes()
    with pytest.raises(ValueError, match="cannot be read"):
        Example.from_bytes(data)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", made().to_bytes()[:-20], b"SQLite format 3"])
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        Example.from_bytes(data)


@pytest.mark.parametrize(
    ("shape", "map_shape", "expected"),
    [
        ((1, 1, 6, 8), (6, 8), (6, 8)),
        ((1, 3, 6, 8), (6, 8), (6, 8, 3)),
        ((1, 6, 8, 3), (6, 8), (6, 8, 3)),
        ((1, 25, 6, 8), (6, 8), (6, 8, 3)),
        ((1, 1024, 600, 3), (512, 300), (256, 150, 3)),
    ],
)
def test_pictures(shape: tuple[int, ...], map_shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
    picture = input_picture({"x": values}, map_shape)
    assert picture is not None
    assert picture.shape == expected
    assert max(picture.shape) <= MAX_SIDE
    assert (picture.min(), picture.max()) == (0, 255)


def test_no_picture_of_what_is_no_image() -> None:
    assert input_picture({"x": np.zeros((1, 640), np.int8)}, (1, 640)) is None
    flat = input_picture({"x": np.zeros((1, 3, 4, 5), np.float32)}, (4, 5))
    assert flat is not None
    assert flat.max() == 0


def test_false_colours_avoid_copies_and_constants() -> None:
    rng = np.random.default_rng(4)
    base = rng.normal(0, 1, (5, 7, 3))
    channels = [5 * base[..., 0], 5 * base[..., 0], np.full((5, 7), 9.0), base[..., 1], 2 * base[..., 2], base[..., 1]]
    chosen = false_colour(np.stack(channels, axis=2))
    assert chosen[0] == 0
    assert sorted(chosen) in ([0, 3, 4], [0, 4, 5])
