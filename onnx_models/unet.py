"""U-Net in torch: (3x3 convolution, batch normalisation, activation) twice per level."""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn

ACTIVATIONS: Final = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "hardsigmoid": nn.Hardsigmoid}
"""Name -> module. `hardsigmoid` is clip(x / 6 + 1/2, 0, 1), in ONNX HardSigmoid with alpha 1/6."""


class Stage(nn.Module):
    """Two times convolution, batch normalisation, activation; [N, C, H, W] to [N, K, H, W]."""

    def __init__(self, incoming: int, channels: int, activation: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(incoming, channels, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(channels)
        self.activation = ACTIVATIONS[activation]()

    def forward(self, x: Tensor) -> Tensor:
        """Apply the stage."""
        x = self.activation(self.norm1(self.conv1(x)))
        y: Tensor = self.activation(self.norm2(self.conv2(x)))
        return y


class UNet(nn.Module):
    """Encoder, base and decoder with skip connections.

    Parameters
    ----------
    bands, classes
        Channels in and out.
    filters
        Channels of the finest level; each level below has twice as many.
    levels
        Encoder levels; the base below them has `filters` x 2^levels channels.
    activation
        A key of `ACTIVATIONS`.
    widths
        Channels of every encoder level and of the base, in place of `filters` and `levels` (pruned networks).

    Raises
    ------
    ValueError
        If the activation is unknown or a number is not positive.
    """

    def __init__(
        self,
        *,
        bands: int = 25,
        classes: int = 5,
        filters: int = 32,
        levels: int = 5,
        activation: str = "relu",
        widths: Sequence[int] = (),
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"unknown activation '{activation}'; there are {', '.join(ACTIVATIONS)}")
        if min(bands, classes, filters, levels, *widths) < 1:
            raise ValueError("bands, classes, filters, levels and widths must be 1 or more")
        widths = list(widths) or [filters * 2**level for level in range(levels + 1)]
        levels, filters = len(widths) - 1, widths[0]
        self.activation_name = activation
        self.levels = levels
        self.encoder = nn.ModuleList(
            Stage(before, channels, activation)
            for before, channels in zip([bands, *widths[: levels - 1]], widths[:levels], strict=True)
        )
        self.base = Stage(widths[levels - 1], widths[levels], activation)
        # Index 0 is the finest level, as in the encoder.
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(below, channels, 2, stride=2)
            for below, channels in zip(widths[1:], widths[:levels], strict=True)
        )
        self.decoder = nn.ModuleList(Stage(2 * channels, channels, activation) for channels in widths[:levels])
        self.head = nn.Conv2d(filters, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits [N, classes, H, W] from images [N, bands, H, W]; H and W are multiples of 2^levels."""
        skips = []
        for stage in self.encoder:
            x = stage(x)
            skips.append(x)
            x = nn.functional.max_pool2d(x, 2)
        x = self.base(x)
        for level in reversed(range(self.levels)):
            x = self.decoder[level](torch.cat([skips[level], self.up[level](x)], dim=1))
        logits: Tensor = self.head(x)
        return logits


def initialise(model: UNet, seed: int) -> None:
    """Draw the start values: He for ReLU, Glorot for the bounded activations, biases 0; a pure function of `seed`.

    Parameters
    ----------
    model
        Changed in place.
    seed
        Seed of the generator.
    """
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            if model.activation_name == "relu":
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            else:
                nn.init.xavier_normal_(module.weight, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
