from collections import Counter

import pytest
from scipy import stats

from accel_sim.campaign.permutation import Permutation

FALSE_ALARM = 1e-6
FIXED = [198257662, 138509941, 829622820]


@pytest.mark.parametrize("sizes", [range(1, 150), [255, 256, 257, 1000, 1023, 4096, 10_007]])
def test_every_index_has_its_own_image(sizes: list[int]) -> None:
    for size in sizes:
        permutation = Permutation(size, seed=size, label="x")
        assert sorted(permutation(i) for i in range(size)) == list(range(size))


def test_all_orders_of_four_are_equally_likely() -> None:
    orders = Counter(tuple(Permutation(4, seed, "x")(i) for i in range(4)) for seed in range(4800))
    assert len(orders) == 24
    assert stats.chisquare(list(orders.values())).pvalue > FALSE_ALARM


@pytest.mark.parametrize("size", [7, 100])
def test_pairs_of_images_are_equally_likely(size: int) -> None:
    bins: Counter[tuple[int, int]] = Counter()
    seeds = 8400
    for seed in range(seeds):
        permutation = Permutation(size, seed, "x")
        bins[permutation(0) * 7 // size, permutation(size - 1) * 7 // size] += 1
    # Exact probabilities of two different numbers to fall into bins i and j.
    widths = Counter(v * 7 // size for v in range(size))
    pairs = [(i, j, widths[i] * (widths[j] - (i == j))) for i in range(7) for j in range(7)]
    expected = [seeds * ways / (size * (size - 1)) for _, _, ways in pairs if ways]
    assert stats.chisquare([bins[i, j] for i, j, ways in pairs if ways], expected).pvalue > FALSE_ALARM


@pytest.mark.parametrize("size", [10**6 + 3, 2**40, 2**62])
def test_a_prefix_spreads_evenly_over_a_large_range(size: int) -> None:
    permutation = Permutation(size, 5, "x")
    images = [permutation(i) for i in range(10_000)]
    assert len(set(images)) == len(images)
    counts = Counter(image * 50 // size for image in images)
    assert set(counts) == set(range(50))
    assert stats.chisquare(list(counts.values())).pvalue > FALSE_ALARM


def test_seed_and_label_choose_the_order_and_nothing_else_does() -> None:
    def start(seed: int, label: str) -> list[int]:
        return [Permutation(10**9, seed, label)(i) for i in range(3)]

    assert start(1, "x") == start(1, "x")
    assert len({tuple(start(s, label)) for s in (0, 1, 2**70) for label in ("x", "y")}) == 6
    # Fixed for ever: results files written by one version are continued by the next.
    assert start(1, "x") == FIXED


@pytest.mark.parametrize("size", [0, -1, 2**62 + 1])
def test_impossible_size(size: int) -> None:
    with pytest.raises(ValueError) as caught:
        Permutation(size, 0, "x")
    assert str(caught.value) == f"permutation size is {size}: it must lie between 1 and 2**62"


@pytest.mark.parametrize("index", [-1, 5])
def test_impossible_index(index: int) -> None:
    with pytest.raises(IndexError) as caught:
        Permutation(5, 0, "x")(index)
    assert str(caught.value) == f"index {index} is outside the permutation of 5 elements"
