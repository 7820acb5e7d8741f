"""The frozen hardware parameters that the compiler, the machine and the RTL are made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property

from accel_sim.errors import UsageError

ENGINES = ("LOAD", "SAVE", "CONV", "ALU")
PLACEABLE = ("img", "wgt", "dwt", "bias")

# Field: smallest and largest legal value, whether it must be a power of two.
LIMITS: dict[str, tuple[int, int, bool]] = {
    "pixel_parallel": (1, 32, True),
    "input_channel_parallel": (2, 32, False),
    "output_channel_parallel": (2, 32, False),
    "alu_pixel_parallel": (1, 32, True),
    "image_groups": (1, 8, False),
    "image_rows": (64, 16384, True),
    "weight_rows": (16, 16384, False),
    "depthwise_rows": (16, 16384, False),
    "bias_rows": (16, 16384, False),
    "parameter_rows": (4, 16384, False),
    "clock_mhz": (1, 2000, False),
    "ddr_bytes_per_1024_cycles": (64, 1 << 20, False),
    "ddr_latency_cycles": (1, 4096, False),
    "dma_words_per_cycle": (1, 64, False),
    "fetch_cycles": (1, 64, False),
    "queue_depth": (1, 64, False),
}


@dataclass(frozen=True)
class AcceleratorConfig:
    """One accelerator.

    Attributes
    ----------
    name
        What reports call it.
    pixel_parallel, input_channel_parallel, output_channel_parallel
        PP, ICP and OCP: products per cycle are ``PP * ICP * OCP``. A word of every buffer is ICP bytes; an output word
        of the array is an input word of the next layer, so OCP equals ICP (as in every DPUCZDX8G).
    alu_pixel_parallel
        Pixels per cycle of the ALU engine (PG338: half of PP).
    image_groups
        Groups of PP image banks: 2 (RAM usage low) or 3 (high) in the DPU.
    image_rows, weight_rows, depthwise_rows, bias_rows
        Rows of a bank, ICP bytes each.
    parameter_rows
        Rows of a bank of requantisation parameters, 8 bytes each, a bank per output channel lane.
    clock_mhz
        Clock of the array.
    ddr_bytes_per_1024_cycles
        Bandwidth of either direction of the memory port, in bytes per 1024 cycles (an integer, so that every cycle
        number is one).
    ddr_latency_cycles
        From a request to the first word.
    dma_words_per_cycle
        Words that a LOAD or SAVE moves per cycle at most.
    fetch_cycles
        Cycles from one dispatched instruction to the next.
    queue_depth
        Instructions that wait in front of each engine.
    uram_banks
        Memory name to number of its banks placed in UltraRAM; the others are block RAM.
    ecc
        Names of memories with SECDED.
    """

    name: str
    pixel_parallel: int
    input_channel_parallel: int
    output_channel_parallel: int
    alu_pixel_parallel: int
    image_groups: int
    image_rows: int = 2048
    weight_rows: int = 2048
    depthwise_rows: int = 2048
    bias_rows: int = 2048
    parameter_rows: int = 512
    clock_mhz: int = 300
    ddr_bytes_per_1024_cycles: int = 26624
    ddr_latency_cycles: int = 64
    dma_words_per_cycle: int = 4
    fetch_cycles: int = 4
    queue_depth: int = 16
    uram_banks: Mapping[str, int] = field(default_factory=dict)
    ecc: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for parameter, (low, high, power) in LIMITS.items():
            self._check_number(parameter, getattr(self, parameter), low, high, power)
        if self.output_channel_parallel != self.input_channel_parallel:
            raise UsageError(
                f"configuration {self.name!r}: output_channel_parallel {self.output_channel_parallel} differs from "
                f"input_channel_parallel {self.input_channel_parallel}; an output word is the next layer's input word, "
                "so make them equal"
            )
        if self.alu_pixel_parallel > self.pixel_parallel:
            raise UsageError(
                f"configuration {self.name!r}: alu_pixel_parallel {self.alu_pixel_parallel} exceeds pixel_parallel "
                f"{self.pixel_parallel}; the ALU reads the banks of one group, so use at most that many"
            )
        for memory, banks in self.uram_banks.items():
            self._check_placement(memory, banks)
        for memory in self.ecc:
            if memory not in (*PLACEABLE, "ddr"):
                known = ", ".join((*PLACEABLE, "ddr"))
                raise UsageError(f"configuration {self.name!r}: ecc names the memory {memory!r}; use some of {known}")

    def _check_number(self, parameter: str, value: object, low: int, high: int, power: bool) -> None:
        kind = "a power of two" if power else "an integer"
        legal = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        if not legal or (power and value & (value - 1)):  # type: ignore[operator]
            raise UsageError(
                f"configuration {self.name!r}: {parameter} is {value!r}, but must be {kind} from {low} to {high}"
            )

    def _check_placement(self, memory: str, banks: object) -> None:
        if memory not in PLACEABLE:
            raise UsageError(
                f"configuration {self.name!r}: uram_banks names the memory {memory!r}; use some of "
                f"{', '.join(PLACEABLE)}"
            )
        most = self.banks(memory)
        if not isinstance(banks, int) or isinstance(banks, bool) or not 0 <= banks <= most:
            raise UsageError(
                f"configuration {self.name!r}: uram_banks of {memory} is {banks!r}, but must be an integer from 0 to "
                f"its {most} banks"
            )

    def banks(self, memory: str) -> int:
        """Return the number of banks of an on-chip buffer."""
        counts = {
            "img": self.image_groups * self.pixel_parallel,
            "wgt": self.output_channel_parallel,
            "dwt": 1,
            "bias": 1,
            "rqp": self.output_channel_parallel,
            "tab": self.alu_pixel_parallel * self.input_channel_parallel,
        }
        return counts[memory]

    @cached_property
    def image_lines(self) -> int:
        """Linear rows of image memory: row r of group g is linear row ``g * image_rows + r``, PP words wide."""
        return self.image_groups * self.image_rows

    @property
    def word_bytes(self) -> int:
        """Bytes of a buffer word."""
        return self.input_channel_parallel

    @property
    def bias_words(self) -> int:
        """Words of one group of int32 biases."""
        return -(-4 * self.output_channel_parallel // self.input_channel_parallel)

    @property
    def peak_ops_per_cycle(self) -> int:
        """Multiplications and additions of the array per cycle."""
        return 2 * self.pixel_parallel * self.input_channel_parallel * self.output_channel_parallel

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON; :meth:`from_dict` reads them back."""
        plain: dict[str, object] = {f.name: getattr(self, f.name) for f in fields(self)}
        plain["uram_banks"], plain["ecc"] = dict(self.uram_banks), list(self.ecc)
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, object]) -> "AcceleratorConfig":
        """Build from plain values, as read from TOML or JSON.

        Raises
        ------
        UsageError
            A key is unknown or missing, or a value is not legal.
        """
        name = plain.get("name")
        if not isinstance(name, str) or not name:
            raise UsageError('configuration without a name; set name = "..."')
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(plain) - known)
        if unknown:
            raise UsageError(
                f"configuration {name!r}: unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}"
            )
        required = ("pixel_parallel", "input_channel_parallel", "output_channel_parallel", "alu_pixel_parallel",
                    "image_groups")  # fmt: skip
        missing = [key for key in required if key not in plain]
        if missing:
            raise UsageError(f'configuration {name!r}: {missing[0]} is missing; set it, or start from base = "b512"')
        values = dict(plain)
        uram, ecc = values.pop("uram_banks", {}), values.pop("ecc", ())
        if not isinstance(uram, Mapping):
            raise UsageError(f"configuration {name!r}: uram_banks is {uram!r}, but must be a table of memory = banks")
        if not isinstance(ecc, list | tuple) or not all(isinstance(memory, str) for memory in ecc):
            raise UsageError(f"configuration {name!r}: ecc is {ecc!r}, but must be a list of memory names")
        return cls(uram_banks=dict(uram), ecc=tuple(ecc), **values)  # type: ignore[arg-type]
