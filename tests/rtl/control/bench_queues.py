"""cocotb tests of the queues in front of the engines, and of the issue logic with its tokens."""

# mypy: disable-error-code="untyped-decorator"
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

import cocotb

from tests.rtl.control.driving import PAUSES, Instance, reset

QUEUE_DEPTHS = (1, 2, 3, 5)
ISSUE_DEPTHS = (1, 4)
ENGINES = 4
HEADS = {"load": 193, "save": 193, "conv": 331, "alu": 485}  # bits of an instruction above opcode, masks and layer
COMMON = 24


# --- queues --------------------------------------------------------------------------------------------------------
async def check_queue(queue: Instance, depth: int, count: int, pauses: tuple[float, float]) -> None:
    """Send numbers through; the model is a deque, compared at every edge."""
    model: deque[int] = deque()
    sent = received = edge = 0
    item = None
    while received < count:
        if item is None and sent < count and not queue.pause(pauses[0]):
            item = queue.random.randrange(256)
        pop = not queue.pause(pauses[1])
        queue.set(push=item is not None, push_data=item or 0, pop=pop)
        await queue.settled()
        popped = pop and bool(model)
        ready = len(model) < depth or popped
        queue.expect(edge, head_valid=bool(model), push_ready=ready)
        if model:
            queue.expect(edge, head=model[0])
        if popped:
            model.popleft()
            received += 1
        if item is not None and ready:
            model.append(item)
            item, sent = None, sent + 1
        edge += 1
        await queue.edge()
    queue.set(push=0, pop=0)


@cocotb.test()
async def queues(dut: Any) -> None:
    """Every depth, with pauses on both sides: first in, first out, nothing lost, a push at the edge of a pop."""
    found = await reset(dut, "queue", len(QUEUE_DEPTHS))
    for pauses in PAUSES:
        tasks = [cocotb.start_soon(check_queue(q, d, 120, pauses)) for q, d in zip(found, QUEUE_DEPTHS, strict=True)]
        for task in tasks:
            await task


@cocotb.test()
async def a_reset_empties_queues(dut: Any) -> None:
    """What waits when the reset comes is gone."""
    found = await reset(dut, "queue", len(QUEUE_DEPTHS))
    for queue in found:
        queue.set(push=1, push_data=0x5A)
    for _ in range(7):
        await found[0].edge()
    for queue in found:
        queue.set(push=0)
        assert queue.get("head_valid") == 1
        assert queue.get("push_ready") == 0
    dut.rst_ni.value = 0
    await found[0].edge()
    dut.rst_ni.value = 1
    await found[0].edge()
    for queue, depth in zip(found, QUEUE_DEPTHS, strict=True):
        assert queue.get("head_valid") == 0
        await check_queue(queue, depth, 20, (0.0, 0.0))


# --- issue ---------------------------------------------------------------------------------------------------------
@dataclass
class IssueModel:
    """Queues, tokens and engines in Python."""

    depth: int
    queues: list[deque[int]] = field(default_factory=lambda: [deque() for _ in range(ENGINES)])
    tokens: Counter[tuple[int, int]] = field(default_factory=Counter)
    running: list[int | None] = field(default_factory=lambda: [None] * ENGINES)  # the instruction
    left: list[int] = field(default_factory=lambda: [0] * ENGINES)  # edges until it is done

    def starting(self) -> list[bool]:
        """Engines that start the head of their queue at the next edge."""
        found = []
        for engine, queue in enumerate(self.queues):
            sources = [s for s in range(ENGINES) if queue and wait_of(queue[0]) >> s & 1]
            free = self.running[engine] is None
            found.append(bool(queue) and free and all(self.tokens[s, engine] for s in sources))
        return found

    def step(self, push: tuple[int, int] | None, durations: list[int]) -> None:
        """One rising edge."""
        starting = self.starting()
        for engine in range(ENGINES):
            running = self.running[engine]
            if running is not None:
                self.left[engine] -= 1
                if not self.left[engine]:
                    self.tokens.update((engine, t) for t in range(ENGINES) if signal_of(running) >> t & 1)
                    self.running[engine] = None
        for engine in range(ENGINES):
            if starting[engine]:
                word = self.queues[engine].popleft()
                self.tokens.subtract((s, engine) for s in range(ENGINES) if wait_of(word) >> s & 1)
                self.running[engine], self.left[engine] = word, durations[engine]
        if push is not None:
            self.queues[push[0]].append(push[1])

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing runs."""
        return not any(self.queues) and all(one is None for one in self.running)


def wait_of(word: int) -> int:
    """Mask of engines whose tokens an instruction waits for."""
    return word >> 4 & 15


def signal_of(word: int) -> int:
    """Mask of engines for which it puts out a token."""
    return word >> 8 & 15


def program(issue: Instance, count: int) -> list[tuple[int, int]]:
    """Random words for random engines; each waits only for tokens that instructions before it put out."""
    found, tokens = [], Counter[tuple[int, int]]()
    for _ in range(count):
        engine, wait = issue.random.randrange(ENGINES), 0
        for source in range(ENGINES):
            if tokens[source, engine] and issue.random.random() < 0.6:
                wait |= 1 << source
                tokens[source, engine] -= 1
        signal = issue.random.getrandbits(4) & issue.random.getrandbits(4)
        tokens.update((engine, target) for target in range(ENGINES) if signal >> target & 1)
        word = issue.random.getrandbits(512) >> 12 << 12 | signal << 8 | wait << 4 | issue.random.getrandbits(4)
        found.append((engine, word))
    return found


async def check_issue(issue: Instance, depth: int, count: int, pauses: tuple[float, float]) -> None:
    """A program through the queues onto engines of random durations; every output at every edge."""
    model, words, edge = IssueModel(depth), deque(program(issue, count)), 0
    offered: tuple[int, int] | None = None
    issue.set(clear=1, push=0, busy=0, done=0)
    await issue.edge()
    issue.set(clear=0)
    while words or offered or not model.idle:
        if offered is None and words and not issue.pause(pauses[0]):
            offered = words.popleft()
        busy = sum((one is not None) << e for e, one in enumerate(model.running))
        done = sum((one is not None and model.left[e] == 1) << e for e, one in enumerate(model.running))
        issue.set(push=1 << offered[0] if offered else 0, word=offered[1] if offered else 0, busy=busy, done=done)
        await issue.settled()
        starting = model.starting()
        ready = [len(queue) < depth or starting[e] for e, queue in enumerate(model.queues)]
        bits = {"start": starting, "push_ready": ready}
        issue.expect(edge, idle=model.idle, **{n: sum(b << e for e, b in enumerate(v)) for n, v in bits.items()})
        for (name, width), queue in zip(HEADS.items(), model.queues, strict=True):
            if queue:
                issue.expect(edge, **{name: queue[0] >> COMMON & (1 << width) - 1})
        long = 12 if issue.random.random() < pauses[1] else 3
        durations = [issue.random.randrange(1, 1 + long) for _ in range(ENGINES)]
        taken = offered is not None and ready[offered[0]]
        model.step(offered if taken else None, durations)
        offered = None if taken else offered
        edge += 1
        assert edge < 100 * count, f"{model} hangs"
        await issue.edge()
    issue.set(push=0, busy=0, done=0)
    assert any(model.tokens.values()), "no token is left over for the clearing of the next program"


@cocotb.test()
async def issue(dut: Any) -> None:
    """Queues and tokens in front of four engines: who starts at which edge, in which order, and with what."""
    found = await reset(dut, "issue", len(ISSUE_DEPTHS))
    for pauses in PAUSES:
        tasks = [cocotb.start_soon(check_issue(i, d, 80, pauses)) for i, d in zip(found, ISSUE_DEPTHS, strict=True)]
        for task in tasks:
            await task
