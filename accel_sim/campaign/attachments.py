"""What a report needs besides the rows, written into the results file when a campaign is complete."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from accel_sim.campaign.example import Example, make_example
from accel_sim.campaign.store import Store
from accel_sim.campaign.task import canonical_json
from accel_sim.faults import Injector
from accel_sim.inputs import Images
from accel_sim.model import Graph, Node

MODEL, EXAMPLE = "model", "example"


def attach_evidence(
    store: Store,
    graph: Graph,
    arithmetic: str,
    images: Images,
    classes: tuple[str, ...],
    make_injector: Callable[[], Injector],
) -> None:
    """Attach the model's record and an example of the most damaging recorded fault.

    The example is made anew only when the file has none of that fault: on a finished campaign nothing runs and
    nothing is written.

    Parameters
    ----------
    store
        The completed results file, open for writing.
    classes
        Names of the classes the model decides between, or nothing.
    make_injector
        Makes the golden runs; called only when the example is missing or of another fault.
    """
    store.attach(MODEL, canonical_json(model_record(graph, arithmetic, len(images.items), classes)).encode("ascii"))
    row = store.most_damaging()
    if row is None:
        return
    kept = _kept(store)
    if kept is not None and kept.fault == json.loads(row.fault) and kept.classes == classes:
        return
    store.attach(EXAMPLE, make_example(make_injector(), images.items, row, classes).to_bytes())


def _kept(store: Store) -> Example | None:
    data = store.attachment(EXAMPLE)
    try:
        return None if data is None else Example.from_bytes(data)
    except ValueError:
        return None


def model_record(graph: Graph, arithmetic: str, images: int, classes: tuple[str, ...]) -> dict[str, Any]:
    """Describe a model: what it is and what it stores.

    Returns
    -------
    dict
        JSON-able: `name`, `file_hash`, `arithmetic`, `images`, `classes`; `inputs` and `outputs` with `name`, `shape`
        and `dtype`; `nodes` and `host_nodes`, their numbers; `parameters` and `activations`, in order of execution,
        each with `name`, `role` (weight, bias, operand; input, activation), `shape`, `dtype`, and the ONNX `node` and
        `op` that first reads the parameter or writes the activation (empty for an input).
    """
    return {
        "name": graph.name,
        "file_hash": graph.file_hash,
        "arithmetic": arithmetic,
        "images": images,
        "classes": list(classes),
        "inputs": [_value(graph, n) for n in graph.inputs],
        "outputs": [_value(graph, n) for n in graph.outputs],
        "nodes": len(graph.nodes),
        "host_nodes": sum(node.on_host for node in graph.nodes),
        "parameters": _parameters(graph),
        "activations": _activations(graph),
    }


def _value(graph: Graph, name: str) -> dict[str, Any]:
    tensor = graph.tensors[name]
    return {"name": name, "shape": list(tensor.shape), "dtype": tensor.dtype}


def _parameters(graph: Graph) -> list[dict[str, Any]]:
    return [
        {
            "name": p.name, "role": p.role, "shape": list(p.values.shape), "dtype": str(p.values.dtype),
            **_place(next((graph.nodes[i] for i in graph.readers[p.name]), None)),
        }
        for p in graph.parameters.values()
    ]  # fmt: skip


def _activations(graph: Graph) -> list[dict[str, Any]]:
    stored = [*graph.inputs, *(n for node in graph.nodes for n in node.outputs)]
    return [
        {
            **_value(graph, name), "role": "activation" if name in graph.producer else "input",
            **_place(graph.producer.get(name)),
        }
        for name in stored if graph.tensors[name].is_code
    ]  # fmt: skip


def _place(node: Node | None) -> Mapping[str, str]:
    return {"node": node.name, "op": node.onnx_op} if node is not None else {"node": "", "op": ""}
