"""The most damaging fault at work: decisions without and with it, and what changed marked."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.campaign.example import Example
from accel_sim.report.evidence import Evidence, StoredTensor
from accel_sim.report.listings import plain_table
from accel_sim.report.png import class_colours, data_uri, mark_changes
from accel_sim.report.wording import count, escape, percent, plural, shape, short


def example_section(evidence: Evidence) -> str:
    """Return the section's HTML, without its heading."""
    example = evidence.example
    if example is None:
        return "<p>The results file holds no example; repeat the campaign command, which adds one.</p>"
    body = {"segmentation": _segmentation, "classification": _classification, "any": _element}[example.kind](example)
    return f"{_fault(evidence, example)}{body}{_replay(evidence, example)}"


def fault_words(fault: dict[str, Any], tensor: StoredTensor | None) -> str:
    """Name a fault in words, as plain text; long names are shortened."""
    bits = fault["bit"] if isinstance(fault["bit"], list) else [fault["bit"]]
    named = f"{'bit' if len(bits) == 1 else 'bits'} {', '.join(map(str, bits))}"
    where = f"element {fault['index']} of {short(fault['tensor'], 60)}"
    if tensor is None or not tensor.op:
        return f"{named} of {where}"
    role = "read" if fault["space"] == "parameters" else "written"
    node = short(tensor.node, 60)
    kind = f"{tensor.role}, {tensor.dtype}, shape {shape(tensor.shape)}"
    return f"{named} of {where}: {kind}, {role} by {tensor.op} {node}"


def _fault(evidence: Evidence, example: Example) -> str:
    tensor = next((t for t in evidence.tensors if t.name == example.fault["tensor"]), None)
    images = int(evidence.record.get("images", 1))
    several = f", mean over {images} images; image {example.image} is shown" if images > 1 else ""
    if example.changed_fraction == 0:
        effect = "No recorded fault changed a decision; this is the first one recorded"
    else:
        effect = f"It changes {percent(example.changed_fraction)} of the decisions{several}"
    return f"<p>Flipped: <strong>{escape(fault_words(dict(example.fault), tensor))}</strong>. {effect}.</p>"


def _replay(evidence: Evidence, example: Example) -> str:
    text = json.dumps(dict(example.fault), separators=(",", ":"))
    quoted = text.replace("'", "'\\''")
    return (
        "<details><summary>Replay this fault</summary><pre>"
        f"accel-sim inject {escape(evidence.model)} --inputs IN.npz --fault '{escape(quoted)}'</pre></details>"
    )


def _segmentation(example: Example) -> str:
    golden, faulty = example.arrays["golden"].astype(np.int64), example.arrays["faulty"].astype(np.int64)
    total = int(max(golden.max(initial=0), faulty.max(initial=0))) + 1
    colours = class_colours(max(total, len(example.classes)))
    changed = int(np.count_nonzero(golden != faulty))
    figures = [
        (colours[golden], "Golden run", f"Golden class map of image {example.image}"),
        (colours[faulty], "With the fault", f"Class map of image {example.image} with the fault"),
        (
            mark_changes(golden, faulty, colours), f"Changed pixels: {count(changed)} of {count(golden.size)}",
            f"Golden class map in pale colours; the {changed} pixels whose class changed are marked in crimson",
        ),
    ]  # fmt: skip
    if "picture" in example.arrays:
        spoken = f"Input image {example.image}, in grey or false colours"
        figures.insert(2, (example.arrays["picture"], "Input", spoken))
    shown = "".join(_figure(*figure) for figure in figures)
    return f'<div class="maps">{shown}</div>{_class_shares(example, golden, faulty, colours)}'


def _figure(pixels: NDArray[np.uint8], caption: str, alt: str) -> str:
    height, width = pixels.shape[:2]
    return (
        f'<figure><img src="{data_uri(pixels)}" width="{width}" height="{height}" alt="{escape(alt)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _class_shares(example: Example, golden: NDArray[Any], faulty: NDArray[Any], colours: NDArray[np.uint8]) -> str:
    """Return the legend of the maps, with the share of pixels of each class."""
    rows = ""
    for label in range(len(colours)):
        before, after = np.count_nonzero(golden == label), np.count_nonzero(faulty == label)
        if not before and not after and label >= len(example.classes):
            continue
        colour = "#{:02x}{:02x}{:02x}".format(*colours[label])
        lost = int(np.count_nonzero((golden == label) & (faulty != label)))
        rows += (
            f'<tr><th scope="row"><span class="sw" style="background:{colour}"></span>{_class(example, label)}</th>'
            f"<td>{percent(before / golden.size)}</td><td>{percent(after / golden.size)}</td>"
            f"<td>{count(lost)}</td></tr>"
        )
    return plain_table(("class", "golden", "with the fault", "pixels lost to other classes"), rows)


def _class(example: Example, label: int) -> str:
    return escape(example.classes[label] if label < len(example.classes) else f"class {label}")


def _classification(example: Example) -> str:
    labels = [int(i) for i in example.arrays["label"]]
    golden, faulty = (example.arrays[n].astype(np.float64) for n in ("golden", "faulty"))
    rows = "".join(
        f'<tr><th scope="row">{_class(example, label)}</th>{_score(golden, i, labels)}{_score(faulty, i, labels)}</tr>'
        for i, label in enumerate(labels)
    )
    caption = (
        f"<p>Scores of output {escape(example.output)}, image {example.image}: the classes among the top five of "
        "either run, the winner in bold.</p>"
    )
    return caption + plain_table(("class", "golden", "with the fault"), rows)


def _score(scores: NDArray[np.float64], i: int, labels: list[int]) -> str:
    """Return a cell, the winner's in bold; on equal scores the first class wins, as in the criterion."""
    winner = max(range(len(labels)), key=lambda k: (scores[k], -labels[k]))
    text = f"{scores[i]:.6g}"
    return f"<td><strong>{text}</strong></td>" if i == winner else f"<td>{text}</td>"


def _element(example: Example) -> str:
    before, after, moved = (example.arrays[n][0] for n in ("golden", "faulty", "moved"))
    index = [int(i) for i in example.arrays["index"]]
    return (
        f"<p>In image {example.image}, {plural(int(moved), 'output element')} differ; element {index} of output "
        f"{escape(example.output)} moves furthest, from {float(before):.6g} to {float(after):.6g}.</p>"
    )
