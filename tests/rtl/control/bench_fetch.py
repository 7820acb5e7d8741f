"""cocotb tests of decoding (what is legal, and whose it is) and of fetch and dispatch."""

# mypy: disable-error-code="untyped-decorator"
from collections import Counter
from dataclasses import dataclass
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import Timer

from tests.rtl.control.driving import PAUSES, Instance, reset
from tests.rtl.control.words import CALLS, DDR_BYTES, END, HOST, TRAP, any_word, legal_word, meaning

FETCH_CYCLES = (2, 5)
WORDS = 3000
PROGRAMS = 8


# --- decode --------------------------------------------------------------------------------------------------------
@cocotb.test()
async def decoding(dut: Any) -> None:
    """Words of all kinds: an engine, HOST, END, or a trap, as the machine's decoder and checks say."""
    rng, seen = np.random.default_rng(cocotb.RANDOM_SEED), Counter[Any]()
    dut.decode_ddr_bytes.value, dut.decode_calls.value = DDR_BYTES, CALLS
    for _ in range(WORDS):
        word = any_word(rng)
        dut.decode_word.value = word
        await Timer(1, unit="ns")
        what = meaning(word)
        found = [int(getattr(dut, f"decode_{name}").value) for name in ("legal", "engine", "host", "end")]
        engine = 1 << what if isinstance(what, int) else 0
        assert found == [what != TRAP, engine, what == HOST, what == END], f"{word:#x}: {found}, {what}"
        seen[what] += 1
    assert min(seen[what] for what in (0, 1, 2, 3, HOST, END, TRAP)) > WORDS // 200, seen


# --- fetch ---------------------------------------------------------------------------------------------------------
@dataclass
class FetchModel:
    """The rules of ``accel_sim.machine.timing`` for fetch and dispatch, with a memory and queues that may stall.

    Attributes
    ----------
    interval
        Cycles from a fetch to the next at the earliest.
    words
        The program.
    count
        Instructions that exist.
    """

    interval: int
    words: list[int]
    count: int
    state: str = "fetch"
    number: int = 0  # of the instruction that is fetched next
    earliest: int = 0  # cycle of that
    cycles: int = 0

    @property
    def what(self) -> int | str:
        """Meaning of the word that has been fetched last."""
        return meaning(self.words[self.number - 1])

    def ready(self) -> bool:
        """Whether an instruction is asked for."""
        return self.state == "fetch" and self.cycles >= self.earliest and self.number < self.count

    def step(self, valid: bool, push_ready: int, idle: bool, host_done: bool) -> None:
        """One rising edge."""
        counts = self.state in ("fetch", "dispatch")
        if self.ready() and valid:
            self.state, self.number, self.earliest = "dispatch", self.number + 1, self.cycles + self.interval
        elif self.state == "dispatch":
            self._dispatch(self.what, push_ready, idle)
        elif self.state == HOST and host_done:
            self.state = "fetch"
        self.cycles += counts

    def _dispatch(self, what: int | str, push_ready: int, idle: bool) -> None:
        if what in (HOST, END):
            self.state = str(what) if idle else self.state
        elif what == TRAP:
            self.state = TRAP
        elif push_ready >> int(what) & 1:
            self.state = "fetch"


async def check_program(fetch: Instance, model: FetchModel, pauses: tuple[float, float]) -> list[int]:
    """Run a program and compare every output at every edge; return the words that went to the queues."""
    pushed: list[int] = []
    fetch.set(start=1, count=model.count, ddr_bytes=DDR_BYTES, calls=CALLS, ins_valid=0, push_ready=0, host_done=0)
    await fetch.edge()
    fetch.set(start=0)
    still = 0
    while model.state not in (END, TRAP) and still < 40:  # nothing to be fetched any more: it waits for ever
        # Instruction memory offers the word that is asked for, and some other where none is wanted.
        offered = model.words[min(model.number, len(model.words) - 1)]
        valid, idle = not fetch.pause(pauses[0]), not fetch.pause(pauses[1])
        room = sum((not fetch.pause(pauses[1])) << e for e in range(4))
        host_done = not fetch.pause(pauses[1])
        fetch.set(ins_valid=valid, ins_word=offered, push_ready=room, idle=idle, host_done=host_done)
        await fetch.settled()
        where = f"cycle {model.cycles}, {model.state}"
        fetch.expect(
            where, ins_ready=model.ready(), number=model.number, cycles=model.cycles, running=1, ended=0, trapped=0,
            host_request=model.state == HOST,
        )  # fmt: skip
        dispatching = model.state == "dispatch" and isinstance(model.what, int)
        fetch.expect(where, push=1 << int(model.what) if dispatching else 0)
        if dispatching:
            fetch.expect(where, word=model.words[model.number - 1])
        if model.state == HOST:
            fetch.expect(where, host_call=model.words[model.number - 1] >> 24 & 0xFFF)
        before = model.state
        model.step(valid, room, idle, host_done)
        if dispatching and model.state == "fetch":
            pushed.append(model.words[model.number - 1])
        out = model.state == before == "fetch" and model.number == model.count
        still = still + 1 if out else 0
        await fetch.edge()
    await fetch.settled()
    ended, trapped = model.state == END, model.state == TRAP
    fetch.expect("over", ended=ended, trapped=trapped, running=not (ended or trapped), cycles=model.cycles, push=0)
    fetch.expect("over", ins_ready=0)
    if trapped:
        fetch.expect("over", trap_number=model.number - 1)
    await fetch.edge()
    return pushed


def program(rng: np.random.Generator) -> list[int]:
    """Words for the engines and HOST, then END, a word that traps, or nothing."""
    words = [legal_word(rng) for _ in range(int(rng.integers(1, 12)))]
    kind = rng.random()
    while kind < 0.8:
        last = any_word(rng)
        if meaning(last) == (END if kind < 0.4 else TRAP):
            return [*words, last, legal_word(rng)]  # what follows is never taken
    return words


async def check_fetch(fetch: Instance, interval: int, seen: Counter[str]) -> None:
    """Programs with every kind of pause, without a reset between them where the last one came to its end."""
    rng = np.random.default_rng(fetch.random.getrandbits(64))
    for number in range(PROGRAMS * len(PAUSES)):
        words = program(rng)
        model = FetchModel(interval, words, len(words))
        pushed = await check_program(fetch, model, PAUSES[number % len(PAUSES)])
        wanted = [w for w in words[: model.number] if isinstance(meaning(w), int)]
        assert pushed == wanted[: len(pushed)], "an instruction is doubled or out of order"
        assert len(pushed) == len(wanted), "an instruction is lost"
        seen[model.state] += 1
        if model.state == "fetch":  # it waits for instructions that do not exist; nothing but a reset ends that
            fetch.dut.rst_ni.value = 0
            await fetch.edge()
            fetch.dut.rst_ni.value = 1
            await fetch.edge()
            fetch.expect("reset", running=0, ended=0, trapped=0, ins_ready=0, push=0)


@cocotb.test()
async def fetching(dut: Any) -> None:
    """Programs with a memory, queues, engines and a host that pause: times, order, HOST, END, traps, restarts."""
    seen = Counter[str]()
    for interval, fetch in zip(FETCH_CYCLES, await reset(dut, "fetch", len(FETCH_CYCLES)), strict=True):
        await check_fetch(fetch, interval, seen)
    assert min(seen[state] for state in (END, TRAP, "fetch")) > 5, seen
