"""How often an upset of a live bit changes a decision: from results files, for the memories that they speak of."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel_sim.campaign import Store, summarise
from accel_sim.errors import ResultsError
from accel_sim.estimation.memory_table import Holding
from accel_sim.faults.hardware import run_digest
from accel_sim.program import Program
from accel_sim.stats import clopper_pearson

LEVEL = 0.95
CONSTANTS = ":constants"  # ends the layer names of what DDR holds for all inferences
TENSOR_SPACES = ("parameters", "activations")
WEIGHTS = ("wgt", "dwt", "bias")
CRITICAL, DUE = "critical", "due"


@dataclass(frozen=True)
class CriticalRate:
    """Share of upsets that change a decision; rates of one `sample` have their sampling error in common."""

    sample: str
    low: float
    best: float
    high: float
    faults: int = 0


class CampaignRates:
    """One campaign's answer for every memory.

    Parameters
    ----------
    path
        Results file.
    model_hash
        SHA-256 of the model file that it must belong to.
    program
        What the model is compiled to here; campaigns on the hardware must have run the same, however it was placed.

    Raises
    ------
    ResultsError
        The file cannot be read, is not complete, or belongs to another model or program.
    """

    def __init__(self, path: str | Path, model_hash: str, program: Program) -> None:
        with Store.read(path) as store:
            if store.identity["model"] != model_hash:
                raise ResultsError(
                    f"results file {path} belongs to another model (SHA-256 {store.identity['model'][:16]}...; here "
                    f"{model_hash[:16]}...); give the results of a campaign on this one"
                )
            space = store.identity["space"]
            if "program" in space and space["program"] != run_digest(program):
                raise ResultsError(
                    f"results file {path} belongs to another program of this model (architecture "
                    f"{space.get('architecture')}; here {program.config.name}); give the same --arch, or the results "
                    "of a campaign on this one"
                )
            self.summary = summarise(store, confidence=LEVEL)
            self.path, self.space = str(path), str(self.summary["space"]["name"])
            self._drawn = Counter[tuple[str, str, int, str]]()
            if self.space not in TENSOR_SPACES:
                for row in store.rows():
                    fault, layer = json.loads(row.fault), row.tensor.split(":", 1)[1]
                    self._drawn[fault["memory"], layer, fault["bank"], row.outcome] += 1

    def rate(self, holding: Holding, layer: str, outcome: str = CRITICAL) -> CriticalRate | None:
        """Return the rate that adds up to a memory's, or None where the campaign says nothing about it.

        Campaigns on tensors give one rate for all that belongs to their space. Of a campaign on the hardware the draws
        in the banks of a holding are a sample of it: of the whole where the campaign drew uniformly, so that
        all its layers share one rate; of the layer where these were sampled on their own.

        Parameters
        ----------
        holding
            A memory, or its banks of one technology.
        layer
            Layer whose data it holds.
        outcome
            ``critical`` or ``due``.
        """
        if self.space in TENSOR_SPACES:
            return self._of_tensors(holding, layer) if outcome == CRITICAL else None
        if self.summary["design"] == "uniform":
            return self._counted(holding, None, outcome)
        return self._sampled(holding, layer, outcome)

    def layer_rate(self, holding: Holding, layer: str) -> CriticalRate | None:
        """Return the rate of one layer alone.

        From the draws that fell there; where none did, the whole memory's with limits 0 and 1: anything is possible.
        """
        if self.space in TENSOR_SPACES or self.summary["design"] != "uniform":
            return self.rate(holding, layer)
        own, whole = self._counted(holding, layer, CRITICAL), self._counted(holding, None, CRITICAL)
        if own is not None or whole is None:
            return own
        return CriticalRate("", 0.0, whole.best, 1.0)

    def _of_tensors(self, holding: Holding, layer: str) -> CriticalRate | None:
        constant = holding.base in WEIGHTS or (holding.base == "ddr" and layer.endswith(CONSTANTS))
        variable = holding.base == "img" or (holding.base == "ddr" and not constant)
        belongs = constant if self.space == "parameters" else variable
        return self._made(self.space, self.summary["critical_rate"]) if belongs else None

    def _counted(self, holding: Holding, layer: str | None, outcome: str) -> CriticalRate | None:
        """Count the draws in the banks of a holding, of one layer or of all: a uniform sample of live bit-cycles."""
        low, high = holding.banks
        drawn = Counter[str]()
        for (memory, of, bank, found), count in self._drawn.items():
            if memory == holding.base and low <= bank < high and layer in (None, of):
                drawn[found] += count
        if not drawn.total():
            return None
        share = clopper_pearson(drawn[outcome], drawn.total(), LEVEL, self._population(holding, layer))
        return self._made(f"{holding.memory}|{layer}|{outcome}", share.to_dict())

    def _population(self, holding: Holding, layer: str | None) -> int | None:
        """Live bit-cycles as the draw counted them; None where it was placed otherwise: limits as for endless ones."""
        space = self.summary["space"]
        weight = space["weights"].get(holding.memory) if "weights" in space else 1
        live = sum(holding.live.values()) if layer is None else holding.live.get(layer, 0)
        return space["images"] * live * weight if weight else None

    def _sampled(self, holding: Holding, layer: str, outcome: str) -> CriticalRate | None:
        """Return the rate of a layer that was sampled on its own."""
        names = (f"{holding.memory}:{layer}", f"{holding.base}:{layer}")
        found = next((s for s in self.summary["sets"] if s["name"] in names), None)
        if found is None:
            return None
        if self.summary["design"] == "set":
            return self._counted(holding, layer, outcome)
        # A sample of every bit: its strata are weighted already, over the banks of both technologies.
        if outcome == CRITICAL:
            return self._made(found["name"], found["critical_rate"])
        share = clopper_pearson(found["outcomes"][outcome], found["faults"], LEVEL)
        return self._made(f"{found['name']}|{outcome}", share.to_dict())

    def _made(self, sample: str, estimate: Mapping[str, Any]) -> CriticalRate | None:
        if estimate["best"] is None:
            return None
        low, best, high = (float(estimate[key]) for key in ("low", "best", "high"))
        return CriticalRate(f"{self.path}|{sample}", low, best, high, int(estimate["n"]))

    def to_json(self) -> dict[str, Any]:
        """Return what was sampled, and the rate over the whole space."""
        kept = ("space", "design", "faults", "criterion", "critical_rate", "strong_id")
        return {"results": self.path, **{key: self.summary[key] for key in kept}}

    @property
    def note(self) -> str:
        """What a reader must know of the rates."""
        text = f"critical rates come from a campaign of {self.summary['faults']} faults on the space {self.space}"
        if self.space == "parameters":
            text += ": a bit wrong for a whole inference; in a bank it may be struck half way through its use"
        if self.space == "activations":
            text += ": a bit wrong from its writing on; in a bank it may be struck half way through its use"
        if self.space in TENSOR_SPACES:
            text += "; critical means: a decision changes in at least one of the campaign's images"
        if detected := self.summary["outcomes"]["due"]:
            text += f"; {detected} faults trapped or hung (DUE), which is fit_due and no part of fit"
        return text
