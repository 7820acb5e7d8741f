"""Golden runs kept, faults injected, verdicts given."""

import numpy as np
import pytest

from accel_sim.engine import Engine
from accel_sim.errors import InputError
from accel_sim.faults import Fault, Injector, choose_criterion, make_space, upset_of
from accel_sim.model import import_onnx
from tests.conformance.qdq_network import QdqNetwork

IMAGES = 4


def tiny() -> QdqNetwork:
    net = QdqNetwork(2, "int8", "int8")
    hidden = net.conv(net.input([1, 2, 5, 5]), 4)
    net.outputs = (net.conv(hidden, 3, (1, 1)),)
    return net


def make(criterion: str, *, paranoid: bool = False) -> Injector:
    net = tiny()
    graph = import_onnx(net.model())
    images = [net.feeds(seed) for seed in range(IMAGES)]
    return Injector(Engine(graph), images, choose_criterion(graph, criterion), paranoid=paranoid)


@pytest.fixture(scope="module")
def injector() -> Injector:
    return make("segmentation")


def faults(injector: Injector, space: str, count: int) -> list[Fault]:
    place = make_space(space, injector.graph, IMAGES)
    rng = np.random.default_rng(7)
    chosen = rng.integers(len(place.strata), size=count)
    return [place.fault(int(s), int(rng.integers(place.strata[s].population))) for s in chosen]


@pytest.mark.parametrize("space", ["parameters", "activations"])
def test_verdict_follows_from_the_outputs(injector: Injector, space: str) -> None:
    seen = set()
    (output,) = injector.graph.outputs
    for fault in faults(injector, space, 150):
        done = injector.inject(fault)
        shares, differs = [], False
        for before, after in zip(injector.outputs, done.outputs, strict=True):
            differs |= before[output].tobytes() != after[output].tobytes()
            shares.append(np.mean(np.argmax(before[output], axis=1) != np.argmax(after[output], axis=1)))
        expected = "critical" if any(shares) else "tolerable" if differs else "masked"
        assert done.verdict.outcome == expected, fault
        assert done.verdict.changed_fraction == pytest.approx(np.mean(shares))
        assert injector.evaluate(fault) == done.verdict
        assert done.fault == fault
        seen.add(expected)
    assert seen == {"masked", "tolerable", "critical"}


def test_activation_faults_touch_one_image(injector: Injector) -> None:
    (output,) = injector.graph.outputs
    for fault in faults(injector, "activations", 80):
        done = injector.inject(fault)
        touched = [
            i
            for i, (a, b) in enumerate(zip(injector.outputs, done.outputs, strict=True))
            if not np.array_equal(a[output], b[output])
        ]
        assert touched in ([], [fault.image])
        assert done.verdict.changed_fraction <= 1 / IMAGES


def test_injections_leave_no_trace(injector: Injector) -> None:
    before = [{n: a.tobytes() for n, a in outputs.items()} for outputs in injector.outputs]
    some = faults(injector, "parameters", 20) + faults(injector, "activations", 20)
    first = [injector.evaluate(f) for f in some]
    assert [injector.evaluate(f) for f in reversed(some)] == first[::-1]
    assert before == [{n: a.tobytes() for n, a in outputs.items()} for outputs in injector.outputs]


@pytest.mark.parametrize("space", ["parameters", "activations"])
def test_paranoid_injector_agrees_with_itself(injector: Injector, space: str) -> None:
    careful = make("segmentation", paranoid=True)
    for fault in faults(injector, space, 60):
        assert careful.evaluate(fault) == injector.evaluate(fault)


def test_paranoid_injector_stops_at_a_byte_that_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant one wrong byte in the incremental run: the dense run beside it has to notice."""
    careful = make("segmentation", paranoid=True)
    runner = careful.runners[0]
    honest = runner.changed
    name = careful.graph.nodes[0].outputs[0]

    def wrong(floats: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        changed = honest(floats)
        value = changed.get(name, runner.golden.tensors[name]).copy()
        value.reshape(-1)[0] ^= 1
        return changed | {name: value}

    monkeypatch.setattr(runner, "changed", wrong)
    with pytest.raises(AssertionError, match="the incremental run differs from the dense one"):
        careful.evaluate(faults(careful, "parameters", 1)[0])


def test_paranoid_injector_stops_at_a_verdict_of_the_one_call_that_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Campaigns run the one call, so that a check beside it which never made that call would check something else."""
    careful = make("segmentation", paranoid=True)
    (fault,) = faults(careful, "parameters", 1)
    right = careful._evaluate_single(fault)
    assert right is not None
    monkeypatch.setattr(careful._singles[0], "run", lambda *_: careful._singles[0].limit)
    assert careful._evaluate_single(fault) != right
    with pytest.raises(AssertionError, match="the run in one call gives"):
        careful.evaluate(fault)


def test_a_fault_that_does_not_exist_is_refused(injector: Injector) -> None:
    with pytest.raises(InputError, match="image 4 of 4"):
        injector.inject(Fault("activations", injector.graph.inputs[0], (0, 0, 0, 0), (0,), image=4))


def test_upsets_are_flat_positions_and_masks() -> None:
    upset = upset_of(Fault("parameters", "w", (1, 2), (0, 7)), (3, 4))
    assert upset.activations == {}
    position, mask = upset.parameters["w"]
    assert (position.tolist(), mask.tolist()) == ([6], [129])
    other = upset_of(Fault("activations", "x", (), (3,)), ())
    assert other.parameters == {}
    assert other.activations["x"][0].tolist() == [0]


def test_any_counts_elements(injector: Injector) -> None:
    strict = make("any")
    (output,) = strict.graph.outputs
    for fault in faults(injector, "parameters", 60):
        done = strict.inject(fault)
        pairs = zip(strict.outputs, done.outputs, strict=True)
        share = np.mean([np.mean(before[output] != after[output]) for before, after in pairs])
        assert done.verdict.changed_fraction == pytest.approx(share)
        assert done.verdict.outcome == ("critical" if share else "masked")
        assert strict.evaluate(fault) == done.verdict
