"""Mass injection into the array alone: golden codes and struck ones are those of the datapath's model."""

import numpy as np
import pytest

from tests.rtl.array_drive import Blocks

pytestmark = pytest.mark.rtl


@pytest.mark.parametrize("seed", [0, 1])
def test_flips_in_the_array_alone(seed: int) -> None:
    case, rng = Blocks(seed), np.random.default_rng(seed)
    golden = case.codes()
    assert np.array_equal(case.rtl.codes(), golden)
    assert len(np.unique(golden)) > 20
    flips = case.rtl.draw(rng, 100)
    wrong, edges = case.rtl.inject(flips)
    for number, flip in enumerate(flips):
        expected = case.codes(case.rtl.place(flip), int(flip["cycle"]))
        assert np.array_equal(case.rtl.codes(flip), expected), flip
        assert wrong[number] == bool((expected != golden).any()), flip
    assert 10 < wrong.sum() < 90
    assert edges < len(flips) * case.rtl.edges / 4
    case.rtl.close()


def test_every_bit_is_drawn() -> None:
    case = Blocks(2, blocks=2, taps=2)
    flips = case.rtl.draw(np.random.default_rng(0), 40_000)
    drawn = {case.rtl.place(flip) for flip in flips}
    bits = {spec.name: spec.bits for spec in case.rtl.specs.values()}
    assert {name: sum(place[0] == name for place in drawn) for name in bits} == bits
    assert set(flips["cycle"].tolist()) == set(range(case.rtl.edges))
