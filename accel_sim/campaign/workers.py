"""Running an evaluator over chunks of faults, in this process or in several."""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Protocol, TypeVar

from accel_sim.campaign.plan import FaultLike
from accel_sim.errors import AccelSimError

F = TypeVar("F", bound=FaultLike, contravariant=True)


class VerdictLike(Protocol):
    """What one fault did: outcome 'masked', 'tolerable', 'critical' or 'due', and the share of changed decisions."""

    @property
    def outcome(self) -> str:
        """Outcome in lower case."""
        ...

    @property
    def changed_fraction(self) -> float:
        """Share of decisions that changed, in [0, 1]."""
        ...


class EvaluatorLike(Protocol[F]):
    """Something that injects one fault and judges the output; the same fault always gets the same verdict."""

    def evaluate(self, fault: F, /) -> VerdictLike:
        """Inject one fault."""
        ...


MakeEvaluator = Callable[[], EvaluatorLike[Any]]


@dataclass(frozen=True)
class Evaluated:
    """Verdicts for the first faults of a chunk, in order; fewer than asked only together with a failure."""

    verdicts: tuple[tuple[str, float], ...]
    failure: str | None = None


@dataclass(frozen=True)
class Chunk:
    """Faults to be run together, with the places (cell, draw, stratum) they belong to."""

    places: tuple[tuple[int, int, int], ...]
    faults: tuple[FaultLike, ...]


NOTHING = Chunk((), ())
AHEAD = 2  # chunks that a worker holds
Results = Generator[tuple[Chunk, Evaluated], None, None]


def run_here(chunks: Iterator[Chunk], make_evaluator: MakeEvaluator) -> Results:
    """Yield each chunk with its verdicts, computed in this process; stop after a failure."""
    evaluator = make_evaluator()
    for chunk in chunks:
        evaluated = evaluate_chunk(evaluator, chunk.faults)
        yield chunk, evaluated
        if evaluated.failure:
            return


def run_in_processes(chunks: Iterator[Chunk], make_evaluator: MakeEvaluator, workers: int) -> Results:
    """Yield each chunk with its verdicts, computed in `workers` new processes, as they finish.

    Every worker holds `AHEAD` chunks, so that it need not wait until what it answered has been recorded. After a
    failure no further chunk is handed out; those under way are still yielded. Leaving the iteration early ends all
    processes. They are spawned, not forked: the numerical libraries run threads, which do not survive a fork.
    """
    owed: dict[Connection, tuple[_Worker, deque[Chunk]]] = {}
    all_workers: list[_Worker] = []
    failed = False
    try:
        for _ in range(workers):
            worker = _Worker.start(make_evaluator)
            all_workers.append(worker)
            owed[worker.connection] = worker, deque([NOTHING])  # it answers when its evaluator is built
        for worker, held in owed.values():  # one each, before the first that is ready takes a second
            if first := next(chunks, None):
                worker.send(first.faults)
                held.append(first)
        while owed:
            for ready in wait(list(owed)):
                assert isinstance(ready, Connection)
                worker, held = owed[ready]
                evaluated, alive = worker.receive()
                chunk = held.popleft()
                failed = failed or evaluated.failure is not None
                while not failed and len(held) < AHEAD and (following := next(chunks, None)):
                    worker.send(following.faults)
                    held.append(following)
                if not (alive and held):
                    del owed[ready]
                if chunk is not NOTHING or evaluated.failure:
                    yield chunk, evaluated
    finally:
        for worker in all_workers:
            worker.stop()


def evaluate_chunk(evaluator: EvaluatorLike[Any], faults: Sequence[FaultLike]) -> Evaluated:
    """Return the verdicts on some faults, up to the first that fails."""
    verdicts: list[tuple[str, float]] = []
    for fault in faults:
        try:
            verdict = evaluator.evaluate(fault)
        except Exception as error:
            return Evaluated(tuple(verdicts), f"fault {fault.to_json()} could not be run ({_one_line(error)})")
        verdicts.append((str(verdict.outcome), float(verdict.changed_fraction)))
    return Evaluated(tuple(verdicts))


@dataclass(frozen=True)
class _Worker:
    process: SpawnProcess
    connection: Connection

    @staticmethod
    def start(make_evaluator: MakeEvaluator) -> "_Worker":
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, make_evaluator), daemon=True)
        with _interrupts_held():
            process.start()
        theirs.close()  # the child has the only other end now: its death reads as end of file here, and ours there
        return _Worker(process, ours)

    def send(self, faults: tuple[FaultLike, ...]) -> None:
        # A worker that died while idle is noticed when its answer is awaited.
        try:
            self.connection.send(faults)
        except OSError:
            return

    def receive(self) -> tuple[Evaluated, bool]:
        """Return an answer, and whether more may follow."""
        try:
            answer = self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            code = self.process.exitcode
            died = f"a worker process died (exit code {code}; if memory is short, use fewer --workers)"
            return Evaluated((), died), False
        assert isinstance(answer, Evaluated)
        return answer, True

    def stop(self) -> None:
        self.connection.close()
        self.process.terminate()
        self.process.join()
        self.process.close()


def _serve(connection: Connection, make_evaluator: MakeEvaluator) -> None:
    """Answer chunks of faults until the other end closes, as it also does when the parent is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers
    try:
        try:
            evaluator = make_evaluator()
        except Exception as error:
            connection.send(Evaluated((), f"a worker process could not start ({_one_line(error)})"))
            return
        connection.send(Evaluated(()))
        while True:
            connection.send(evaluate_chunk(evaluator, connection.recv()))
    except (EOFError, OSError):
        return


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back inside the block; a process started there is deaf to it from its first instruction."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows has no signal masks
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, AccelSimError) else f"{type(error).__name__}: {text}"
