"""How large a run of the paper's experiment is: networks, pictures, epochs, pruning and samples; plain values."""

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ACTIVATIONS: Final = ("relu", "sigmoid", "hardsigmoid")
VERSIONS: Final = ("original", "pruned1", "pruned2")
SCHEMES: Final = ("tflite", "dpu")
QUANTISED_VERSIONS: Final = ("original", "pruned2")

_BESIDE_THE_MODELS: Final = ("per_set", "images", "repeats")


@dataclass(frozen=True)
class Schedule:
    """Training and pruning of the networks with one activation function.

    Attributes
    ----------
    epochs
        Passes over the training pictures (the paper: 200 for ReLU, 1000 for the others).
    fine_tuning_epochs
        Passes after each pruning (the paper: 60 and 200).
    learning_rate
        Peak of the one-cycle schedule of the training.
    ratios
        Share of the operations to remove, one number per pruning, each of the network before it (Section II-B).
    """

    epochs: int
    fine_tuning_epochs: int
    learning_rate: float
    ratios: tuple[float, float]


_RATIOS: Final = {"relu": (0.5, 0.5), "sigmoid": (0.4, 0.2), "hardsigmoid": (0.5, 0.4)}
_LEARNING_RATES: Final = {"relu": 6e-3, "sigmoid": 2e-2, "hardsigmoid": 2e-2}


def _schedules(relu: tuple[int, int], bounded: tuple[int, int]) -> tuple[Schedule, ...]:
    epochs = {"relu": relu, "sigmoid": bounded, "hardsigmoid": bounded}
    return tuple(Schedule(*epochs[name], _LEARNING_RATES[name], _RATIOS[name]) for name in ACTIVATIONS)


@dataclass(frozen=True)
class Recipe:
    """All that decides the results of a run, besides package versions and the processor's float arithmetic.

    Attributes
    ----------
    filters, levels
        Channels of the finest level of the U-Net, and its encoder levels (the paper: 32 and 5).
    height, width
        Picture size in pixels, multiples of 2^levels.
    schedules
        One `Schedule` per activation function, in the order of `ACTIVATIONS`.
    train_scenes, validation_scenes, test_scenes
        Synthetic pictures of the three streams; no stream shares a picture with another. Of a dataset, at most so
        many pictures of its splits are taken, in the order of its lists.
    calibration_scenes
        First training pictures, for the ranges of quantisation and for fast fine-tuning.
    sensitivity_scenes
        First validation pictures, for the sensitivity analysis.
    batch, weight_decay, class_power
        Of training, as in `onnx_models.fit.Recipe`.
    tuning_steps
        Optimiser steps per layer of fast fine-tuning.
    tuned_from_points
        A quantised network that loses more global or weighted IoU than this on the validation pictures is fine-tuned.
    seed
        Start values, order, mirroring, choice of batches.
    bfloat16
        Train in mixed precision (products in bfloat16, weights and statistics in float32). Scores, sensitivities and
        exported files are always float32.
    per_set
        Faults per parameter set of the campaigns (the paper: 1550).
    images
        Test pictures that the campaigns strike.
    repeats
        Further seeds that the originals are trained from, for the spread of their scores.
    dataset
        Folder `HSIDrive20` of HSI-Drive v2.0 in its Python form; None for synthetic scenes.

    Raises
    ------
    ValueError
        If a size cannot be; the message names the field, its value and the limit.
    """

    filters: int = 32
    levels: int = 5
    height: int = 64
    width: int = 128
    schedules: tuple[Schedule, ...] = _schedules((10, 3), (16, 4))
    train_scenes: int = 640
    validation_scenes: int = 48
    test_scenes: int = 96
    calibration_scenes: int = 64
    sensitivity_scenes: int = 16
    batch: int = 8
    weight_decay: float = 1e-4
    class_power: float = 0.4
    tuning_steps: int = 100
    tuned_from_points: float = 1.0
    seed: int = 7
    bfloat16: bool = True
    per_set: int = 1550
    images: int = 4
    repeats: int = 2
    dataset: Path | None = None

    def __post_init__(self) -> None:
        """Refuse sizes that cannot be."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            least = {"seed": None, "repeats": 0}.get(field.name, 1)
            if isinstance(value, int) and not isinstance(value, bool) and least is not None and value < least:
                raise ValueError(f"{field.name} is {value}: it must be {least} or more")
        step = 2**self.levels
        if self.height % step or self.width % step:
            raise ValueError(
                f"pictures of {self.height} x {self.width} cannot be halved {self.levels} times; "
                f"use multiples of {step}"
            )
        if len(self.schedules) != len(ACTIVATIONS):
            raise ValueError(f"{len(self.schedules)} schedules for {len(ACTIVATIONS)} activation functions")

    @classmethod
    def full(cls) -> "Recipe":
        """Return the run whose results are committed: the paper's width, pictures of 64 x 128."""
        return cls()

    @classmethod
    def quick(cls) -> "Recipe":
        """Return a trial of some minutes: a quarter of the paper's width, pictures of 32 x 64."""
        return cls(
            filters=8, height=32, width=64, schedules=_schedules((10, 4), (20, 6)), train_scenes=160,
            validation_scenes=24, test_scenes=32, calibration_scenes=32, sensitivity_scenes=16, tuning_steps=40,
            per_set=100, images=2, repeats=1,
        )  # fmt: skip

    @classmethod
    def miniature(cls) -> "Recipe":
        """Return the whole pipeline in seconds, for tests: two levels and barely trained."""
        return cls(
            filters=6, levels=2, height=16, width=32, schedules=_schedules((6, 2), (6, 2)), train_scenes=24,
            validation_scenes=6, test_scenes=6, calibration_scenes=8, sensitivity_scenes=4, batch=4, tuning_steps=10,
            per_set=8, images=1, repeats=1,
        )  # fmt: skip

    @classmethod
    def paper(cls) -> "Recipe":
        """Return the paper's own size: 32 filters, pictures of 192 x 384, 200 and 1000 epochs; days on a processor."""
        return cls(filters=32, height=192, width=384, schedules=_schedules((200, 60), (1000, 200)))

    def schedule(self, activation: str) -> Schedule:
        """Return the schedule of an activation function; KeyError for one that there is not."""
        return dict(zip(ACTIVATIONS, self.schedules, strict=True))[activation]

    def plain(self) -> dict[str, Any]:
        """Return the fields as values that JSON can hold."""
        values = dataclasses.asdict(self)
        values["dataset"] = None if self.dataset is None else str(self.dataset)
        values["schedules"] = {name: values["schedules"][i] for i, name in enumerate(ACTIVATIONS)}
        return values

    def models_key(self) -> str:
        """Return a hash of what the models depend on; what is done with them afterwards is left out."""
        values = {key: value for key, value in self.plain().items() if key not in _BESIDE_THE_MODELS}
        return hashlib.sha256(repr(sorted(values.items())).encode()).hexdigest()[:16]
