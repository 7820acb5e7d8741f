"""LOAD instructions of weights, biases, parameters and tables, and what the halves of their memories hold by then."""

from collections.abc import Callable

from accel_sim.compiler.jobs import Job
from accel_sim.config import AcceleratorConfig
from accel_sim.config.memories import MEMORY_IDS, PARAMETER_BYTES, TABLE_BYTES
from accel_sim.isa import Conv, Instruction, Load
from accel_sim.isa.geometry import has_parameters, taps_of
from accel_sim.program import Origin


class ConstantLoader:
    """Double buffering of constants: one half of each memory is in use while the other is loaded.

    Parameters
    ----------
    add
        Appends an instruction to the program.
    """

    def __init__(self, config: AcceleratorConfig, add: Callable[[Instruction, Origin], None]) -> None:
        self.config, self.add = config, add
        self._slot = 0
        self._loaded: dict[int, tuple[object, int, int]] = {}  # slot (half of each memory) to what it holds
        self._whole = False  # whether the weights in use reach over both halves
        self._table_slot = 0
        self._tables: dict[int, int] = {}

    def bases(self, job: Job, chunk: tuple[int, int]) -> dict[str, int]:
        """Load weights, biases and parameters of a chunk, unless they are there; return their bases."""
        template, config = job.template, self.config
        assert template is not None
        if not has_parameters(template):
            return {}
        key = (job.constants, *chunk)
        for slot, loaded in self._loaded.items():
            if loaded == key:
                return self._places(job, chunk, slot)
        slot = self._slot = 1 - self._slot
        bases, whole = self._places(job, chunk, slot), self._takes_whole(job, chunk)
        if whole or self._whole:
            self._loaded.clear()
        self._whole = whole
        self._loaded[slot] = key
        self._load_weights(job, chunk, bases["weight_base"])
        words, lanes = config.bias_words, config.output_channel_parallel
        assert job.constants.bias is not None
        assert job.constants.parameters is not None
        self.add(
            Load(
                memory=MEMORY_IDS["bias"], address=job.constants.bias + chunk[0] * words * config.word_bytes, ny=1,
                nx=1, nc=chunk[1] * words, valid=chunk[1] * words * config.word_bytes, base=bases["bias_base"],
            ),
            Origin(job.constants.names),
        )  # fmt: skip
        count = min(chunk[1] * lanes, job.target.count - chunk[0] * lanes)
        self.add(
            Load(
                memory=MEMORY_IDS["rqp"], address=job.constants.parameters + chunk[0] * lanes * PARAMETER_BYTES, ny=1,
                nx=count, nc=1, valid=PARAMETER_BYTES, ddr_pitch_x=PARAMETER_BYTES, base=bases["parameter_base"],
                pitch_x=1,
            ),
            Origin(job.constants.names),
        )  # fmt: skip
        return bases

    def _takes_whole(self, job: Job, chunk: tuple[int, int]) -> bool:
        """Whether the weights of a chunk need more than half of their memory."""
        assert job.template is not None
        rows = self.config.weight_rows if job.is_conv else self.config.depthwise_rows
        return job.constants.weights is not None and chunk[1] * taps_of(job.template) > rows // 2

    def _places(self, job: Job, chunk: tuple[int, int], slot: int) -> dict[str, int]:
        config = self.config
        rows = config.weight_rows if job.is_conv else config.depthwise_rows
        return {
            "weight_base": 0 if self._takes_whole(job, chunk) else slot * (rows // 2),
            "bias_base": slot * (config.bias_rows // 2),
            "parameter_base": slot * (config.parameter_rows // 2),
        }

    def _load_weights(self, job: Job, chunk: tuple[int, int], base: int) -> None:
        template, config = job.template, self.config
        if job.constants.weights is None or template is None:
            return
        taps, word, lanes = taps_of(template), config.word_bytes, config.output_channel_parallel
        origin = Origin(job.constants.names)
        if isinstance(template, Conv):
            count = min(chunk[1] * lanes, job.target.count - chunk[0] * lanes)
            self.add(
                Load(
                    memory=MEMORY_IDS["wgt"], address=job.constants.weights + chunk[0] * lanes * taps * word, ny=1,
                    nx=count, nc=taps, valid=taps * word, ddr_pitch_x=taps * word, base=base, pitch_x=taps,
                ),
                origin,
            )  # fmt: skip
            return
        rows = chunk[1] * taps
        self.add(
            Load(
                memory=MEMORY_IDS["dwt"], address=job.constants.weights + chunk[0] * taps * word, ny=1, nx=1, nc=rows,
                valid=rows * word, base=base,
            ),
            origin,
        )  # fmt: skip

    def table(self, address: int, names: tuple[str, ...]) -> int:
        """Load a table, unless it is there; return its number."""
        for slot, loaded in self._tables.items():
            if loaded == address:
                return slot
        slot = self._table_slot = 1 - self._table_slot
        self._tables[slot] = address
        size = TABLE_BYTES
        self.add(
            Load(memory=MEMORY_IDS["tab"], address=address, ny=1, nx=1, nc=size, valid=size, base=size * slot),
            Origin(names),
        )
        return slot
