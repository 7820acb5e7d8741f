"""Running what a plan asks for and a store does not hold yet."""

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice

from accel_sim.campaign.plan import FaultSpaceLike, Plan
from accel_sim.campaign.store import Row, Store
from accel_sim.campaign.task import Task, canonical_json
from accel_sim.campaign.workers import Chunk, Evaluated, MakeEvaluator, run_here, run_in_processes
from accel_sim.errors import CampaignError, UsageError

OUTCOMES = ("masked", "tolerable", "critical", "due")

# Faults per transaction and per message to a worker. A kill loses at most the chunks that the workers hold, two each; a
# transaction costs about 0.1 ms, a small part of sixteen evaluations, so larger chunks gain little.
CHUNK = 16


def collect(
    task: Task,
    space: FaultSpaceLike,
    plan: Plan,
    store: Store,
    make_evaluator: MakeEvaluator,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Run the faults of a plan that the store lacks, and record each.

    What the store holds in the end does not depend on the number of workers, on the order they finish in, or on
    interruptions: every verdict depends on its fault alone. Only this process writes the file.

    Parameters
    ----------
    task : Task
        The campaign; the store must have been opened with it.
    space : FaultSpaceLike
        Makes the faults; its strata are the plan's.
    plan : Plan
        Which faults.
    store : Store
        Where verdicts are recorded.
    make_evaluator : callable
        Makes the evaluator, once per process. It is pickled when there are several workers.
    workers : int
        1 runs in this process; more start that many processes.
    progress : callable, optional
        Called with (recorded faults, planned faults) at the start and after each chunk.

    Raises
    ------
    UsageError
        When `workers` is less than 1.
    CampaignError
        When an evaluation fails or a worker dies. What was done by then is recorded.
    """
    if workers < 1:
        raise UsageError(f"--workers is {workers}: it must be 1 or more")
    if store.strong_id != task.strong_id():
        raise ValueError("the store was opened for another task")
    missing = _missing(plan, store)
    done, total = plan.n - len(missing), plan.n
    report = progress or (lambda done, total: None)
    report(done, total)
    if not missing:
        return
    chunks = _chunks(space, plan, missing)
    workers = min(workers, -(-len(missing) // CHUNK))
    run = run_here(chunks, make_evaluator) if workers == 1 else run_in_processes(chunks, make_evaluator, workers)
    failure = None
    with closing(run):
        for chunk, evaluated in run:
            rows, bad_row = _rows(plan, chunk, evaluated)
            store.insert(rows)
            done += len(rows)
            report(done, total)
            failure = failure or bad_row or evaluated.failure
            if bad_row:
                break
    if failure:
        raise CampaignError(
            f"{failure}; {done} of {total} faults are recorded in {store.path}: the same command goes on from there"
        )


def _missing(plan: Plan, store: Store) -> list[tuple[int, int]]:
    """Return (cell, draw) of every planned fault without a row, in the order of the plan."""
    missing: list[tuple[int, int]] = []
    for index, cell in enumerate(plan.cells):
        recorded = store.done(index)
        missing.extend((index, draw) for draw in range(cell.faults) if draw not in recorded)
    return missing


def _chunks(space: FaultSpaceLike, plan: Plan, missing: list[tuple[int, int]]) -> Iterator[Chunk]:
    """Yield the missing faults in chunks, made only when they are asked for."""
    remaining = iter(missing)
    while batch := tuple(islice(remaining, CHUNK)):
        drawn = [plan.draw(*place) for place in batch]
        places = tuple((cell, draw, d.stratum) for (cell, draw), d in zip(batch, drawn, strict=True))
        yield Chunk(places, tuple(space.fault(d.stratum, d.k) for d in drawn))


def _rows(plan: Plan, chunk: Chunk, evaluated: Evaluated) -> tuple[list[Row], str | None]:
    """Return the rows of a chunk up to the first impossible verdict, and the sentence about that one."""
    rows: list[Row] = []
    # Not strict: a chunk that failed half way has fewer verdicts than places.
    for (cell, draw, stratum), fault, (outcome, changed) in zip(
        chunk.places, chunk.faults, evaluated.verdicts, strict=False
    ):
        fault_json = canonical_json(fault.to_json())
        if outcome not in OUTCOMES or not 0.0 <= changed <= 1.0:
            return rows, f"fault {fault_json} got an impossible verdict: outcome {outcome}, changed fraction {changed}"
        where = plan.strata[stratum]
        rows.append(Row(cell, draw, stratum, where.name, where.bit, fault_json, outcome, changed))
    return rows, None
