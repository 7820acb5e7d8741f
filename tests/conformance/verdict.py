"""Read what ``verify`` reports, as attributes or as JSON fields."""

from collections.abc import Mapping, Sequence
from typing import Any


def field(record: Any, name: str) -> Any:
    return record[name] if isinstance(record, Mapping) else getattr(record, name)


def nodes_of(verdict: Any) -> Sequence[Any]:
    nodes: Sequence[Any] = field(verdict, "nodes")
    return nodes
