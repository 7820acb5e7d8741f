"""How often an upset of a live bit changes a decision: from results files, for the memories that they speak of."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel_sim.campaign import Store, summarise
from accel_sim.errors import ResultsError
from accel_sim.estimation.memory_table import Holding
from accel_sim.program import Program
from accel_sim.stats import clopper_pearson

LEVEL = 0.95
CONSTANTS = ":constants"  # ends the layer names of what DDR holds for all inferences
TENSOR_SPACES = ("parameters", "activations")
WEIGHTS = ("wgt", "dwt", "bias")


@dataclass(frozen=True)
class CriticalRate:
    """Share of upsets that change a decision; rates of one `sample` have their sampling error in common."""

    sample: str
    low: float
    best: float
    high: float


class CampaignRates:
    """One campaign's answer for every memory.

    Parameters
    ----------
    path
        Results file.
    model_hash
        SHA-256 of the model file that it must belong to.
    program
        What the model is compiled to here; campaigns on the hardware must have run the same.

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
            if space.get("program", program.digest) != program.digest:
                raise ResultsError(
                    f"results file {path} belongs to another program of this model (architecture "
                    f"{space.get('architecture')}; here {program.config.name}); give the same --arch, or the results "
                    "of a campaign on this one"
                )
            self.summary = summarise(store, confidence=LEVEL)
        self.path, self.space = str(path), str(self.summary["space"]["name"])

    def rate(self, holding: Holding, layer: str) -> CriticalRate | None:
        """Return the rate for what a memory holds of a layer, or None where the campaign says nothing about it.

        Campaigns on tensors give one rate for all that belongs to their space; campaigns on the hardware one for each
        memory, or for each memory and layer where these were sampled on their own.
        """
        whole = self.summary["critical_rate"]
        if self.space in TENSOR_SPACES:
            constant = holding.base in WEIGHTS or (holding.base == "ddr" and layer.endswith(CONSTANTS))
            variable = holding.base == "img" or (holding.base == "ddr" and not constant)
            return self._made(self.space, whole) if (constant if self.space == "parameters" else variable) else None
        if self.summary["design"] == "uniform":
            return self._pooled(holding.base)
        name = f"{holding.base}:{layer}"
        return next((self._made(name, s["critical_rate"]) for s in self.summary["sets"] if s["name"] == name), None)

    def _made(self, sample: str, estimate: dict[str, Any]) -> CriticalRate | None:
        if estimate["best"] is None:
            return None
        sample = f"{self.path}|{sample}"
        return CriticalRate(sample, estimate["low"], estimate["best"], estimate["high"])

    def _pooled(self, memory: str) -> CriticalRate | None:
        """Return the rate of one memory: the part of a uniform sample that fell there is a uniform sample of it."""
        strata = [s for s in self.summary["strata"] if s["name"].split(":", 1)[0] == memory]
        faults = sum(s["faults"] for s in strata)
        if not faults:
            return None
        critical = sum(s["outcomes"]["critical"] for s in strata)
        found = clopper_pearson(critical, faults, LEVEL, sum(s["population"] for s in strata))
        return self._made(memory, found.to_dict())

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
            text += f"; {detected} faults trapped or hung (DUE), which does not count as a failure here"
        return text
