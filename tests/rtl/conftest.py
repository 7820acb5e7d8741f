"""What the tests of the whole accelerator share: marks, tools, and programs with their machine."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
from numpy.typing import NDArray

from accel_sim.errors import UsageError
from accel_sim.rtl.toolchain import environment


@pytest.fixture(scope="session")
def tools() -> Mapping[str, str]:
    """Return the environment of the simulator; skip where it is not installed."""
    try:
        return environment()
    except UsageError as error:
        pytest.skip(str(error))


@cache
def _find_tools() -> str:
    try:
        environment()
    except UsageError as error:
        return str(error)
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, visibly, what cannot be simulated here."""
    for item in items:
        if item.get_closest_marker("rtl") or item.get_closest_marker("rtl_long"):
            problem = _find_tools()
            if problem and "datapath" not in item.nodeid:
                item.add_marker(pytest.mark.skip(reason=problem))


def differing(found: Mapping[str, NDArray[Any]], expected: Mapping[str, NDArray[Any]]) -> list[str]:
    """Return the names of arrays that differ."""
    assert found.keys() == expected.keys()
    return [
        name
        for name in expected
        if found[name].dtype != expected[name].dtype or found[name].tobytes() != expected[name].tobytes()
    ]
