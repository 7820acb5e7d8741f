"""Flips through the shared library: the same on saved states as in whole runs, on the machine, and on the fast path.

``python -m tests.bench.rtl_faults`` is the long form.
"""

from collections import Counter

import numpy as np
import pytest

from accel_sim.machine import BitUpset
from accel_sim.rtl.injection import RtlInjector, same_tensors
from tests.bench.rtl_faults import Case, agree, chunk, compare, draw, fast_case

pytestmark = pytest.mark.rtl
SEED = 17  # uses every memory and register class
EACH = 4


@pytest.fixture(scope="module")
def case() -> Case:
    return fast_case(SEED)


def test_flips_of_every_class(case: Case) -> None:
    rng, total, seconds = np.random.default_rng(4), Counter[str](), Counter[str]()
    for memory in case.sizes:
        for _ in range(EACH):
            assert compare(case, draw(case, memory, rng), total, seconds) is None
    assert total["compared"] == EACH * len(case.sizes) == EACH * 18
    assert total["wrong"] > EACH
    assert total["masked"] > EACH
    assert total["on_fast_path"] > total["left_to_machine"] > 0


def test_saved_states_change_nothing(case: Case) -> None:
    """The result of a run from a saved state to a saved state is that of a run from reset to the end."""
    rng, rtl, image = np.random.default_rng(5), case.rtl.rtl, case.fast.images[0]
    case.rtl.early = 0
    for memory in case.sizes:
        upsets = draw(case, memory, rng).upsets
        short = case.rtl.inject(upsets)
        rtl.clear()
        whole = rtl.run(image, upsets)
        assert (short.status, short.detail) == (whole.status, whole.detail)
        assert agree(short, whole)
    assert case.rtl.early > 3


def test_two_flips_of_one_bit_are_none(case: Case) -> None:
    upset = next(draw(case, "img", np.random.default_rng(seed)).upsets[0] for seed in range(9))
    found = case.rtl.inject([upset, upset])
    assert agree(found, case.rtl.golden)


def test_states_in_other_places_give_the_same(case: Case) -> None:
    """Also with a state at every third edge."""
    often = RtlInjector(case.rtl.rtl, case.fast.images[0], every_cycles=3)
    rng = np.random.default_rng(6)
    for memory in ("img", "tab", "pe_acc", "alu_act", "ddr", "ins"):
        for _ in range(3):
            upsets = draw(case, memory, rng).upsets
            assert agree(often.inject(upsets), case.rtl.inject(upsets)), upsets
    assert often.early


def test_a_flip_that_does_not_happen_would_be_noticed(case: Case) -> None:
    """Without its flip every wrong output would be the golden one."""
    rng, wrong = np.random.default_rng(7), 0
    for _ in range(20):
        found = case.rtl.inject(draw(case, "alu_act", rng).upsets)
        wrong += not same_tensors(found.outputs, case.rtl.golden.outputs)
    assert wrong
    with pytest.raises(IndexError):
        case.rtl.inject([BitUpset("img", 0, 10**6, 0, 5)])


@pytest.mark.rtl_long
@pytest.mark.parametrize("seed", [0, 2, 9, 35])
def test_chunks(seed: int) -> None:
    found = chunk(seed, 1000)
    assert found["differing"] == []
