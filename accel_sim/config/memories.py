"""The memory map: every memory and register class with its size, and what it costs in block RAM."""

from dataclasses import dataclass
from fractions import Fraction

from accel_sim.config.accelerator import AcceleratorConfig

DDR_ROW_BYTES = 16
INSTRUCTION_BYTES = 64
PARAMETER_BYTES = 8
TABLE_BYTES = 256
TABLES = 2
MEMORY_IDS = {"img": 0, "wgt": 1, "dwt": 2, "bias": 3, "rqp": 4, "tab": 5}


@dataclass(frozen=True)
class MemorySpec:
    """Shape of one memory.

    Attributes
    ----------
    name
        Name of the memory, the same in reports, faults and RTL.
    banks, rows, row_bytes
        Its bits are ``banks * rows * row_bytes * 8``; bit b of a row is bit ``b % 8`` of byte ``b // 8``.
    uram_banks
        Banks from 0 on that are UltraRAM.
    kind
        ``bram`` (any bank may be UltraRAM), ``lutram`` or ``ddr``.
    ecc
        Whether SECDED protects it.
    content
        What it holds.
    """

    name: str
    banks: int
    rows: int
    row_bytes: int
    kind: str
    content: str
    uram_banks: int = 0
    ecc: bool = False

    @property
    def bits(self) -> int:
        """Data bits."""
        return self.banks * self.rows * self.row_bytes * 8

    def kind_of(self, bank: int) -> str:
        """Technology of one bank."""
        return "uram" if bank < self.uram_banks else self.kind


@dataclass(frozen=True)
class RegisterSpec:
    """A class of registers: a bank per lane, a row per register of the lane, `row_bits` bits each."""

    name: str
    engine: str
    banks: int
    rows: int
    row_bits: int
    content: str

    @property
    def bits(self) -> int:
        """Data bits."""
        return self.banks * self.rows * self.row_bits


def memory_map(config: AcceleratorConfig) -> dict[str, MemorySpec]:
    """On-chip memories by name, in the order of their identifiers.

    The first four are those of DPUCZDX8G (AMD, Vitis-AI ``target_factory``, targets of ISA1: bank groups VB0.., CONVW,
    DWCONVW, BIAS). Requantisation parameters and activation tables are additions of this project: the DPU shifts by
    powers of two and has no tables. Instructions and DDR are as large as a program needs (see ``Program``).
    """
    word = config.word_bytes
    rows = {
        "img": (config.image_rows, word, "bram", "feature maps"),
        "wgt": (config.weight_rows, word, "bram", "convolution weights"),
        "dwt": (config.depthwise_rows, word, "bram", "depthwise weights"),
        "bias": (config.bias_rows, word, "bram", "bias"),
        "rqp": (config.parameter_rows, PARAMETER_BYTES, "lutram", "requantisation parameters"),
        "tab": (TABLES * TABLE_BYTES, 1, "lutram", "activation tables"),
    }
    return {
        name: MemorySpec(
            name, config.banks(name), depth, width, kind, content, config.uram_banks.get(name, 0), name in config.ecc
        )
        for name, (depth, width, kind, content) in rows.items()
    }


def register_map(config: AcceleratorConfig) -> dict[str, RegisterSpec]:
    """Return the registers of the two compute engines by name: operands, accumulators, requantiser."""
    found = {}
    for prefix, engine, lanes, weight_lanes, channels in (
        ("pe", "CONV", config.pixel_parallel, config.output_channel_parallel, config.output_channel_parallel),
        ("alu", "ALU", config.alu_pixel_parallel, 1, config.input_channel_parallel),
    ):
        for name, banks, rows, bits, content in (
            ("act", lanes, config.input_channel_parallel, 8, "activation operands"),
            ("wgt", weight_lanes, config.input_channel_parallel, 8, "weight operands"),
            ("acc", lanes, channels, 32, "accumulators"),
            ("rqa", lanes, channels, 32, "requantiser input: shifted and biased accumulators"),
            ("rqo", lanes, channels, 8, "requantiser output: codes"),
        ):
            found[f"{prefix}_{name}"] = RegisterSpec(f"{prefix}_{name}", engine, banks, rows, bits, content)
    return found


def bram36_per_bank(rows: int, row_bytes: int) -> Fraction:
    """Block RAMs of 36 kbit for a bank: columns of 2K x 18, a narrow rest in half a block of 2K x 9.

    Source: the map that reproduces all 16 totals of PG338 v4.0 (RAM Usage): 4, 4.5, 5.5, 6.5 and 7.5 blocks for banks
    of 2048 rows of 8, 10, 12, 14 and 16 bytes. The ninth bit of a block's byte is used for data.
    """
    halves_deep = -(-rows // 2048)
    return Fraction(-(-8 * row_bytes // 9), 2) * halves_deep


def uram288_per_bank(rows: int, row_bytes: int) -> int:
    """UltraRAM blocks (4096 rows of 72 bits) for a bank."""
    return -(-8 * row_bytes // 72) * -(-rows // 4096)


def block_rams(config: AcceleratorConfig) -> tuple[Fraction, int]:
    """BRAM36 and URAM288 blocks of the four published buffers under the configuration's placement."""
    bram, uram = Fraction(0), 0
    for spec in memory_map(config).values():
        if spec.kind == "bram":
            bram += (spec.banks - spec.uram_banks) * bram36_per_bank(spec.rows, spec.row_bytes)
            uram += spec.uram_banks * uram288_per_bank(spec.rows, spec.row_bytes)
    return bram, uram
