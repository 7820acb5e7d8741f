"""From results files to something to look at: one HTML page, and tables for the terminal.

``write_report`` is imported when it is first used, so that the tables alone cost little.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accel_sim.report.page import write_report

__all__ = ["write_report"]


def __getattr__(name: str) -> Any:
    if name == "write_report":
        from accel_sim.report.page import write_report

        return write_report
    raise AttributeError(f"module 'accel_sim.report' has no attribute {name!r}")
