"""Decisions, shares of changed decisions, and the criterion that a model gets."""

from dataclasses import replace

import numpy as np
import pytest

from accel_sim.errors import UsageError
from accel_sim.faults import CRITERIA, Criterion, choose_criterion
from accel_sim.model import Graph, Tensor


def graph_with(output: tuple[int, ...], source: tuple[int, ...] = (1, 3, 8, 8)) -> Graph:
    tensors = {"x": Tensor("x", source, "float32"), "y": Tensor("y", output, "float32")}
    return Graph("g", tensors, {}, (), ("x",), ("y",), "")


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, 5, 4, 6), "segmentation"),
        ((1, 10), "classification"),
        ((1, 10, 1, 1), "classification"),
        ((1, 3, 8, 8), "any"),  # as the input: an autoencoder
        ((1, 1, 4, 4), "any"),
        ((1, 1), "any"),
        ((7,), "any"),
        ((1, 4, 9), "any"),
    ],
)
def test_criterion_follows_from_the_output(shape: tuple[int, ...], expected: str) -> None:
    chosen = choose_criterion(graph_with(shape))
    assert (chosen.name, chosen.output) == (expected, "y")


def test_criterion_can_be_set() -> None:
    for name in CRITERIA:
        assert choose_criterion(graph_with((1, 5, 4, 6)), name).name == name


@pytest.mark.parametrize(
    ("shape", "wanted", "words"),
    [
        ((1, 5), "segmentation", "needs an output"),
        ((1, 1, 4, 4), "segmentation", "needs an output"),
        ((1, 1), "classification", "two classes"),
        ((1, 5), "detection", "'detection' is not one of segmentation, classification, any"),
    ],
)
def test_criterion_that_does_not_fit_is_refused(shape: tuple[int, ...], wanted: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        choose_criterion(graph_with(shape), wanted)


def test_segmentation_decides_per_pixel_and_the_first_class_wins_a_tie() -> None:
    scores = np.zeros((1, 3, 2, 2), np.int8)
    scores[0, :, 0, 1] = [1, 5, 5]
    scores[0, :, 1, 0] = [-3, -4, -3]
    scores[0, :, 1, 1] = [0, 1, 2]
    decisions = Criterion("segmentation", "y").decisions({"y": scores})
    assert decisions.tolist() == [0, 1, 0, 2]


def test_a_tie_that_a_fault_makes_changes_the_decision_only_for_a_later_class() -> None:
    criterion = Criterion("classification", "y")
    golden = criterion.decisions({"y": np.array([[1, 7, 3]], np.int8)})
    later = criterion.decisions({"y": np.array([[1, 7, 7]], np.int8)})
    earlier = criterion.decisions({"y": np.array([[7, 7, 3]], np.int8)})
    assert criterion.changed(golden, later) == 0
    assert criterion.changed(golden, earlier) == 1


def test_classification_looks_at_the_whole_output_of_each_row() -> None:
    values = np.arange(2 * 4).reshape(2, 4, 1, 1)
    assert Criterion("classification", "y").decisions({"y": values}).tolist() == [3, 3]


def test_share_of_changed_pixels() -> None:
    criterion = Criterion("segmentation", "y")
    assert criterion.changed(np.array([0, 1, 2, 3]), np.array([0, 1, 0, 0])) == 0.5


def test_any_counts_every_element_of_every_output() -> None:
    criterion = Criterion("any", "a")
    golden = criterion.decisions({"a": np.array([1.0, np.nan, np.inf]), "b": np.array([5.0])})
    same = criterion.decisions({"b": np.array([5.0]), "a": np.array([1.0, np.nan, np.inf])})
    other = criterion.decisions({"a": np.array([1.0, 2.0, np.inf]), "b": np.array([np.nan])})
    assert criterion.changed(golden, same) == 0
    assert criterion.changed(golden, other) == 0.5


def test_other_outputs_do_not_decide() -> None:
    graph = graph_with((1, 5, 4, 6))
    second = replace(graph, outputs=("y", "x"))
    assert choose_criterion(second).output == "y"
