"""The accelerator edge by edge, with the ports of its memories: what two engines at one port do to each other.

The compiler's tokens keep two engines from a port. An instruction that has lost a token does not wait: then the
multiplexers in front of the port, which are plain ORs, see two requests, and the bank gets the OR of both rows and of
both words.
"""

from typing import Any

import numpy as np

from tests.oracles.edges import Edges

SHARED = ("img", "bias", "rqp")  # memories that more than one engine reads, or writes


class Port:
    """A memory with one read port and one write port per bank, in place of its array."""

    def __init__(self, data: Any) -> None:
        self.data, self.shape = data, data.shape
        self.recording, self.writer = False, 0
        self.asked: dict[int, int] = {}
        self.written: dict[int, dict[int, tuple[int, Any]]] = {}

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key[0], int | np.integer):
            return self.data[key]
        bank, row, *part = key
        if self.recording:
            self.asked[bank] = self.asked.get(bank, 0) | int(row)
        value = self.data[bank, self.asked.get(bank, row)]
        return value[part[0]] if part else value

    def __setitem__(self, key: Any, value: Any) -> None:
        bank, row, *part = key
        asked = self.written.setdefault(bank, {})
        _, word = asked.setdefault(self.writer, (int(row), np.zeros(self.shape[2], np.uint8)))
        word[part[0] if part else slice(None)] = value

    def commit(self) -> None:
        """Write what was asked for at this edge."""
        for bank, asked in self.written.items():
            row, word = 0, np.zeros(self.shape[2], np.uint8)
            for one_row, one_word in asked.values():
                row, word = row | one_row, word | one_word
            self.data[bank, row] = word
        self.asked, self.written = {}, {}


class PortEdges(Edges):
    """:class:`Edges` whose shared memories have ports; for runs without upsets."""

    def run_ports(self) -> None:
        """Run to the end."""
        ports = [Port(self.memory[name]) for name in SHARED]
        self.memory.update(zip(SHARED, ports, strict=True))
        for edge in range(self.machine.schedule.cycles):
            samples = self.micro.get(edge, [])
            for port in ports:
                port.recording = True
            for sample in samples:
                sample()
            for port in ports:
                port.recording = False
            commits = [sample() for sample in samples]
            for number, commit in enumerate(commits):
                for port in ports:
                    port.writer = number
                commit()
            for port in ports:
                port.commit()
