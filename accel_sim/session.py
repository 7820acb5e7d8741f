"""The Python interface: load a model, run it, verify it, inject faults, run campaigns."""

import dataclasses
import functools
import json
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from accel_sim.bundled import bundled_models, resolve
from accel_sim.campaign import Store, Task, collect, make_plan, summarise
from accel_sim.campaign.attachments import MODEL, attach_evidence, model_record
from accel_sim.campaign.plan import FaultSpaceLike
from accel_sim.campaign.task import canonical_json
from accel_sim.config import AcceleratorConfig
from accel_sim.devices import UpsetRates, upset_rates
from accel_sim.engine import Engine
from accel_sim.errors import InputError, ModelError, UsageError
from accel_sim.estimation.given_files import check_table
from accel_sim.faults import Criterion, Fault, Injector, Verdict, choose_criterion, make_space
from accel_sim.faults.hardware import (
    HARDWARE_SPACES,
    AnyFault,
    HardwareFault,
    HardwareInjector,
    HardwareSpace,
    fault_from_json,
    hardware_space,
    vulnerability,
)
from accel_sim.inputs import Images, split_images
from accel_sim.levels import DEFAULT_ARCH, MachineLevel, check_level, find_config
from accel_sim.model import Graph, import_onnx
from accel_sim.numerics import NUMERICS_VERSION
from accel_sim.program import Program
from accel_sim.reference import Reference, host_runner, reference
from accel_sim.verification import Verification, verify

Array = NDArray[Any]
FaultLike = AnyFault | Mapping[str, Any]
MAX_WORKERS = 256


@dataclass(frozen=True, eq=False)
class RunResult:
    """Outputs of one or several inferences.

    Attributes
    ----------
    outputs
        Name to array, laid out as the inputs were.
    images
        Number of inferences.
    cycles
        Clock cycles of one inference; None at the level of the engine, which has no clock.
    """

    outputs: Mapping[str, Array]
    images: int
    cycles: int | None = None


@dataclass(frozen=True, eq=False)
class InjectionResult:
    """One injected fault.

    Attributes
    ----------
    outputs
        Faulty outputs of all images; none when an inference did not end (``due``).
    outcome
        ``masked``, ``tolerable``, ``critical`` or ``due``.
    changed_fraction
        Share of decisions that changed, mean over images.
    fault
        The fault.
    """

    outputs: Mapping[str, Array]
    outcome: str
    changed_fraction: float
    fault: AnyFault

    def to_json(self) -> dict[str, Any]:
        """Return the public JSON form, without the outputs."""
        return {"outcome": self.outcome, "changed_fraction": self.changed_fraction, "fault": self.fault.to_json()}


@dataclass(frozen=True, eq=False)
class MakeEvaluator:
    """Builds the evaluator of a campaign, in this process or in a worker."""

    model: bytes
    arithmetic: str
    images: tuple[Mapping[str, Array], ...]
    criterion: Criterion
    paranoid: bool = False
    memory_limit_bytes: int | None = None
    golden: Path | None = None
    program: Program | None = None

    def __call__(self) -> "Evaluator":
        """Load the model and make the golden runs."""
        engine = Engine(import_onnx(self.model, arithmetic=self.arithmetic), host_runner)
        injector = Injector(
            engine,
            self.images,
            self.criterion,
            paranoid=self.paranoid,
            memory_limit_bytes=self.memory_limit_bytes,
            golden=self.golden,
        )
        if self.program is None:
            return Evaluator(injector)
        return Evaluator(injector, HardwareInjector(injector, self.images, self.program))


@dataclass(frozen=True, eq=False)
class Evaluator:
    """Judges faults one by one."""

    injector: Injector
    hardware: HardwareInjector | None = None

    def evaluate(self, fault: AnyFault) -> Verdict:
        """Return the verdict of one fault."""
        if isinstance(fault, Fault):
            return self.injector.evaluate(fault)
        assert self.hardware is not None
        return self.hardware.evaluate(fault)


class Model:
    """A quantised model ready to run; made by :func:`load`.

    Attributes
    ----------
    graph
        The imported model.
    path
        Where it came from.
    config
        The accelerator that it is compiled for.
    """

    def __init__(self, path: Path, arithmetic: str, config: AcceleratorConfig | None = None) -> None:
        self.path, self.arithmetic = path, arithmetic
        self.config = config or find_config(DEFAULT_ARCH)
        self.graph: Graph = import_onnx(path, arithmetic=arithmetic)
        with self._named():
            self.engine = Engine(self.graph, host_runner)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Name the file in what onnxruntime says of a model or a piece of it."""
        try:
            yield
        except ModelError as error:
            raise ModelError(f"{self.path}: {error}") from error

    @functools.cached_property
    def _bytes(self) -> bytes:
        from accel_sim.model.source import read_model

        return bytes(read_model(self.path)[0].SerializeToString())

    @functools.cached_property
    def reference(self) -> Reference:
        """Onnxruntime on the same file, in the configuration that defines the right answer."""
        with self._named():
            return reference(self._bytes)

    @functools.cached_property
    def machine(self) -> MachineLevel:
        """The model compiled for its accelerator, and the machine that runs it."""
        with self._named():
            return MachineLevel(self.engine, self.config)

    def compile(self) -> Program:
        """Return the compiled model: instructions, constants, and the meaning of addresses."""
        return self.machine.program

    def estimate(
        self,
        *,
        device: str = "XCK26",
        environment: str = "nyc_sea_level",
        rates: str | Path | None = None,
        results: Sequence[str | Path] = (),
        energy: str | Path | None = None,
        scrub_hours: float | None = None,
        synthesis: str | Path | None = None,
    ) -> dict[str, Any]:
        """Estimate time, energy, occupancy and failures on the accelerator that the model was loaded for.

        Parameters
        ----------
        device, environment
            Name of the device; name of the environment, or a neutron flux in n/cm2/h.
        rates
            TOML or CSV file of soft-error rates; its kinds replace those of the package.
        results
            Results files of campaigns on this model: critical rates, hence failures and the time between them.
        energy
            CSV file of prices; its items replace those of the package.
        scrub_hours
            Longest time in hours that a word of a protected DDR waits for scrubbing.
        synthesis
            JSON file of ``accel-sim synth`` for the same architecture: flip-flops beside the modelled registers, and
            the share of the device.

        Returns
        -------
        dict
            The public JSON form.
        """
        from accel_sim.estimation import estimate_program

        return estimate_program(
            self.graph,
            self.compile(),
            self.machine.machine.schedule,
            self.path,
            device=device,
            environment=environment,
            rates=rates,
            results=results,
            energy=energy,
            scrub_hours=scrub_hours,
            synthesis=synthesis,
        )

    def images(self, inputs: Mapping[str, Any] | Images, label: str = "inputs") -> Images:
        """Check inputs and split them into images."""
        return inputs if isinstance(inputs, Images) else split_images(self.graph, inputs, label)

    def run(self, inputs: Mapping[str, Any] | Images, *, level: str = "engine") -> RunResult:
        """Run one inference per image.

        Parameters
        ----------
        inputs
            Input name to array, of the model's own type and shape; several images along the batch axis or an extra
            leading axis.
        level
            ``engine`` computes tensors; ``machine`` executes the compiled program and counts cycles; ``rtl`` executes
            it on the simulated SystemVerilog, which has to be built first (configuration ``tiny``, or of that size).
        """
        check_level(level)
        images = self.images(inputs)
        with self._named():
            if level != "engine":
                results = [self.machine.run(image, level) for image in images.items]
                return RunResult(images.join([r.outputs for r in results]), len(images.items), results[0].cycles)
            outputs: list[Mapping[str, Array]] = [self.engine.outputs(self.engine.run(image)) for image in images.items]
        return RunResult(images.join(outputs), len(images.items))

    def verify(self, inputs: Mapping[str, Any] | Images | None = None, *, level: str = "engine") -> Verification:
        """Compare with onnxruntime, node by node with the reference's own inputs, and end to end.

        Parameters
        ----------
        inputs
            As for :meth:`run`; one image of seeded random values when omitted.
        level
            ``engine``, or ``machine``: each node compiled on its own, then the program of the whole model.
        """
        check_level(level)
        if level == "rtl":
            raise UsageError("level rtl runs whole networks only; use run with it, and verify with level machine")
        images = self.images(inputs) if inputs is not None else self.images(random_inputs(self.graph))
        if level == "machine":
            with self._named():
                return self.machine.verify(self.reference, images.items)
        return verify(self.engine, self.reference, images.items)

    @overload
    def inject(
        self, inputs: Mapping[str, Any] | Images, fault: FaultLike, *, criterion: str | None = None
    ) -> InjectionResult: ...

    @overload
    def inject(
        self, inputs: Mapping[str, Any] | Images, fault: Sequence[FaultLike], *, criterion: str | None = None
    ) -> list[InjectionResult]: ...

    def inject(
        self,
        inputs: Mapping[str, Any] | Images,
        fault: FaultLike | Sequence[FaultLike],
        *,
        criterion: str | None = None,
    ) -> InjectionResult | list[InjectionResult]:
        """Inject one fault, or each of a list on its own (the golden run is made once).

        Faults of the spaces ``memory`` and ``registers`` strike the accelerator that the model was loaded for.

        Raises
        ------
        InputError
            The fault does not exist in this model or accelerator.
        """
        images = self.images(inputs)
        single = isinstance(fault, AnyFault | Mapping)
        given: list[Any] = [fault] if single else list(fault)  # type: ignore[arg-type]
        faults = [f if isinstance(f, AnyFault) else fault_from_json(f) for f in given]
        for item in faults:
            if isinstance(item, HardwareFault):
                item.check(self.machine.program, self.machine.cycles, len(images.items))
            else:
                make_space(item.space, self.graph, len(images.items)).check(item)
        injector = Injector(self.engine, images.items, choose_criterion(self.graph, criterion))
        hardware: HardwareInjector | None = None
        results = []
        for item in faults:
            if isinstance(item, HardwareFault):
                hardware = hardware or HardwareInjector(injector, images.items, self.machine.program)
                found, verdict = (struck := hardware.inject(item)).outputs, struck.verdict
            else:
                found, verdict = (done := injector.inject(item)).outputs, done.verdict
            outputs = images.join(list(found)) if all(found) else {}
            results.append(InjectionResult(outputs, verdict.outcome, verdict.changed_fraction, item))
        return results[0] if single else results

    def campaign(
        self,
        inputs: Mapping[str, Any] | Images,
        *,
        space: str = "parameters",
        results: str | Path,
        faults: int | None = None,
        margin: float | None = None,
        confidence: float = 0.95,
        strata: str = "uniform",
        seed: int = 0,
        workers: int = 1,
        criterion: str | None = None,
        paranoid: bool = False,
        memory_limit: float | None = None,
        memories: Sequence[str] | None = None,
        device: str | None = None,
        environment: str | None = None,
        rates: str | Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> dict[str, Any]:
        """Run a statistical fault-injection campaign, or go on with an interrupted one.

        Parameters
        ----------
        space
            ``parameters`` or ``activations`` of the model; ``memory`` or ``registers`` of the accelerator, whose faults
            are bits at a cycle while they are live.
        results
            SQLite file that receives one row per fault; an existing one of the same campaign is completed.
        faults
            Number of faults: in all (``uniform``), per parameter set (``set``) or per set and bit (``set-bit``).
        margin, confidence
            Instead of `faults`: margin of error and confidence for Leveugle's sample size. `confidence` is also the
            level of the reported intervals.
        strata
            ``uniform``, ``set`` or ``set-bit``.
        seed
            Chooses the faults; fault i is a function of (seed, i) alone.
        workers
            Processes.
        criterion
            ``segmentation``, ``classification`` or ``any``; chosen from the model when omitted.
        paranoid
            Recompute every faulty run node by node beside the incremental one and stop at the first difference.
        memory_limit
            Most MiB that golden state and working space of a process may take; what does not fit is recomputed. The
            results are the same.
        memories
            Spaces ``memory`` and ``registers``: only these, by name.
        device, environment
            Spaces ``memory`` and ``registers``: draw as the memories of this device are struck there (sea level in New
            York by default), each technology as often as its upset rate says. Without a device all live bits and cycles
            have the same chance.
        rates
            TOML or CSV file of soft-error rates; its kinds replace those of the package.

        Returns
        -------
        dict
            The public JSON form: counts, estimates with intervals, strata; for the accelerator's spaces also its
            memories, their live share and AVF.
        """
        images = self.images(inputs)
        if memory_limit is not None and not (math.isfinite(memory_limit) and memory_limit > 0):
            raise UsageError(f"--memory-limit is {memory_limit}: it must be a positive number of MiB, for instance 512")
        if not 1 <= workers <= MAX_WORKERS:
            raise UsageError(f"--workers is {workers}: it must be 1 to {MAX_WORKERS}, for instance one per processor")
        chosen = choose_criterion(self.graph, criterion)
        if memories is not None and space not in HARDWARE_SPACES:
            raise UsageError(f"--memory goes with --space {' or '.join(HARDWARE_SPACES)}, not with {space}")
        struck = _upset_rates(space, device, environment, rates)
        program = self.machine.program if space in HARDWARE_SPACES else None
        place: FaultSpaceLike = (
            make_space(space, self.graph, len(images.items))
            if program is None
            else hardware_space(space, program, self.machine.machine.schedule, len(images.items), memories, struck)
        )
        plan = make_plan(place.strata, strata, seed, faults=faults, margin=margin, confidence=confidence)
        task = Task(
            model=self.graph.file_hash,
            inputs=images.digest(),
            space=place.describe(),
            criterion={"name": chosen.name, "output": chosen.output},
            design=strata,
            seed=seed,
            numerics=f"{NUMERICS_VERSION}:{self.arithmetic}",
            packages=_packages(self.graph),
        )
        limit = None if memory_limit is None else int(memory_limit * 2**20)
        make_evaluator = MakeEvaluator(
            self._bytes, self.arithmetic, images.items, chosen, paranoid, limit, program=program
        )
        make_injector = functools.cache(
            functools.partial(Injector, self.engine, images.items, chosen, memory_limit_bytes=limit)
        )
        if limit is not None:
            make_injector()  # too small a limit is refused before the results file is touched
        with tempfile.TemporaryDirectory() as folder, Store.open(results, task, plan, confidence) as store:
            if workers > 1 and sum(len(store.done(c)) for c in range(len(plan.cells))) < plan.n:
                warm = HardwareInjector(make_injector(), images.items, program) if program else None
                # Compiled here, so that workers find the code on disk.
                Evaluator(make_injector(), warm).evaluate(place.fault(0, 0))  # type: ignore[arg-type]
                make_injector().save_golden(Path(folder))
                make_evaluator = dataclasses.replace(make_evaluator, golden=Path(folder))
            collect(task, place, plan, store, make_evaluator, workers, progress)
            classes = bundled_classes(self.graph)
            if isinstance(place, HardwareSpace):
                record = model_record(self.graph, self.arithmetic, len(images.items), classes)
                store.attach(MODEL, canonical_json(record).encode("ascii"))
            else:
                attach_evidence(store, self.graph, self.arithmetic, images, classes, make_injector)
            found = {"model": self.graph.name, "images": len(images.items), **summarise(store, plan, confidence)}
            return found | vulnerability(place, found) if isinstance(place, HardwareSpace) else found


def _upset_rates(
    space: str, device: str | None, environment: str | None, rates: str | Path | None
) -> UpsetRates | None:
    """Return the rates that a campaign draws by, None for a draw without a device."""
    if device is None:
        if environment is not None or rates is not None:
            given = "--environment" if environment is not None else "--rates"
            raise UsageError(f"{given} goes with --device, for instance --device XCK26")
        return None
    if space not in HARDWARE_SPACES:
        raise UsageError(f"--device goes with --space {' or '.join(HARDWARE_SPACES)}, not with {space}")
    check_table(rates, "--rates")
    return upset_rates(device, environment or "nyc_sea_level", rates)


def bundled_classes(graph: Graph) -> tuple[str, ...]:
    """Names of a bundled model's classes, recognised by the file's hash; nothing for other models."""
    entry = next((e for e in bundled_models() if e["sha256"] == graph.file_hash), {})
    return tuple(str(name) for name in entry.get("classes", ()))


def _packages(graph: Graph) -> dict[str, str]:
    """Versions that can change a row: onnxruntime only where it runs a part of the model."""
    found = {"accel_sim": "results-1"}
    if any(node.on_host and node.reason for node in graph.nodes):
        try:
            found["onnxruntime"] = version("onnxruntime")
        except PackageNotFoundError:
            found["onnxruntime"] = "unknown"
    return found


def random_inputs(graph: Graph, seed: int = 0) -> dict[str, Array]:
    """Make one image of random values: all codes for 8-bit inputs, standard normal for real ones."""
    rng = np.random.default_rng(seed)
    made: dict[str, Array] = {}
    for name in graph.inputs:
        tensor = graph.tensors[name]
        dtype = np.dtype(tensor.dtype)
        if dtype.kind in "iu":
            limit = np.iinfo(dtype)
            low, high = (limit.min, limit.max) if tensor.is_code else (0, 1)
            made[name] = rng.integers(low, high, tensor.shape, dtype, endpoint=True)
        elif dtype.kind == "f":
            made[name] = rng.standard_normal(tensor.shape).astype(dtype)
        else:
            raise InputError(f"input {name!r} has type {dtype}, for which no random value can be made; give --inputs")
    return made


def load(
    path: str | Path, *, arch: str | Path | AcceleratorConfig = DEFAULT_ARCH, arithmetic: str = "onnxruntime"
) -> Model:
    """Load a quantised ONNX model.

    Parameters
    ----------
    path
        An ONNX file, or the name of a bundled model (``hsi-unet-relu``).
    arch
        The accelerator for the machine and for estimates: a preset (``b4096``, ``tiny``), a TOML file or a
        configuration.
    arithmetic
        ``onnxruntime`` (default), ``dpu`` or ``gemmlowp``.

    Raises
    ------
    ModelError
        The file cannot be read, or nothing in it can run on the accelerator.
    UsageError
        There is no such architecture, or its file holds a value that is not legal.
    """
    if not isinstance(path, str | Path):
        raise UsageError(f"load takes a path or the name of a bundled model, not {type(path).__name__}")
    return Model(resolve(path), arithmetic, find_config(arch))


def read_fault(text: str) -> list[AnyFault]:
    """Parse a fault, or a list of faults, from JSON text."""
    try:
        record = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"fault: not JSON ({error.msg} at position {error.pos}): {text[:80]!r}") from error
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, brackets of thousands of levels
        raise InputError(f"fault: not JSON that can be read ({error}): {text[:80]!r}") from error
    records = record if isinstance(record, list) else [record]
    if not records:
        raise InputError("fault: an empty list")
    return [fault_from_json(r) for r in records]
