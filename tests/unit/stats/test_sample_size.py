import pytest

from accel_sim.stats import PAPER_FAULTS_PER_SET, leveugle_sample_size


@pytest.mark.parametrize(
    ("population", "margin", "confidence", "n"),
    [
        (None, 0.025, 0.95, 1537),
        (None, 0.01, 0.95, 9604),
        (None, 0.01, 0.99, 16590),
        (2560, 0.025, 0.95, 961),
        (1000, 0.025, 0.95, 607),
        (10**15, 0.025, 0.95, 1537),
    ],
)
def test_published_values(population: int | None, margin: float, confidence: float, n: int) -> None:
    assert leveugle_sample_size(population, margin, confidence) == n


def test_the_papers_number_is_the_plan_for_a_margin_of_2_5_percent_rounded_up() -> None:
    assert 0 <= PAPER_FAULTS_PER_SET - leveugle_sample_size(None, 0.025, 0.95) < 50


@pytest.mark.parametrize("population", [0, 1, 2, 17, 256])
def test_never_more_than_the_population(population: int) -> None:
    assert leveugle_sample_size(population, 0.001, 0.99) == population


def test_a_rarer_event_needs_fewer_faults() -> None:
    # 1.96^2 * 0.1 * 0.9 / 0.025^2 = 553.19
    assert leveugle_sample_size(None, 0.025, 0.95, p=0.1) == 554


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((100, 0.0, 0.95), "margin is 0.0: it must lie between 0 and 1, both excluded"),
        ((100, 0.1, 1.0), "confidence level is 1.0: it must lie between 0 and 1, both excluded"),
        ((100, 0.1, 0.9, 1.0), "p is 1.0: it must lie between 0 and 1, both excluded"),
        ((-1, 0.1, 0.9), "population is -1: it cannot be negative"),
    ],
)
def test_impossible_arguments(arguments: tuple[int, float, float], sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        leveugle_sample_size(*arguments)
    assert str(caught.value) == sentence
