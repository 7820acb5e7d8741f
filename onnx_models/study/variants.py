"""What the study compares: networks, accelerators, sample sizes; plain values."""

from dataclasses import dataclass
from typing import Final

ACTIVATIONS: Final = ("relu", "hardsigmoid")
WIDTHS: Final[dict[str, tuple[int, ...]]] = {
    "original": (16, 32, 64, 128),
    "half-pruned": (11, 23, 45, 91),
    "pruned": (8, 16, 32, 64),
}
"""Channels of every level: times 1, 0.71 and 0.5, so that the products fall to about a half and a quarter."""
HEIGHT, WIDTH = 96, 192  # of the images, in pixels
TEST_SCENES, TEST_SEED = 60, 2


@dataclass(frozen=True)
class Variant:
    """One network of the study: how far it is pruned, and its activation function."""

    pruning: str
    activation: str

    @property
    def name(self) -> str:
        """Name of its file."""
        return f"{self.activation}-{self.pruning}"

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of every level, the base last."""
        return WIDTHS[self.pruning]


VARIANTS: Final = tuple(Variant(pruning, activation) for activation in ACTIVATIONS for pruning in WIDTHS)


@dataclass(frozen=True)
class Accelerator:
    """One accelerator of the study, as it is placed on a KV260.

    Attributes
    ----------
    arch
        The preset.
    uram_banks
        Memory to the number of its banks in UltraRAM.
    reason
        Why it is placed so.
    """

    arch: str
    uram_banks: dict[str, int]
    reason: str


ACCELERATORS: Final = (
    Accelerator("b512", {}, "72 of the 144 block RAMs: no UltraRAM needed"),
    Accelerator("b1024", {}, "104 of the 144 block RAMs: no UltraRAM needed"),
    Accelerator(
        "b4096", {"img": 5, "wgt": 16, "dwt": 1, "bias": 1},
        "255 block RAMs would not fit: weights, biases and 5 of 16 image banks in UltraRAM, as DPU-PYNQ places them",
    ),
)  # fmt: skip

MAIN_MEMORIES: Final = ("img", "wgt")
OTHER_MEMORIES: Final = ("bias", "rqp", "tab", "ddr", "ins")


@dataclass(frozen=True)
class Size:
    """How many faults a run of the study injects.

    Attributes
    ----------
    name
        ``quick``, ``standard`` or ``full``.
    faults
        In image and weight memory of each network on each accelerator.
    other_faults
        In each of the other memories.
    images
        Scenes that are struck.
    """

    name: str
    faults: int
    other_faults: int
    images: int


SIZES: Final = {
    size.name: size for size in (Size("quick", 20, 10, 1), Size("standard", 601, 75, 4), Size("full", 1537, 385, 4))
}
"""Margins at 95 % (Leveugle 2009, p = 1/2, endless population): 1537 faults 2.5 %, 601 4 %, 385 5 %, 75 11.3 %."""
