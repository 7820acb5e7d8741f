"""Training and fine-tuning of a network: seeded, resumable after every epoch, mixed precision if wanted."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from onnx_models.hsi.bands import CLASS_FREQUENCY, IGNORED
from onnx_models.paper.data import Split
from onnx_models.unet import UNet


@dataclass(frozen=True)
class Plan:
    """One training: epochs, pictures per step, and the rest as in `paper.recipe.Recipe`."""

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    class_power: float
    seed: int
    bfloat16: bool


def train(model: UNet, data: Split, plan: Plan, checkpoint: Path, name: str, report: Callable[[str], None]) -> float:
    """Train a network in place, or go on from the checkpoint of the same training.

    Parameters
    ----------
    model
        The network with its start values; in evaluation mode afterwards.
    data
        What is learned.
    plan
        How.
    checkpoint
        Written after every epoch in one step; one of another plan or other widths is not used.
    name
        What to call the network in `report`.
    report
        Receives a line per epoch.

    Returns
    -------
    Processor seconds of all epochs, those before an interruption included.
    """
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, unused-ignore]
    optimiser = torch.optim.AdamW(_groups(model, plan.weight_decay), lr=plan.learning_rate)
    first, spent = _restore(checkpoint, plan, model, optimiser)
    steps = max(len(data) // plan.batch, 1)
    loss_of = _loss(plan)
    for epoch in range(first, plan.epochs):
        started, total = time.process_time(), 0.0
        model.train()
        rng = np.random.default_rng([plan.seed, epoch])
        order = rng.permutation(len(data))
        for step in range(steps):
            rate = _rate(plan.learning_rate, (epoch * steps + step) / (plan.epochs * steps))
            for group in optimiser.param_groups:
                group["lr"] = rate
            rows = order[step * plan.batch : (step + 1) * plan.batch]
            images, truth = _batch(data, rows, bool(rng.random() < 0.5))
            optimiser.zero_grad(set_to_none=True)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=plan.bfloat16):
                logits = model(images)
            loss = loss_of(logits.float(), truth)
            loss.backward()
            optimiser.step()
            total += float(loss.detach())
        spent += time.process_time() - started
        _save(checkpoint, plan, epoch + 1, spent, model, optimiser)
        report(f"{name}: epoch {epoch + 1} of {plan.epochs}, loss {total / steps:.4f}, {spent:.0f} s of processor time")
    model.eval()
    return spent


def _loss(plan: Plan) -> nn.CrossEntropyLoss:
    frequency = torch.tensor(CLASS_FREQUENCY)
    weights = frequency.pow(-plan.class_power)
    return nn.CrossEntropyLoss(weights / (weights * frequency).sum(), ignore_index=IGNORED)


def _groups(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    kernels = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": kernels, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def _rate(peak: float, progress: float) -> float:
    warm = 0.05
    if progress < warm:
        return peak * (0.05 + 0.95 * progress / warm)
    return float(peak * 0.5 * (1.0 + np.cos(np.pi * (progress - warm) / (1.0 - warm))))


def _batch(data: Split, rows: Any, mirror: bool) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.from_numpy(data.inputs(rows)).contiguous(memory_format=torch.channels_last)
    truth = torch.from_numpy(data.labels[rows].astype(np.int64))
    return (images.flip(3), truth.flip(2)) if mirror else (images, truth)


def _identity(plan: Plan, model: UNet) -> str:
    return f"{plan} {[tuple(p.shape) for p in model.parameters()]}"


def _restore(checkpoint: Path, plan: Plan, model: UNet, optimiser: torch.optim.Optimizer) -> tuple[int, float]:
    if not checkpoint.exists():
        return 0, 0.0
    state = torch.load(checkpoint, weights_only=True)
    if state["identity"] != _identity(plan, model):
        return 0, 0.0
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["epoch"]), float(state["seconds"])


def _save(
    checkpoint: Path, plan: Plan, epoch: int, seconds: float, model: UNet, optimiser: torch.optim.Optimizer
) -> None:
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    state = {
        "identity": _identity(plan, model),
        "epoch": epoch,
        "seconds": seconds,
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
    }
    partial = checkpoint.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, checkpoint)
