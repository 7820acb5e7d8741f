"""Results files made by hand: hostile names, a bit without a draw, any criterion, and no model."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from accel_sim.campaign import Store, Stratum, Task, make_plan
from accel_sim.campaign.attachments import EXAMPLE, MODEL
from accel_sim.campaign.example import Example
from accel_sim.campaign.store import Row

HOSTILE = '<script>alert("1")</script>&$x$'
WEIGHT, BIAS = f"conv1/{HOSTILE}", "functional/dense;functional/dense/bias"
STRATA = tuple(Stratum(name, bit, 40) for name, bits in ((WEIGHT, 8), (BIAS, 16)) for bit in range(bits))


def made_task(model: str = "a" * 64, space: str = "parameters", criterion: str = "segmentation") -> Task:
    return Task(
        model=model,
        inputs="b" * 64,
        space={"name": space},
        criterion={"name": criterion, "output": "logits"},
        design="uniform",
        seed=5,
        numerics="1:onnxruntime",
        packages={"accel_sim": "results-1"},
    )


def model_record(name: str, space: str = "parameters") -> dict[str, Any]:
    tensors = [
        {"name": WEIGHT, "role": "weight", "shape": [5, 8], "dtype": "int8", "node": f"n1{HOSTILE}", "op": "Conv"},
        {"name": BIAS, "role": "bias", "shape": [40], "dtype": "int16", "node": f"n1{HOSTILE}", "op": "Conv"},
    ]
    return {
        "name": name, "file_hash": "a" * 64, "arithmetic": "onnxruntime", "images": 2, "classes": [],
        "inputs": [{"name": "x", "shape": [1, 2, 4, 6], "dtype": "float32"}],
        "outputs": [{"name": "logits", "shape": [1, 3, 4, 6], "dtype": "float32"}],
        "nodes": 3, "host_nodes": 2,
        "parameters": [], "activations": [], space: tensors,
    }  # fmt: skip


def made_example(criterion: str = "segmentation", space: str = "parameters") -> Example:
    golden = np.zeros((4, 6), np.uint8)
    faulty = golden.copy()
    faulty[1, 2:5] = 2
    arrays: dict[str, Any] = {
        "segmentation": {"golden": golden, "faulty": faulty, "picture": np.arange(24, dtype=np.uint8).reshape(4, 6)},
        "classification": {
            "label": np.array([7, 2]), "golden": np.array([9.5, 1.0]), "faulty": np.array([np.nan, 3.0]),
        },
        "any": {
            "index": np.array([0, 3]), "golden": np.array([1.5]), "faulty": np.array([-20.25]), "moved": np.array([17]),
        },
    }[criterion]  # fmt: skip
    fault = {"space": space, "tensor": WEIGHT, "index": [4, 7], "bit": 6}
    fault |= {"image": 1} if space == "activations" else {}
    classes = (f"Road{HOSTILE}", "Marks")
    return Example(criterion, fault, "critical", 0.125, 1, "logits", classes, arrays)


def made_results(
    path: Path,
    name: str = f"net {HOSTILE}",
    *,
    faults: int = 60,
    missing: int = 0,
    space: str = "parameters",
    criterion: str = "segmentation",
    attach: bool = True,
) -> Path:
    """Write a results file with a verdict for each of its faults but the last `missing`."""
    task = made_task(name.encode().hex().ljust(64, "0")[:64], space, criterion)
    plan = make_plan(STRATA, "uniform", 5, faults=faults)
    with Store.open(path, task, plan) as store:
        rows = []
        for draw in range(plan.n - missing):
            _, stratum, k = plan.draw(0, draw)
            where = STRATA[stratum]
            fault = {"space": space, "tensor": where.name, "index": [k], "bit": where.bit}
            share = 0.0 if where.bit < 2 else 0.01 * where.bit + k / 1000
            outcome = "masked" if share == 0.0 else "critical"
            rows.append(Row(0, draw, stratum, where.name, where.bit, json.dumps(fault), outcome, share))
        store.insert(rows)
        if attach:
            store.attach(MODEL, json.dumps(model_record(name, space)).encode())
            store.attach(EXAMPLE, made_example(criterion, space).to_bytes())
    return path
