import json
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from accel_sim.campaign import Store, collect, summarise
from accel_sim.campaign.workers import Chunk, run_in_processes
from accel_sim.errors import CampaignError, UsageError

from .toy import (
    ProcessEvaluator,
    ToyEvaluator,
    ToyFault,
    ToySpace,
    ToyVerdict,
    run_toy,
    toy_plan,
    toy_task,
    unstartable,
    verdict,
)

ROOT = Path(__file__).resolve().parents[3]
WAY_OUT = "the same command goes on from there"


def summary_bytes(path: Path) -> bytes:
    with Store.read(path) as store:
        return json.dumps(summarise(store), allow_nan=False).encode()


def recorded(path: Path) -> int:
    with Store.read(path) as store:
        return len(list(store.results()))


def test_every_planned_fault_is_recorded_with_its_verdict(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    reports = run_toy(str(path), design="set", faults=50)
    plan, space = toy_plan("set", faults=50), ToySpace()
    with Store.read(path) as store:
        rows = list(store.rows())
    assert len(rows) == plan.n == 112
    for i, row in enumerate(rows):
        drawn = plan.fault_at(i)
        fault = space.fault(drawn.stratum, drawn.k)
        assert json.loads(row.fault) == fault.to_json()
        assert (row.tensor, row.bit, row.stratum) == (fault.tensor, fault.bit, drawn.stratum)
        assert ToyVerdict(row.outcome, row.changed_fraction) == verdict(fault)
    assert reports == [0, 16, 32, 48, 64, 80, 96, 112]


def test_the_number_of_workers_does_not_matter(tmp_path: Path) -> None:
    for workers in (1, 2, 3):
        run_toy(str(tmp_path / f"{workers}.sqlite"), design="set-bit", faults=9, workers=workers)
    one, two, three = (summary_bytes(tmp_path / f"{workers}.sqlite") for workers in (1, 2, 3))
    assert one == two == three


def test_every_worker_gets_a_chunk_before_one_gets_two() -> None:
    """Whichever is ready first: a short campaign of slow faults is shared out."""
    chunks = [Chunk(((0, n, 0),), (ToyFault("head.weight", 0, n),)) for n in range(2)]
    answers = [evaluated.verdicts for _, evaluated in run_in_processes(iter(chunks), ProcessEvaluator, 2)]
    assert len(answers) == len(set(answers)) == 2


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    run_toy(str(path))
    before = summary_bytes(path)
    assert run_toy(str(path), trouble_at=1, answer=RuntimeError("nothing is left to run")) == [200]
    assert summary_bytes(path) == before


@pytest.mark.parametrize("design", ["uniform", "set", "set-bit"])
def test_a_larger_campaign_extends_the_file(tmp_path: Path, design: str) -> None:
    grown, fresh = tmp_path / "grown.sqlite", tmp_path / "fresh.sqlite"
    run_toy(str(grown), design, faults=7)
    reports = run_toy(str(grown), design, faults=40)
    assert reports[0] == toy_plan(design, faults=7).n
    run_toy(str(fresh), design, faults=40)
    assert summary_bytes(grown) == summary_bytes(fresh)


@pytest.mark.parametrize(("workers", "trouble_at"), [(1, 1), (1, 100), (2, 40)])
def test_killed_and_run_again_it_gives_the_same_bytes(tmp_path: Path, workers: int, trouble_at: int) -> None:
    path, undisturbed = tmp_path / "r.sqlite", tmp_path / "undisturbed.sqlite"
    command = [sys.executable, "-m", "tests.unit.campaign.toy", str(path), "set", str(workers), str(trouble_at)]
    killed = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert recorded(path) < toy_plan("set").n
    if workers == 1:
        assert recorded(path) == (trouble_at - 1) // 16 * 16
    run_toy(str(path), design="set")
    run_toy(str(undisturbed), design="set")
    assert summary_bytes(path) == summary_bytes(undisturbed)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failing_evaluation(tmp_path: Path, workers: int) -> None:
    path = tmp_path / "r.sqlite"
    with pytest.raises(CampaignError) as caught:
        run_toy(str(path), workers=workers, trouble_at=21, answer=OverflowError("sum\nbeyond int32"))
    done = recorded(path)
    head, tail = str(caught.value).split("; ")
    assert head.startswith("fault {'space': 'parameters', 'tensor': '")
    assert head.endswith("} could not be run (OverflowError: sum beyond int32)")
    assert tail == f"{done} of 200 faults are recorded in {path}: {WAY_OUT}"
    assert done >= 20  # the faults of the failing chunk before the failure are kept


def test_a_worker_that_dies(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    with pytest.raises(CampaignError) as caught:
        run_toy(str(path), workers=2, trouble_at=20, kill=-1)
    assert str(caught.value) == (
        "a worker process died (exit code -9; if memory is short, use fewer --workers); "
        f"{recorded(path)} of 200 faults are recorded in {path}: {WAY_OUT}"
    )
    assert recorded(path) >= 16


def run_with(path: Path, make_evaluator: Any, workers: int) -> None:
    with Store.open(path, toy_task(), toy_plan()) as store:
        collect(toy_task(), ToySpace(), toy_plan(), store, make_evaluator, workers)


def test_a_worker_that_cannot_start(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    with pytest.raises(CampaignError) as caught:
        run_with(path, unstartable, 2)
    assert str(caught.value) == (
        "a worker process could not start (in.npz has no array 'image'; the model's inputs are: image); "
        f"0 of 200 faults are recorded in {path}: {WAY_OUT}"
    )


@pytest.mark.parametrize(("outcome", "changed"), [("crash", 0.0), ("masked", 1.5), ("masked", float("nan"))])
def test_an_impossible_verdict(tmp_path: Path, outcome: str, changed: float) -> None:
    path = tmp_path / "r.sqlite"
    with pytest.raises(CampaignError) as caught:
        run_with(path, partial(ToyEvaluator, trouble_at=3, answer=ToyVerdict(outcome, changed)), 1)
    drawn = toy_plan().fault_at(2)
    fault = json.dumps(ToySpace().fault(drawn.stratum, drawn.k).to_json(), sort_keys=True, separators=(",", ":"))
    assert str(caught.value) == (
        f"fault {fault} got an impossible verdict: outcome {outcome}, changed fraction {changed}; "
        f"2 of 200 faults are recorded in {path}: {WAY_OUT}"
    )


class Interrupted(ToyEvaluator):
    def evaluate(self, fault: ToyFault) -> ToyVerdict:
        self.seen += 1
        if self.seen == 40:
            raise KeyboardInterrupt
        return verdict(fault)


def test_an_interrupt_leaves_a_file_to_go_on_from(tmp_path: Path) -> None:
    path, undisturbed = tmp_path / "r.sqlite", tmp_path / "undisturbed.sqlite"
    with pytest.raises(KeyboardInterrupt):
        run_with(path, Interrupted, 1)
    assert recorded(path) == 32
    run_toy(str(path))
    run_toy(str(undisturbed))
    assert summary_bytes(path) == summary_bytes(undisturbed)


def test_an_interrupt_ends_the_workers(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"

    def interrupt(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with Store.open(path, toy_task(), toy_plan()) as store, pytest.raises(KeyboardInterrupt):
        collect(toy_task(), ToySpace(), toy_plan(), store, ToyEvaluator, 2, interrupt)
    assert recorded(path) == 16


def test_impossible_number_of_workers(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        run_toy(str(tmp_path / "r.sqlite"), workers=0)
    assert str(caught.value) == "--workers is 0: it must be 1 or more"
