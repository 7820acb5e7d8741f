"""Module parameters of the RTL and places of its memories, from an :class:`AcceleratorConfig`."""

from dataclasses import dataclass

from accel_sim.config import AcceleratorConfig, memory_map, register_map
from accel_sim.config.memories import INSTRUCTION_BYTES
from accel_sim.errors import UsageError

# Enough for most programs, so that they share one build.
LEAST_DDR_BYTES = 1 << 22
LEAST_INSTRUCTIONS = 1 << 14


@dataclass(frozen=True)
class Array:
    """One unpacked array of the simulated design.

    Attributes
    ----------
    memory, bank
        The Machine's name and bank.
    path
        Hierarchical name below the top, with generate indices in brackets.
    rows, row_bytes
        Elements, and the bytes of one that hold data.
    stride_bytes
        Distance of elements in the simulator: 1, 2, 4, 8, or a multiple of 4 (Verilator's storage classes).
    """

    memory: str
    bank: int
    path: str
    rows: int
    row_bytes: int
    stride_bytes: int


def stride(row_bytes: int) -> int:
    """Return the bytes that Verilator takes for an element of `row_bytes` bytes."""
    return next((size for size in (1, 2, 4, 8) if row_bytes <= size), -(-row_bytes // 4) * 4)


def power_of_two(least: int, needed: int) -> int:
    """Return the smallest power of two that is neither below `least` nor below `needed`."""
    return max(least, 1 << max(needed - 1, 0).bit_length())


def module_parameters(config: AcceleratorConfig, *, block_ram: bool = False) -> dict[str, int]:
    """Return the parameters of ``accel_core``.

    Parameters
    ----------
    block_ram
        Buffers with registered outputs, as block RAM has: one more edge per operand than the Machine counts.

    Raises
    ------
    UsageError
        The RTL cannot be built in this configuration.
    """
    if config.dma_words_per_cycle != 1:
        raise UsageError(
            f"architecture {config.name!r}: dma_words_per_cycle is {config.dma_words_per_cycle}, but the transfer "
            "engines of the RTL move 1 word per cycle; use tiny, or set dma_words_per_cycle = 1 in a TOML file"
        )
    return {
        "PixelParallel": config.pixel_parallel,
        "Channels": config.input_channel_parallel,
        "AluPixels": config.alu_pixel_parallel,
        "ImageGroups": config.image_groups,
        "ImageRows": config.image_rows,
        "WeightRows": config.weight_rows,
        "DepthwiseRows": config.depthwise_rows,
        "BiasRows": config.bias_rows,
        "ParameterRows": config.parameter_rows,
        "BytesPer1024Cycles": config.ddr_bytes_per_1024_cycles,
        "FetchCycles": config.fetch_cycles,
        "QueueDepth": config.queue_depth,
        "BufferLatency": int(block_ram),
    }


def bench_parameters(
    config: AcceleratorConfig, ddr_bytes: int, instructions: int, *, block_ram: bool = False
) -> dict[str, int]:
    """Return the parameters of ``accel_bench`` for programs up to a size; sizes are rounded up to share builds."""
    return {
        **module_parameters(config, block_ram=block_ram),
        "DdrLatency": config.ddr_latency_cycles,
        "DdrBytes": power_of_two(LEAST_DDR_BYTES, ddr_bytes),
        "Instructions": power_of_two(LEAST_INSTRUCTIONS, instructions),
    }


PLACES = {
    "img": "core.buffers.gen_img[{bank}].img.mem",
    "wgt": "core.buffers.gen_wgt[{bank}].wgt.mem",
    "dwt": "core.buffers.dwt.mem",
    "bias": "core.buffers.bias.mem",
    "rqp": "core.buffers.gen_rqp[{bank}].rqp.mem",
    "tab": "core.buffers.gen_tab[{bank}].tab.mem",
}


def arrays(config: AcceleratorConfig, parameters: dict[str, int]) -> list[Array]:
    """List every memory bank and register class of ``accel_bench`` as an array."""
    found = []
    for name, spec in memory_map(config).items():
        for bank in range(spec.banks):
            size = spec.rows, spec.row_bytes, stride(spec.row_bytes)
            found.append(Array(name, bank, PLACES[name].format(bank=bank), *size))
    found.append(Array("ddr", 0, "memory.ddr", parameters["DdrBytes"], 1, 1))
    size = parameters["Instructions"], INSTRUCTION_BYTES, stride(INSTRUCTION_BYTES)
    found.append(Array("ins", 0, "memory.ins", *size))
    for name, register in register_map(config).items():
        place = "core.conv.datapath" if register.engine == "CONV" else "core.alu.datapath"
        width = register.row_bits // 8
        for bank in range(register.banks):
            found.append(Array(name, bank, f"{place}.{name}[{bank}]", register.rows, width, stride(width)))
    return found
