"""accel_sim: int8 neural-network accelerators under single-event upsets, bit by bit.

    model = accel_sim.load("hsi-unet-relu")
    model.verify().ok
    model.inject(inputs, {"space": "parameters", "tensor": name, "index": [0], "bit": 30}).outcome

Names are imported when they are first used, so that ``import accel_sim`` and the command line's help cost nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accel_sim.errors import AccelSimError, InputError, ModelError, ResultsError, UsageError
    from accel_sim.faults import Fault
    from accel_sim.session import InjectionResult, Model, RunResult, load
    from accel_sim.stats import Estimate
    from accel_sim.verification import Verification

_HOMES = {
    "AccelSimError": "errors",
    "Estimate": "stats",
    "Fault": "faults",
    "InjectionResult": "session",
    "InputError": "errors",
    "Model": "session",
    "ModelError": "errors",
    "ResultsError": "errors",
    "RunResult": "session",
    "UsageError": "errors",
    "Verification": "verification",
    "load": "session",
}
__version__ = "0.1.0"
__all__ = [
    "AccelSimError",
    "Estimate",
    "Fault",
    "InjectionResult",
    "InputError",
    "Model",
    "ModelError",
    "ResultsError",
    "RunResult",
    "UsageError",
    "Verification",
    "__version__",
    "load",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"accel_sim.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'accel_sim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
