"""The first things on a page: what was run, what came out, and for several files how they compare."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from accel_sim.report.evidence import Evidence
from accel_sim.report.listings import plain_table
from accel_sim.report.wording import count, escape, limits, number, percent, plural, shape, short, with_limits

OUTCOMES = {
    "masked": "every output byte as in the golden run",
    "tolerable": "bytes differ, every decision kept",
    "critical": "at least one decision changed in at least one image",
    "due": "detected, trapped or hung",
}
DESIGNS = {
    "uniform": "uniform over all bits of the space",
    "set": "a fixed sample per parameter set, uniform over its bits",
    "set-bit": "a fixed sample per parameter set and bit",
}
DECISIONS = {
    "segmentation": "the class with the largest score, per pixel",
    "classification": "the class with the largest score, per image",
    "any": "every output element",
}
METHODS = {
    "clopper-pearson": "Clopper and Pearson's exact interval for a share",
    "hedged-betting": "hedged betting for the mean of bounded values (Waudby-Smith and Ramdas 2024)",
    "stratified-beta": "strata weighted by population, limits after Fay and Feuer 1997, carried over to bounded values",
}


def headline(evidence: Evidence) -> str:
    """Return the main numbers as tiles."""
    s = evidence.summary
    level = f"{100 * evidence.level:g} % interval"
    rate, changed = s["critical_rate"], s["changed_fraction"]
    tiles = [
        ("Critical rate", percent(rate["best"]), f"{limits(rate)}, {level}"),
        ("Mean changed fraction", percent(changed["best"]), f"{limits(changed)}, {level}"),
        ("Faults injected", count(s["faults"]), f"of {count(s['population'])} in the space"),
    ]
    shown = "".join(f"<div><dt>{t}</dt><dd>{v}<small>{note}</small></dd></div>" for t, v, note in tiles)
    explained = (
        "<p>The critical rate is the share of all bit flips that change at least one decision "
        f"({DECISIONS[evidence.criterion]}); the changed fraction is the share of decisions that one flip "
        f"changes, on average. {_weighting(evidence)}</p>"
    )
    return f'<dl class="tiles">{shown}</dl>{explained}{_outcomes(s)}'


def _weighting(evidence: Evidence) -> str:
    if evidence.summary["design"] == "uniform":
        return "Every bit of the space had the same chance to be drawn."
    return "Both weight every set by its number of bits, so that they speak for a bit drawn from the whole space."


def _outcomes(summary: Mapping[str, Any]) -> str:
    """Return the counts of outcomes as a bar with a legend."""
    total = max(summary["faults"], 1)
    seen = {name: n for name, n in summary["outcomes"].items() if n or name != "due"}
    bar = "".join(
        f'<span class="o-{name}" style="flex-grow:{n}" title="{name}: {count(n)}"></span>'
        for name, n in seen.items()
        if n
    )
    keys = "".join(
        f'<span class="key" title="{OUTCOMES[name]}"><span class="sw o-{name}"></span>{name} {count(n)}</span>'
        for name, n in seen.items()
    )
    spoken = ", ".join(f"{name} {n}" for name, n in seen.items())
    return (
        f'<div class="bar" role="img" aria-label="Outcomes of {total} injected faults: {spoken}">{bar}</div>'
        f'<p class="keys"><span class="muted">Outcomes of the injected faults, as counted:</span>{keys}</p>'
    )


def what_was_run(evidence: Evidence) -> str:
    """Return the settings that identify the campaign."""
    s, record, identity = evidence.summary, evidence.record, evidence.identity
    images = int(record.get("images", 0))
    shown = f"{plural(images, 'image')}, SHA-256 " if images else "SHA-256 "
    decides = f"{evidence.criterion} of output {identity['criterion']['output']}: {DECISIONS[evidence.criterion]}"
    sample = f"{s['design']}: {DESIGNS[s['design']]}; {count(s['faults'])} faults, seed {s['seed']}"
    packages = ", ".join(f"{name} {version}" for name, version in sorted(dict(identity["packages"]).items()))
    rows = [
        ("Model", f"<b>{escape(evidence.model)}</b>{_model_notes(record)}"),
        ("Model file", f"SHA-256 <code>{escape(identity['model'])}</code>"),
        ("Fault space", f"{escape(evidence.space)}, {count(s['population'])} single-bit faults"),
        ("Sample", escape(sample)),
        ("Criterion", escape(decides)),
        ("Images", f"{shown}<code>{escape(identity['inputs'])}</code>"),
        ("Confidence", f"{100 * evidence.level:g} %; {_methods(s)}"),
        ("Arithmetic", escape(identity["numerics"])),
        ("Strong id", f"<code>{escape(s['strong_id'])}</code>"),
        ("Versions", escape(packages)),
        ("Results file", escape(evidence.path.name)),
    ]  # fmt: skip
    return f'<dl class="facts">{"".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)}</dl>'


def _model_notes(record: Mapping[str, Any]) -> str:
    if not record:
        return ": the file holds no record of it; repeat the campaign command, which adds one"
    inputs = ", ".join(f"{short(i['name'], 60)}, {i['dtype']}, {shape(tuple(i['shape']))}" for i in record["inputs"])
    host = f", {record['host_nodes']} of them on the host" if record["host_nodes"] else ""
    return escape(f" ({plural(record['nodes'], 'step')}{host}; input: {inputs})")


def _methods(summary: Mapping[str, Any]) -> str:
    entries = (summary, *summary["sets"])
    used = dict.fromkeys(entry[q]["method"] for entry in entries for q in ("critical_rate", "changed_fraction"))
    return escape("; ".join(f"{name}: {METHODS.get(name, 'see the documentation')}" for name in used))


def comparison_table(evidence: Sequence[Evidence]) -> str:
    """Return one row per file, and a note when the files differ in more than the model."""
    rows = "".join(
        f'<tr><th scope="row"><a href="#c{number_}">{escape(e.label)}</a></th><td>{escape(e.space)}</td>'
        f"<td>{count(e.summary['faults'])}</td><td>{with_limits(e.summary['critical_rate'])}</td>"
        f"<td>{with_limits(e.summary['changed_fraction'])}</td></tr>"
        for number_, e in enumerate(evidence, 1)
    )
    heads = ("campaign", "space", "faults", "critical rate (interval)", "mean changed fraction (interval)")
    return plain_table(heads, rows) + _differences(evidence)


def _differences(evidence: Sequence[Evidence]) -> str:
    looked_at: dict[str, Callable[[Evidence], object]] = {
        "fault space": lambda e: e.space,
        "input images": lambda e: e.identity["inputs"],
        "decision criterion": lambda e: e.criterion,
        "sampling design": lambda e: e.summary["design"],
        "confidence level": lambda e: e.level,
        "arithmetic": lambda e: e.identity["numerics"],
    }
    found = [name for name, get in looked_at.items() if len({str(get(e)) for e in evidence}) > 1]
    if not found:
        return "<p>The campaigns have the same fault space, images, criterion, design, confidence and arithmetic.</p>"
    return f"<p class='note'>Compare with care: the campaigns differ in {escape(', '.join(found))}.</p>"


def tile_numbers(evidence: Evidence) -> str:
    """Return the lede of a page about one campaign, as plain text."""
    s = evidence.summary
    return (
        f"{count(s['faults'])} single-bit flips in the {evidence.space} of {evidence.model}: "
        f"{number(s['critical_rate']['best'])} % of all such flips change a decision "
        f"({limits(s['critical_rate'])} at {100 * evidence.level:g} % confidence)."
    )
