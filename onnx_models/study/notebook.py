"""The study's notebook: loads the data and draws the main figure through the Python interface."""

import json
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from onnx_models.study.record import NAME

CELLS: Final = (
    (
        "markdown",
        """# Pruning and failure rate

The data of [the study](pruning_and_failure_rate.md), and its main figure drawn again.
Run it from this folder with `accel_sim` and `onnx_models` installed.""",
    ),
    (
        "code",
        """from pathlib import Path

from onnx_models.study.answer import answer
from onnx_models.study.figures import failures
from onnx_models.study.record import rates_of, read_record

record = read_record(Path())
rates = rates_of(record)
record["command"], record["size"], len(record["rows"])""",
    ),
    ("code", "print(answer(record, rates))"),
    ("code", "%matplotlib inline\nfailures(record)"),
    (
        "markdown",
        """One of the networks at 40 kft, from the same interface. Without results of a campaign every upset
of a live bit counts as a failure: an upper bound.""",
    ),
    (
        "code",
        """import accel_sim

model = accel_sim.load("models/relu-pruned.onnx", arch="b512")
found = model.estimate(device="XCK26", environment="40_kft_iec")
found["latency_s"], found["energy_j"], found["fit"], found["fit_is"]""",
    ),
)
TOOLS: Final = ("nbclient", "nbformat", "ipykernel")


def write_notebook(path: Path, report: Callable[[str], None]) -> None:
    """Write the notebook, executed where Jupyter's tools are installed.

    Parameters
    ----------
    path
        File to write.
    report
        Receives a line when it could not be executed.
    """
    path.write_text(json.dumps(_notebook(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if missing := [tool for tool in TOOLS if find_spec(tool) is None]:
        report(f"{path} is not executed, for want of {missing[0]}: pip install {' '.join(missing)}")
        return
    # Imported by name: Jupyter is no dependency, and has no types where it is missing.
    nbformat, nbclient = import_module("nbformat"), import_module("nbclient")
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(path.parent)}}, record_timing=False).execute()
    nbformat.write(notebook, path)


def _notebook() -> dict[str, Any]:
    cells = []
    for number, (kind, text) in enumerate(CELLS):
        cell: dict[str, Any] = {"cell_type": kind, "id": f"cell-{number}", "metadata": {},
                                "source": text.splitlines(keepends=True)}  # fmt: skip
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        cells.append(cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel, "title": NAME}, "nbformat": 4, "nbformat_minor": 5}
