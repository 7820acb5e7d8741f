"""The identity of a campaign: everything that can change its rows, and nothing that cannot."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from accel_sim.campaign import permutation


@dataclass(frozen=True)
class Task:
    """One campaign, specified so far that each of its faults has one possible result.

    The number of faults is not part of it: fault i is the same in a small and in a large campaign, so a larger one
    extends a smaller one's results file. The confidence level is not either: it only matters when rows are summed up.

    Parameters
    ----------
    model : str
        Hash of the model file's content.
    inputs : str
        Hash of the input arrays.
    space : mapping
        JSON-able identity of the fault space (`describe()` of the space).
    criterion : mapping or str
        The decision that defines a critical outcome, JSON-able.
    design : str
        'uniform', 'set' or 'set-bit'.
    seed : int
        Seed of the sample.
    numerics : str
        Version of the arithmetic.
    packages : mapping of str to str
        Versions of the packages that can change a result.
    """

    model: str
    inputs: str
    space: Mapping[str, Any]
    criterion: Mapping[str, Any] | str
    design: str
    seed: int
    numerics: str
    packages: Mapping[str, str]

    def identity(self) -> dict[str, Any]:
        """Return the fields, plus the version of the random order, as plain JSON values."""
        identity = json.loads(json.dumps({**asdict(self), "sampling": permutation.VERSION}, allow_nan=False))
        assert isinstance(identity, dict)
        return identity

    def strong_id(self) -> str:
        """Return the SHA-256, in hex, of the identity as canonical JSON (sorted keys, no spaces, ASCII)."""
        return strong_id(self.identity())


def strong_id(identity: Mapping[str, Any]) -> str:
    """Return the SHA-256, in hex, of an identity as canonical JSON."""
    return sha256(canonical_json(identity).encode("ascii")).hexdigest()


def canonical_json(value: object) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, ASCII, no NaN."""
    return _ENCODER.encode(value)


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)  # made once: it is not cheap


def differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any, Any]]:
    """Return (field, old value, new value) where two identities differ, by the order of `new`, nested ones dotted."""
    found: list[tuple[str, Any, Any]] = []
    for key in dict.fromkeys([*new, *old]):
        a, b = old.get(key), new.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += differences(a, b, f"{prefix}{key}.")
        elif a != b:
            found.append((f"{prefix}{key}", a, b))
    return found
