"""A Program on the simulated RTL, with this process as its host."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from accel_sim.errors import UsageError
from accel_sim.isa import Host
from accel_sim.machine import BitUpset, Machine, MachineResult
from accel_sim.machine.machine import BUDGET, Array, HostRunner, _NeverMadeError
from accel_sim.machine.memory import StuckBit, check_upset
from accel_sim.program import Program
from accel_sim.rtl.build import PUBLIC
from accel_sim.rtl.parameters import Array as RtlArray
from accel_sim.rtl.simulation import Simulation, Status
from accel_sim.rtl.toolchain import SOURCES


class RtlAccelerator(Machine):
    """The same memories, the same host and the same upsets as :class:`Machine`, executed by the RTL.

    Parameters
    ----------
    program, host
        As for :class:`Machine`.
    block_ram
        Buffers with registered outputs: the same bytes in more cycles.
    folder
        Hardware description.
    compact, more, public
        As for :class:`Simulation`.

    Attributes
    ----------
    memories
        DDR and instructions are the simulator's own storage; the buffers are copied by :meth:`settle`.
    """

    def __init__(
        self,
        program: Program,
        host: HostRunner,
        *,
        block_ram: bool = False,
        folder: Path = SOURCES,
        compact: bool = False,
        more: Sequence[RtlArray] = (),
        public: str = PUBLIC,
    ) -> None:
        super().__init__(program, host)
        ddr, ins = self.memories["ddr"].spec, self.memories["ins"].spec
        ddr_bytes = ddr.rows * ddr.row_bytes
        self.simulation = Simulation(
            program.config, ddr_bytes, ins.rows,
            block_ram=block_ram, folder=folder, compact=compact, more=more, public=public,
        )  # fmt: skip
        stored = self.simulation.banks["ddr"][0].reshape(-1)[:ddr_bytes]
        self.memories["ddr"].data = stored.reshape(1, ddr.rows, ddr.row_bytes)
        self.memories["ins"].data = self.simulation.banks["ins"][0][None, : ins.rows]
        self.clear()

    def clear(self) -> None:
        """Zero all memories and registers, and let the host write constants and instructions anew."""
        self.simulation.clear()
        self.settle()
        self.reload()

    def settle(self) -> None:
        """Copy the simulated buffers to :attr:`memories`."""
        for name, banks in self.simulation.banks.items():
            if name in self.memories and name not in ("ddr", "ins"):
                self.memories[name].data[...] = np.stack(banks)

    def run(
        self,
        inputs: Mapping[str, Array],
        upsets: Sequence[BitUpset] = (),
        *,
        reload: bool = True,
        stuck: Sequence[StuckBit] = (),
    ) -> MachineResult:
        """Run one inference; see :meth:`Machine.run`.

        Raises
        ------
        UsageError
            Stuck bits are asked for.
        """
        if stuck:
            raise UsageError("level rtl flips bits but does not hold them; use level machine for stuck bits")
        for upset in upsets:
            check_upset(upset, self.program.memories, self.registers, self.schedule.cycles)
        self.begin(inputs, reload=reload)
        return self.finish(sorted(upsets, key=lambda upset: upset.cycle))

    def begin(self, inputs: Mapping[str, Array], *, reload: bool = True) -> None:
        """Write an inference's inputs to DDR and start; no edge has passed yet."""
        if reload:
            self.reload()
        self._on_host = {}
        for name in self.program.inputs:
            self._write(name, np.asarray(inputs[name]))
        self.simulation.start(len(self.program.instructions), self._ddr_bytes, len(self.program.calls))

    def advance(self, cycles: int) -> Status:
        """Step until `cycles` edges have passed or the program is over; serve the host on the way."""
        while (status := self.simulation.run(cycles)) is Status.HOST:
            self.step(Host(call=self.simulation.call), None, 0)
            self.simulation.resume()
        return status

    def finish(
        self, upsets: Sequence[BitUpset], shortcut: Callable[[], MachineResult | None] = lambda: None
    ) -> MachineResult:
        """Step to the end from where the simulation is.

        Parameters
        ----------
        upsets
            Sorted by cycle; none of them lies before this edge. Each is struck when the edge of its cycle has passed.
        shortcut
            Called when all of them are struck: may step on, and return the result if it knows it.
        """
        try:
            for upset in upsets:
                if self.advance(upset.cycle + 1) is Status.TRAPPED:
                    break
                if self.simulation.cycles > upset.cycle:
                    self.strike(upset)
            return shortcut() or self._finish()
        except _NeverMadeError as error:
            cycles = self.simulation.cycles
            return MachineResult({}, cycles, "trap", f"the host waits for {error}, which was never made")

    def _finish(self) -> MachineResult:
        simulation, budget = self.simulation, BUDGET * self.schedule.cycles
        status = self.advance(budget + 1)
        if status is Status.TRAPPED:
            return MachineResult({}, self.schedule.cycles, "trap", f"at instruction {simulation.trap}")
        if status is Status.ENDED:
            return MachineResult({n: self._read(n) for n in self.program.outputs}, simulation.cycles)
        return MachineResult({}, budget, "hang", f"after {simulation.cycles} cycles")

    @property
    def on_host(self) -> dict[str, Array]:
        """Tensors that the host keeps to itself."""
        return self._on_host

    @on_host.setter
    def on_host(self, tensors: dict[str, Array]) -> None:
        self._on_host = tensors

    def strike(self, upset: BitUpset) -> None:
        """Flip a bit of the simulated storage, and make sure that it flipped."""
        if upset.memory == "ddr":
            self.memories["ddr"].flip(upset)
            return
        row = self.simulation.banks[upset.memory][upset.bank][upset.row]
        before = int(row[upset.bit // 8])
        row[upset.bit // 8] ^= np.uint8(1 << upset.bit % 8)
        assert int(row[upset.bit // 8]) == before ^ 1 << upset.bit % 8
