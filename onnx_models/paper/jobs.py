"""Work that can wait for other work, run one after the other or in several processes.

What a job computes does not depend on how many there are: every job has its own files and one thread.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from accel_sim.errors import CampaignError


@dataclass(frozen=True)
class Job:
    """One piece of work.

    Attributes
    ----------
    name
        Unique among the jobs that are run together.
    call
        What to do; several processes need one that can be pickled. It leaves its results on disk.
    after
        Names of the jobs that have to be finished before. One that is not among those run together is not waited for.
    """

    name: str
    call: Callable[[], object]
    after: tuple[str, ...] = ()


def run_jobs(jobs: Sequence[Job], workers: int) -> None:
    """Run all jobs, those first in the list first as far as they need not wait.

    Parameters
    ----------
    jobs
        In an order in which they can be run one after the other.
    workers
        Processes; with one, everything runs in this process.

    Raises
    ------
    CampaignError
        A process was ended from outside.
    Exception
        What a job raised; no further job is begun, those under way are finished.
    ValueError
        A job comes before one that it waits for, or two have one name.
    """
    _check(jobs)
    if workers == 1 or len(jobs) < 2:
        for job in jobs:
            job.call()
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(jobs)), context, initializer=_end_with_parent) as pool:
        try:
            _run_in(pool, list(jobs), workers)
        except BrokenProcessPool as error:
            raise CampaignError(
                "a worker process was ended from outside, perhaps for want of memory: the same command goes on from "
                "here, with --workers 1 it needs the least memory"
            ) from error


def _end_with_parent() -> None:
    """End this process as soon as the one that began it is gone, which may go on with the same files elsewhere."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _run_in(pool: ProcessPoolExecutor, waiting: list[Job], workers: int) -> None:
    left = {job.name for job in waiting}
    running: dict[Future[object], str] = {}
    while waiting or running:
        # No more at a time than there are processes: what is begun later can then still be another job.
        for job in [job for job in waiting if left.isdisjoint(job.after)][: workers - len(running)]:
            running[pool.submit(job.call)] = job.name
            waiting.remove(job)
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            future.result()
            left.remove(running.pop(future))


def _check(jobs: Iterable[Job]) -> None:
    """Refuse an order in which a job would wait for a later one."""
    names = [job.name for job in jobs]
    if len(set(names)) < len(names):
        raise ValueError(f"two jobs have one name: {sorted({n for n in names if names.count(n) > 1})}")
    seen: set[str] = set()
    for job in jobs:
        late = [name for name in job.after if name in names and name not in seen]
        if late:
            raise ValueError(f"job {job.name} comes before {', '.join(late)}, which it waits for")
        seen.add(job.name)
