import pytest

from onnx_models.complexity import unet_complexity


def test_the_network_of_the_hsi_drive_studies():
    size = unet_complexity(bands=25, filters=32, levels=5, height=192, width=384)
    assert round(size.parameters / 1e6, 2) == pytest.approx(31.13)  # 31.13 M in the published table
    assert size.gop == pytest.approx(34.53, abs=0.005)  # published 34.59 counts more than the convolutions
    assert size.folded_parameters < size.parameters


def test_smallest_network_counted_by_hand():
    size = unet_complexity(bands=2, classes=3, filters=1, levels=1, height=4, width=6)
    kernels = 9 * (2 + 1) + 9 * (2 + 4) + 4 * 2 + 9 * (2 + 1) + 3
    biases = (1 + 1) + (2 + 2) + 1 + (1 + 1) + 3
    assert size.folded_parameters == kernels + biases
    assert size.parameters == size.folded_parameters + 4 * (2 + 4 + 2)
    fine, coarse = 4 * 6, 2 * 3
    multiplications = fine * (27 + 27 + 3) + coarse * (54 + 8)
    assert size.operations == 2 * multiplications


@pytest.mark.parametrize("argument", [{"height": 100}, {"width": 200, "levels": 4}, {"filters": 0}, {"levels": 0}])
def test_impossible_sizes_are_refused(argument):
    with pytest.raises(ValueError, match=r"halved|1 or more"):
        unet_complexity(**argument)
