"""The eight published sizes with low and high RAM, ``tiny``, and configurations from TOML files."""

import tomllib
from pathlib import Path

from accel_sim.config.accelerator import AcceleratorConfig
from accel_sim.errors import UsageError

# PP and ICP = OCP of DPUCZDX8G (PG338 v4.1, DPU Architecture Configurations).
_SIZES = {
    "b512": (4, 8),
    "b800": (4, 10),
    "b1024": (8, 8),
    "b1152": (4, 12),
    "b1600": (8, 10),
    "b2304": (8, 12),
    "b3136": (8, 14),
    "b4096": (8, 16),
}


def _published(name: str, pixels: int, channels: int, high: bool) -> AcceleratorConfig:
    return AcceleratorConfig(
        name=f"{name}-high" if high else name,
        pixel_parallel=pixels,
        input_channel_parallel=channels,
        output_channel_parallel=channels,
        alu_pixel_parallel=pixels // 2,
        image_groups=3 if high else 2,
    )


def _tiny() -> AcceleratorConfig:
    """Small enough to simulate gate by gate, large enough for whole networks in tiles."""
    return AcceleratorConfig(
        name="tiny",
        pixel_parallel=2,
        input_channel_parallel=4,
        output_channel_parallel=4,
        alu_pixel_parallel=1,
        image_groups=2,
        image_rows=512,
        weight_rows=512,
        depthwise_rows=256,
        bias_rows=256,
        parameter_rows=64,
        clock_mhz=100,
        ddr_bytes_per_1024_cycles=4096,
        ddr_latency_cycles=8,
        dma_words_per_cycle=1,
        fetch_cycles=2,
        queue_depth=4,
    )


PRESETS: dict[str, AcceleratorConfig] = {
    **{
        config.name: config
        for name, (pixels, channels) in _SIZES.items()
        for config in (_published(name, pixels, channels, False), _published(name, pixels, channels, True))
    },
    "tiny": _tiny(),
}
# DPU-PYNQ kv260_som (dpu_conf.vh): 5 image, 17 weight and 1 bias banks of a B4096 in UltraRAM.
KV260_URAM = {"img": 5, "wgt": 16, "dwt": 1, "bias": 1}


def load_config(name: str | Path) -> AcceleratorConfig:
    """Return a preset by name, or read a TOML file.

    A TOML file has the fields of :class:`AcceleratorConfig` as keys; ``base = "b4096"`` takes the others from a preset.

    Raises
    ------
    UsageError
        Neither a preset nor a readable file, or a value in the file is not legal.
    """
    if str(name).lower() in PRESETS:
        return PRESETS[str(name).lower()]
    path = Path(name)
    if path.suffix != ".toml":
        raise UsageError(f"architecture {str(name)!r} is neither a .toml file nor one of {', '.join(PRESETS)}")
    try:
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is no text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise UsageError(f"{path}: cannot be read ({reason}); give a TOML file of hardware parameters") from error
    try:
        plain = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: is not TOML ({error}); one key = value on a line") from error
    base = plain.pop("base", None)
    if base is not None:
        if not isinstance(base, str) or base not in PRESETS:
            raise UsageError(f"{path}: base is {base!r}, but must be one of {', '.join(PRESETS)}")
        plain = {**PRESETS[base].to_dict(), "name": path.stem, **plain}
    try:
        return AcceleratorConfig.from_dict({"name": path.stem, **plain})
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
