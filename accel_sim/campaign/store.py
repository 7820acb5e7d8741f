"""The record of a campaign: one SQLite file, one row per fault.

A batch of rows is one transaction in WAL mode: whatever ends the process, the file holds whole batches. Rows are keyed
by (cell, draw) rather than by the global fault index, because the index of a draw moves when earlier cells grow.
Attachments are what a report shows besides the rows (the model's tensors, one example), so that it needs the file and
nothing else.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from accel_sim.campaign.plan import Plan, Stratum, restore_plan
from accel_sim.campaign.sqlite_file import (
    APPLICATION_ID,
    FORMAT_VERSION,
    open_for_reading,
    open_for_writing,
    plain_errors,
)
from accel_sim.campaign.task import Task, canonical_json, differences, strong_id
from accel_sim.errors import ResultsError

SCHEMA = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE strata (stratum INTEGER PRIMARY KEY, tensor TEXT NOT NULL, bit INTEGER NOT NULL,"
    " population INTEGER NOT NULL)",
    "CREATE TABLE faults (cell INTEGER NOT NULL, draw INTEGER NOT NULL, stratum INTEGER NOT NULL, tensor TEXT NOT NULL,"
    " bit INTEGER NOT NULL, fault TEXT NOT NULL, outcome TEXT NOT NULL, changed_fraction REAL NOT NULL,"
    " PRIMARY KEY (cell, draw)) WITHOUT ROWID",
    "CREATE TABLE attachments (name TEXT PRIMARY KEY, data BLOB NOT NULL)",
    f"PRAGMA application_id={APPLICATION_ID}",
    f"PRAGMA user_version={FORMAT_VERSION}",
)


class Row(NamedTuple):
    """One fault and what it did; `fault` is canonical JSON."""

    cell: int
    draw: int
    stratum: int
    tensor: str
    bit: int
    fault: str
    outcome: str
    changed_fraction: float


class Result(NamedTuple):
    """The part of a row that is summed up."""

    cell: int
    draw: int
    stratum: int
    outcome: str
    changed_fraction: float


@dataclass(frozen=True)
class Store:
    """An open results file; close it, or use it as a context manager.

    Attributes
    ----------
    path : Path
        The file.
    identity : dict
        What the campaign is (`Task.identity`).
    plan : Plan
        The largest sample asked for so far; drawn completely once `collect` has returned.
    confidence : float
        Confidence level of the latest command that wrote.
    """

    path: Path
    identity: dict[str, Any]
    plan: Plan
    confidence: float
    _connection: sqlite3.Connection

    @classmethod
    def open(cls, path: str | Path, task: Task, plan: Plan, confidence: float = 0.95) -> Self:
        """Create the file, or go on with the same campaign; locks out other writers until `close`.

        Raises
        ------
        ResultsError
            When the path cannot be a results file, is damaged or in use, or holds another campaign. A file
            that existed is then left as it was.
        """
        if (task.design, task.seed) != (plan.design, plan.seed):
            raise ValueError("the task and the plan differ in design or seed")
        path = Path(path)
        connection = open_for_writing(path)
        try:
            with plain_errors(path):
                if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                    _create(connection, task, plan)
                stored = _load(connection, path)
                _check_same(path, stored, task, plan)
                sizes = [max(a, b) for a, b in zip(stored.plan.faults_per_cell, plan.faults_per_cell, strict=True)]
                _set(connection, {"faults_per_cell": canonical_json(sizes), "confidence": canonical_json(confidence)})
                connection.execute("COMMIT")
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")
            merged = restore_plan(plan.strata, plan.design, plan.seed, sizes)
            return cls(path, stored.identity, merged, confidence, connection)
        except BaseException:
            connection.close()
            raise

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Open an existing file without changing it; raises ResultsError when it is absent, damaged or in use."""
        path = Path(path)
        connection = open_for_reading(path)
        try:
            with plain_errors(path):
                stored = _load(connection, path)
            return cls(path, stored.identity, stored.plan, stored.confidence, connection)
        except BaseException:
            connection.close()
            raise

    @property
    def strong_id(self) -> str:
        """SHA-256 of the campaign's identity."""
        return strong_id(self.identity)

    def insert(self, rows: Sequence[Row]) -> None:
        """Add rows in one transaction: all of them, or none when the process ends before it returns."""
        with plain_errors(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany("INSERT INTO faults VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.rollback()
                raise

    def done(self, cell: int) -> set[int]:
        """Return the draws of a cell that are recorded."""
        with plain_errors(self.path):
            return {draw for (draw,) in self._connection.execute("SELECT draw FROM faults WHERE cell = ?", (cell,))}

    def results(self) -> Iterator[Result]:
        """Yield the recorded results by cell and draw, whatever the order they were made in."""
        query = "SELECT cell, draw, stratum, outcome, changed_fraction FROM faults ORDER BY cell, draw"
        with plain_errors(self.path):
            yield from map(Result._make, self._connection.execute(query))

    def rows(self) -> Iterator[Row]:
        """Yield the recorded rows by cell and draw, with each fault's JSON."""
        with plain_errors(self.path):
            yield from map(Row._make, self._connection.execute("SELECT * FROM faults ORDER BY cell, draw"))

    def most_damaging(self) -> Row | None:
        """Return the recorded fault with the largest changed fraction, the first by (cell, draw) among equals."""
        query = "SELECT * FROM faults ORDER BY changed_fraction DESC, cell, draw LIMIT 1"
        with plain_errors(self.path):
            found = self._connection.execute(query).fetchone()
        return None if found is None else Row._make(found)

    def attach(self, name: str, data: bytes) -> None:
        """Keep a named blob, replacing one of that name; the file is left as it is when it holds the same bytes."""
        with plain_errors(self.path):
            if self.attachment(name) != data:
                self._connection.execute("INSERT OR REPLACE INTO attachments VALUES (?, ?)", (name, data))

    def attachment(self, name: str) -> bytes | None:
        """Return a named blob, None when there is none."""
        with plain_errors(self.path):
            found = self._connection.execute("SELECT data FROM attachments WHERE name = ?", (name,)).fetchone()
        if found is not None and not isinstance(found[0], bytes):
            raise ResultsError(f"results file {self.path} is damaged (attachment {name!r} is no blob); delete it")
        return None if found is None else found[0]

    def close(self) -> None:
        """Close the file and release its lock; the write-ahead log is merged."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True)
class _Stored:
    identity: dict[str, Any]
    plan: Plan
    confidence: float


def _create(connection: sqlite3.Connection, task: Task, plan: Plan) -> None:
    """Write the tables and the identity, inside the transaction that is open: a file never exists without them."""
    for statement in SCHEMA:
        connection.execute(statement)
    strata = [(i, s.name, s.bit, s.population) for i, s in enumerate(plan.strata)]
    connection.executemany("INSERT INTO strata VALUES (?, ?, ?, ?)", strata)
    meta = {
        "identity": canonical_json(task.identity()),
        "strong_id": task.strong_id(),
        "faults_per_cell": canonical_json(plan.faults_per_cell),
        "confidence": "0.95",
    }
    _set(connection, meta)


def _set(connection: sqlite3.Connection, meta: dict[str, str]) -> None:
    connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta.items())


def _load(connection: sqlite3.Connection, path: Path) -> _Stored:
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    rows = connection.execute("SELECT tensor, bit, population FROM strata ORDER BY stratum")
    try:
        identity = json.loads(meta["identity"])
        if strong_id(identity) != meta["strong_id"]:
            raise ValueError("its identity does not match its strong_id")
        strata = [Stratum(*row) for row in rows]
        plan = restore_plan(strata, identity["design"], identity["seed"], json.loads(meta["faults_per_cell"]))
        _check_rows(connection, len(plan.cells))
        return _Stored(identity, plan, float(meta["confidence"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ResultsError(
            f"results file {path} is damaged ({error}); delete it, or give another --results file"
        ) from error


def _check_rows(connection: sqlite3.Connection, cells: int) -> None:
    """Raise ValueError when a row holds what no campaign writes: pages can be sound and their content damaged."""
    found = connection.execute(
        "SELECT cell, draw FROM faults LEFT JOIN strata USING (stratum) WHERE strata.tensor IS NULL"
        " OR faults.tensor IS NOT strata.tensor OR faults.bit IS NOT strata.bit OR cell NOT BETWEEN 0 AND ?"
        " OR typeof(draw) <> 'integer' OR draw < 0 OR NOT json_valid(fault)"
        " OR outcome NOT IN ('masked', 'tolerable', 'critical', 'due')"
        " OR typeof(changed_fraction) <> 'real' OR changed_fraction NOT BETWEEN 0 AND 1 LIMIT 1",
        (cells - 1,),
    ).fetchone()
    if found is not None:
        raise ValueError(f"the row of fault {found[1]} of cell {found[0]} holds impossible values")


def _check_same(path: Path, stored: _Stored, task: Task, plan: Plan) -> None:
    """Raise ResultsError, naming the fields that differ, unless the file holds this campaign."""
    found = differences(stored.identity, task.identity())
    if found:
        parts = [f"{field} is {_brief(old)} in the file and {_brief(new)} now" for field, old, new in found[:3]]
        if len(found) > 3:
            parts.append(f"{len(found) - 3} more fields differ")
        raise ResultsError(
            f"results file {path} holds another campaign: {', '.join(parts)}; "
            "give another --results file, or repeat the settings of the first run"
        )
    if stored.plan.strata != plan.strata:
        raise ResultsError(
            f"results file {path} holds another campaign: the sizes of its fault strata differ; "
            "give another --results file"
        )


def _brief(value: object) -> str:
    """Return a value as JSON, long ones (hashes) cut after 12 characters."""
    text = json.dumps(value) if not isinstance(value, str) else value
    return text if len(text) <= 24 else text[:12] + "..."
