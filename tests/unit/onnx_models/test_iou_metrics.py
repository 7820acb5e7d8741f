import numpy as np
import pytest

from onnx_models.metrics import confusion, iou_table


def test_two_classes_by_hand():
    truth = np.array([[0, 0, 0, 1]], np.uint8)
    predicted = np.array([[0, 0, 1, 1]])
    table = iou_table(confusion(truth, predicted, 2), ["a", "b"])
    assert table["a"] == pytest.approx(66.67)  # 2 of 3
    assert table["b"] == pytest.approx(50.0)  # 1 of 2
    assert table["global"] == pytest.approx(60.0)  # 3 of 5
    assert table["weighted"] == pytest.approx(100 * (2 / 3 * 1 / 3 + 1 / 2 * 1) / (1 / 3 + 1), abs=0.01)


def test_ignored_pixels_do_not_count():
    truth = np.array([0, 1, 255], np.uint8)
    assert confusion(truth, np.array([0, 1, 0]), 2).tolist() == [[1, 0], [0, 1]]


def test_a_class_that_never_occurs_has_no_weight():
    table = iou_table(confusion(np.array([0, 0]), np.array([0, 0]), 2), ["a", "b"])
    assert table == {"a": 100.0, "b": 0.0, "global": 100.0, "weighted": 100.0}


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"\(2,\), prediction \(3,\)"):
        confusion(np.zeros(2, int), np.zeros(3, int), 2)
