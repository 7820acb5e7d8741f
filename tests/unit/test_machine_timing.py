"""Edges of small programs, worked out by hand from the rules in docs/machine.md; ``tiny`` fetches every 2 cycles and
queues 4 instructions."""

from accel_sim.config import PRESETS
from accel_sim.config.memories import MEMORY_IDS
from accel_sim.isa import End, Host, Load, Save
from accel_sim.isa.geometry import duration
from accel_sim.machine import schedule

TINY = PRESETS["tiny"]
LOADS, SAVES = 0, 1


def load(words: int = 40, **tokens: int) -> Load:
    return Load(memory=MEMORY_IDS["img"], address=0, ny=1, nx=words, nc=1, valid=4, base=0, **tokens)  # type: ignore[arg-type]


def save(**tokens: int) -> Save:
    return Save(memory=MEMORY_IDS["img"], address=0, ny=1, nx=4, nc=1, valid=4, base=0, **tokens)  # type: ignore[arg-type]


def test_the_first_instruction_is_fetched_dispatched_and_started_edge_by_edge() -> None:
    found = schedule([load(), End()], TINY)
    d = duration(load(), TINY)
    assert d == 40 + TINY.ddr_latency_cycles + 1  # a word a cycle, then the latency; free one edge after the last write
    assert (found.fetch.tolist(), found.dispatch.tolist()) == ([0, 2], [1, 2 + d])
    assert (found.start.tolist(), found.end.tolist()) == ([2, 2 + d], [2 + d, 3 + d])
    assert (found.cycles, found.stuck) == (3 + d, None)


def test_instructions_of_one_engine_follow_each_other_and_fill_its_queue() -> None:
    """One runs, four wait; the sixth enters the queue when the second starts, and holds up the fetch behind it."""
    found = schedule([*(load() for _ in range(7)), End()], TINY)
    d = duration(load(), TINY)
    assert found.start[:7].tolist() == [2 + n * d for n in range(7)]
    assert found.dispatch[:5].tolist() == [1, 3, 5, 7, 9]
    assert found.fetch[:6].tolist() == [0, 2, 4, 6, 8, 10]
    assert found.dispatch[5:7].tolist() == [2 + d, 2 + 2 * d]  # when the second and the third start
    assert found.fetch[6:].tolist() == [3 + d, 3 + 2 * d]  # not before the one in front is in its queue


def test_a_free_engine_starts_one_edge_after_dispatch_whatever_another_does() -> None:
    found = schedule([load(), save(), load(1), End()], TINY)
    assert found.dispatch[:3].tolist() == [1, 3, 5]
    assert found.start[:3].tolist() == [2, 4, 2 + duration(load(), TINY)]


def test_a_token_is_there_when_its_giver_ends() -> None:
    found = schedule([load(signal=1 << SAVES), save(wait=1 << LOADS), End()], TINY)
    d = duration(load(), TINY)
    assert found.start[:2].tolist() == [2, 2 + d]
    assert found.cycles == 2 + d + duration(save(), TINY) + 1


def test_a_token_that_came_early_does_not_let_an_instruction_start_before_its_dispatch() -> None:
    found = schedule([load(1, signal=1 << SAVES), *(load(1) for _ in range(3)), save(wait=1 << LOADS), End()], TINY)
    assert duration(load(1), TINY) == 1 + TINY.ddr_latency_cycles + 1
    assert int(found.dispatch[4]) == 9
    assert int(found.start[4]) == max(10, 2 + duration(load(1), TINY))


def test_the_host_waits_for_all_engines_and_takes_a_cycle() -> None:
    found = schedule([load(), Host(call=0), load(1), End()], TINY)
    d = duration(load(), TINY)
    assert (int(found.start[1]), int(found.end[1])) == (2 + d, 3 + d)
    assert int(found.fetch[2]) == 3 + d
    assert int(found.start[2]) == 5 + d


def test_a_token_that_never_comes_is_named() -> None:
    found = schedule([save(wait=1 << LOADS), End()], TINY)
    assert (found.stuck, found.cycles) == (0, 0)
    assert int(found.start[0]) == -1
    without_end = schedule([load()], TINY)
    assert (without_end.stuck, without_end.cycles) == (1, 0)
