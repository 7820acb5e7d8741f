"""Fill the tables of docs/performance.md from docs/measurements/*.json: `python -m tests.bench.performance_page`.

A table stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->`; it is left alone while its JSON file is missing.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"
PAGE, MEASUREMENTS = DOCS / "performance.md", DOCS / "measurements"
Found = Mapping[str, Any]


def _table(head: list[str], rows: list[list[str]]) -> str:
    rule = ["---"] + ["--:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *rows))


def _machine(found: Found) -> str:
    machine = found["machine"]
    packages = ", ".join(f"{n} {v}" for n, v in machine["packages"].items())
    where = f"{machine['processor']}, {machine['cores']} cores; Python {machine['python']}, {packages}"
    return f"Measured {machine['date'][:10]} on {where}."


def speed(found: Found) -> str:
    """Goals by network, and the ratios of the other networks."""
    networks = list(dict.fromkeys(row["network"] for row in found["goals"]))
    measures = list(dict.fromkeys(row["measure"] for row in found["goals"]))
    by_place = {(row["measure"], row["network"]): row for row in found["goals"]}
    lines = []
    for measure in measures:
        some = next(row for row in found["goals"] if row["measure"] == measure)
        bounds = ["" if some[key] is None else f"{some[key]:g}" for key in ("must", "goal", "dream")]
        lines.append([f"{measure} ({some['unit']})", *bounds, *(_value(by_place.get((measure, n))) for n in networks)])
    goals = _table(["measure", "must", "goal", "dream", *networks], lines)
    contenders = [name for name in _rows(found) if all(name in entry["rows"] for entry in found["networks"].values())]
    others = [
        [name, *(f"{entry['rows'][c]['milliseconds']:.3g} ({entry['rows'][c]['ratio']:.3g})" for c in contenders)]
        for name, entry in found["networks"].items()
    ]
    more = _table(["ms (ratio)", *contenders], others)
    counts = " or ".join(sorted({str(entry["faults_per_list"]) for entry in found["networks"].values()}))
    size = f"Medians over {found['rounds']} rounds of means over {counts} faults of each list, one image."
    return f"{goals}\n\n{more}\n\n{size} {_machine(found)}"


def _value(row: Found | None) -> str:
    if row is None:
        return ""
    return "-" if row["value"] is None else f"{row['value']:.3g} ({row['reached']})"


def _rows(found: Found) -> list[str]:
    return list(dict.fromkeys(name for entry in found["networks"].values() for name in entry["rows"]))


def memory(found: Found) -> str:
    """Bytes by part, limits, and the time that a limit costs."""
    lines = []
    for name, entry in found["networks"].items():
        sizes = [*entry["bytes"].values(), entry["total_bytes"], entry["least_bytes"]]
        times = " / ".join(f"{entry['milliseconds'][key]:.2f}" for key in ("everything", "half", "least"))
        lines.append([name, *(f"{size / 2**20:.1f}" for size in sizes), times, f"{entry['process_peak_gib']:.2f}"])
    head = ["MiB, one image", "codes", "accumulators", "work", "scratch", "tables", "sum", "least limit"]
    return f"{_table([*head, 'ms per fault', 'process, GiB'], lines)}\n\n{_machine(found)}"


def shares(found: Found) -> str:
    """Strategies by layer of the bundled network, and by network."""
    title, kinds = "hsi-unet-relu", list(next(iter(found["networks"].values())))
    head = [f"{kind}: {what}" for kind in kinds for what in ("changed", "followed", "recomputed")]
    rows = []
    for layer in found["networks"][title][kinds[0]]:
        if layer != "all":
            rows.append([layer, *_shares(found["networks"][title], layer)])
    by_layer = _table([f"{title}, % ", *head], rows)
    by_network = _table(["all layers, %", *head], [[n, *_shares(e, "all")] for n, e in found["networks"].items()])
    return f"{by_network}\n\n{by_layer}\n\nMeans over {found['faults_per_list']} faults of each list, one image."


def _shares(entry: Found, layer: str) -> list[str]:
    values = (entry[kind][layer][what] for kind in entry for what in ("changed", "followed", "recomputed"))
    return [f"{100 * value:.1f}" for value in values]


def costs(found: Found) -> str:
    """Constants of the cost model, and milliseconds with every strategy."""
    constants = [[f"`{n}`", f"{r['stated']:g}", f"{r['fitted']:.0f}"] for n, r in found["picoseconds"].items()]
    networks = found["milliseconds"]
    names = list(next(iter(next(iter(networks.values())).values()))["whole runs"])
    rows = [
        [
            f"{network}, {kind}",
            *(f"{entry['whole runs'][name]:.2f}" for name in names),
            f"{entry['products']['mixed']:.2f} / {entry['products']['better of two']:.2f}",
        ]
        for network, kinds in networks.items()
        for kind, entry in kinds.items()
    ]
    explained = ", ".join(f"{name} {share:.0%}" for name, share in found["explained"].items())
    return "\n\n".join(
        (
            _table(["picoseconds", "stated", "fitted"], constants),
            f"Explained share of the variance: {explained}.",
            _table(["ms per fault", *names, "products only: mixed / better of two"], rows),
            _machine(found),
        )
    )


BLOCKS: dict[str, Callable[[Found], str]] = {"speed": speed, "memory": memory, "shares": shares, "costs": costs}


def fill(page: str, blocks: Mapping[str, str]) -> str:
    """Put texts between their comments.

    Raises
    ------
    ValueError
        A block has no place on the page.
    """
    for name, text in blocks.items():
        pattern = re.compile(rf"(?<=<!-- {name}:begin -->\n).*?(?=<!-- {name}:end -->)", re.DOTALL)
        place = pattern.search(page)
        if place is None:
            raise ValueError(f"the page has no place for {name!r}: <!-- {name}:begin --> and <!-- {name}:end -->")
        page = f"{page[: place.start()]}\n{text}\n\n{page[place.end() :]}"
    return page


def main() -> None:
    """Run the command."""
    found = {name: MEASUREMENTS / f"{name}.json" for name in BLOCKS}
    texts = {name: BLOCKS[name](json.loads(file.read_text())) for name, file in found.items() if file.exists()}
    PAGE.write_text(fill(PAGE.read_text(encoding="utf-8"), texts), encoding="utf-8")
    for name, file in found.items():
        print(f"{name}: {'written' if name in texts else f'left alone, {file.name} is missing'}")


if __name__ == "__main__":
    main()
