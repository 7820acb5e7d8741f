"""Flat arrays that grow part by part while a model is compiled."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.engine.sparse.aligned import LINE, aligned_copy

Array = NDArray[Any]
ALIGNMENT = LINE  # whole vectors may be read past the end of any part


@dataclass(eq=False)
class Arena:
    """A growing flat array."""

    dtype: Any
    parts: list[Array] = field(default_factory=list)
    size: int = 0

    def add(self, values: Array) -> int:
        """Append values and return where they begin."""
        flat = np.ascontiguousarray(values, self.dtype).reshape(-1)
        start, line = self.size, ALIGNMENT // flat.itemsize
        self.parts.append(np.concatenate([flat, np.zeros(-flat.size % line, self.dtype)]))
        self.size += self.parts[-1].size
        return start

    def array(self) -> Array:
        """Return everything in one array; whole vectors may be read past the end of any part."""
        return aligned_copy(np.concatenate([*self.parts, np.zeros(16, self.dtype)]))
