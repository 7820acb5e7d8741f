"""Golden state under a limit, and golden state mapped from a file: less is kept, and the same bytes come out."""

from pathlib import Path

import numpy as np
import pytest

from accel_sim.engine import Engine
from accel_sim.engine.sparse import Memory, compile_tables, memory_of
from accel_sim.engine.sparse import fields as F  # noqa: N812
from accel_sim.errors import UsageError
from accel_sim.faults import Injection, Injector, choose_criterion
from accel_sim.reference import host_runner
from accel_sim.session import load, random_inputs
from tests.conformance.fault_figures import drawn_faults
from tests.unit.engine.networks import network

NAMES = ("u-net", "integer-int8-int8", "sharing")
FAULTS = 40


def prepared(name: str) -> tuple[Engine, list[dict[str, np.ndarray]]]:
    graph, images = network(name)
    return Engine(graph, host_runner), images


def injector(engine: Engine, images: list[dict[str, np.ndarray]], limit: int | None = None) -> Injector:
    return Injector(engine, images, choose_criterion(engine.graph), memory_limit_bytes=limit)


def least_bytes(engine: Engine, images: int) -> int:
    return memory_of(compile_tables(engine.graph, engine.steps, 0), images).total_bytes


def nodes_kept(found: Injector) -> int:
    rows = found.runners[0].tables.nodes
    return int(np.sum(np.isin(rows[:, F.KIND], (F.LINEAR, F.TRANSPOSED)) & (rows[:, F.ACC] >= 0)))


def same(left: Injection, right: Injection) -> bool:
    pairs = zip(left.outputs, right.outputs, strict=True)
    bytes_agree = all(a.keys() == b.keys() and all(a[n].tobytes() == b[n].tobytes() for n in a) for a, b in pairs)
    return left.verdict == right.verdict and bytes_agree


@pytest.mark.parametrize("name", NAMES)
def test_results_do_not_depend_on_the_limit(name: str) -> None:
    engine, images = prepared(name)
    free = injector(engine, images)
    least, most = least_bytes(engine, len(images)), free.memory.total_bytes
    limits = [*(int(limit) for limit in np.linspace(least, most, 4)), 2 * most]
    bounded = [injector(engine, images, limit) for limit in limits]
    for limit, one in zip(limits, bounded, strict=True):
        assert one.memory.total_bytes <= limit
    kept = [nodes_kept(one) for one in bounded]
    assert kept[0] == 0
    assert kept[-1] == nodes_kept(free) > 1
    assert kept == sorted(kept)
    assert any(0 < k < kept[-1] for k in kept), "no limit in between: some kept, some not"
    rng = np.random.default_rng(4)
    different = 0
    for space in ("parameters", "activations"):
        for fault in drawn_faults(engine.graph, space, FAULTS, rng):
            expected = free.inject(fault)
            different += expected.verdict.outcome != "masked"
            assert all(same(one.inject(fault), expected) for one in bounded), fault
    assert different > FAULTS // 4


def test_the_stated_size_is_that_of_the_arrays() -> None:
    """What `Memory` says, against the arrays that a runner really holds; a runner may pad each by some vectors."""
    model = load("hsi-unet-relu")
    found = injector(model.engine, [dict(random_inputs(model.graph))])
    sizes = {position: array.nbytes for position, array in enumerate(found.runners[0].state)}
    tables = (F.WEIGHTS, F.PACKED_WEIGHTS, F.TABLES, F.INTS, F.FLOATS, F.NODES, F.TENSORS)
    scratch = sizes.keys() - {*tables, F.GOLDEN, F.WORK, F.ACCUMULATORS, F.SLACK}
    assert F.FLAGS in scratch
    parts = {
        "codes_bytes": [F.GOLDEN],
        "accumulators_bytes": [F.ACCUMULATORS, F.SLACK],
        "work_bytes": [F.WORK],
        "tables_bytes": tables,
        "scratch_bytes": scratch,
    }
    for name, arrays in parts.items():
        held = sum(sizes[position] for position in arrays)
        assert abs(getattr(found.memory, name) - held) <= 2048, name
    assert found.memory.images == 1


def test_only_images_and_their_work_are_counted_more_than_once() -> None:
    memory = Memory(1000, 400, 1000, 70, 5, 3)
    assert memory.total_bytes == 3 * 2400 + 75


def test_too_small_a_limit_is_refused() -> None:
    engine, images = prepared("u-net")
    least = least_bytes(engine, len(images))
    injector(engine, images, least)
    with pytest.raises(UsageError) as refused:
        injector(engine, images, least - 1)
    assert str(refused.value) == (
        f"the memory limit is {(least - 1) / 2**20:.1f} MiB: 2 image(s) of this model need {least / 2**20:.1f} MiB "
        "even when nothing is kept that can be recomputed; raise the limit or use fewer images"
    )


@pytest.mark.parametrize("name", [*NAMES, "random-1", "random-11"])
def test_mapped_golden_state_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    engine, images = prepared(name)
    owner = injector(engine, images)
    owner.save_golden(tmp_path)
    mapped = Injector(engine, images, choose_criterion(engine.graph), golden=tmp_path)
    for runner in mapped.runners:
        assert isinstance(runner.kept.codes, np.memmap)
        assert not runner.kept.codes.flags.writeable
        assert not runner.kept.accumulators.flags.writeable
    rng = np.random.default_rng(6)
    for space in ("parameters", "activations"):
        for fault in drawn_faults(engine.graph, space, FAULTS // 2, rng):
            assert same(mapped.inject(fault), owner.inject(fault)), fault


def test_a_faulty_run_does_not_write_golden_state(tmp_path: Path) -> None:
    engine, images = prepared("u-net")
    owner = injector(engine, images)
    owner.save_golden(tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    mapped = Injector(engine, images, choose_criterion(engine.graph), golden=tmp_path)
    rng = np.random.default_rng(8)
    outcomes = {mapped.inject(f).verdict.outcome for f in drawn_faults(engine.graph, "parameters", FAULTS, rng)}
    assert len(outcomes) > 1
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
