"""Depthwise convolutions after an upset of their input: the touched windows, against the whole node."""

import numpy as np

from accel_sim.engine import Engine, Upset
from accel_sim.engine.sparse import FaultRunner, compile_tables, fields
from tests.unit.engine.one_node import conv_case, with_steps

SEEDS, UPSETS = 40, 6


def test_touched_windows_are_those_of_the_whole_node() -> None:
    """Whole vectors of sixteen and of eight channels, single ones, windows at every border, one and two dimensions."""
    changed = windows = channels = 0
    for seed in range(SEEDS):
        case = conv_case(seed, "depthwise") if seed % 4 else with_steps(conv_case(seed, "depthwise"), seed)
        engine = Engine(case.graph)
        runner = FaultRunner(engine, compile_tables(case.graph, engine.steps), engine.run({"x": case.x}))
        rng = np.random.default_rng(seed)
        for position in rng.integers(0, case.x.size, UPSETS):
            bit = int(rng.integers(8))
            struck = case.x.copy()
            struck.view(np.uint8).reshape(-1)[position] ^= np.uint8(1 << bit)
            upset = Upset({}, {"x": (np.array([position]), np.array([1 << bit]))})
            with runner.struck(upset) as floats:
                found = engine.outputs(runner.golden, runner.changed(floats))
            expected = engine.outputs(engine.run({"x": struck}))
            for name, value in expected.items():
                assert found[name].tobytes() == value.tobytes(), f"seed {seed}, element {position}, bit {bit}: {name}"
                changed += not np.array_equal(value, case.expected)
        windows += int(runner.state[fields.TALLY][fields.GROUPED])
        channels = max(channels, case.x.shape[1])
    assert changed > SEEDS * UPSETS // 3
    assert windows > SEEDS * UPSETS
    assert channels >= 27
