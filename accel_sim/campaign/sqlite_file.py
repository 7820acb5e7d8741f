"""Opening a results file: every way it can go wrong is one sentence."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from accel_sim.errors import ResultsError

APPLICATION_ID = 0x41534D31  # 'ASM1' in the header of every results file
FORMAT_VERSION = 1

_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100  # size of the SQLite file header; user_version is at byte 60, application_id at byte 68


@contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite raises inside the block into a ResultsError about `path`."""
    try:
        yield
    except UnicodeDecodeError as error:  # SQLite quotes damaged names in its messages
        raise ResultsError(
            f"results file {path} is damaged (text that is not UTF-8); delete it, or give another --results file"
        ) from error
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            reason = "is in use by another campaign; wait until it ends, or give another --results file"
        elif code == sqlite3.SQLITE_CANTOPEN:
            reason = f"cannot be opened or created; check that the folder {path.parent} can be written to"
        elif code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
            reason = "is read-only; make it writable, or give another --results file"
        elif code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            reason = f"cannot be written ({error}); check the space left on the disk, then repeat the command to go on"
        else:
            reason = f"is damaged ({error}); delete it, or give another --results file"
        raise ResultsError(f"results file {path} {reason}") from error


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Return a connection that is the only one until it is closed, inside an open transaction.

    The lock is SQLite's own and goes with the process, however that ends.

    Raises
    ------
    ResultsError
        When the path is a folder, is not a results file, or cannot be created, or is in use.
    """
    check_header(path, must_exist=False)
    if not path.parent.is_dir():
        raise ResultsError(f"results file {path} cannot be created: the folder {path.parent} does not exist")
    if path.exists() and not os.access(path, os.W_OK):
        raise ResultsError(f"results file {path} is read-only; make it writable, or give another --results file")
    with plain_errors(path):
        connection = sqlite3.connect(path, timeout=0.0, isolation_level=None)
        try:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            check_pages(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Return a connection that changes nothing; raises ResultsError when the file is absent, damaged or in use."""
    check_header(path, must_exist=True)
    with plain_errors(path):
        try:
            return _connect_for_reading(path, "mode=rw")
        except sqlite3.OperationalError as error:
            # WAL mode needs a second file beside the first even for reading. Where none can be made, a file that was
            # closed properly (no log beside it) is complete as it lies there.
            refused = getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
            if not refused or path.with_name(path.name + "-wal").exists():
                raise
            return _connect_for_reading(path, "immutable=1")


def _connect_for_reading(path: Path, how: str) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?{how}"
    connection = sqlite3.connect(uri, uri=True, timeout=0.0, isolation_level=None)
    try:
        connection.execute("PRAGMA query_only=1")
        check_pages(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def check_header(path: Path, *, must_exist: bool) -> None:
    """Raise ResultsError unless the file is one of ours by its first bytes; an absent or empty file is a new one."""
    if path.is_dir():
        raise ResultsError(f"results file {path} is a folder; give the name of a file in it")
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except FileNotFoundError:
        if must_exist:
            raise ResultsError(f"results file {path} does not exist; run a campaign with --results first") from None
        return
    except OSError as error:
        raise ResultsError(f"results file {path} cannot be read: {error.strerror}") from error
    if not header and not must_exist:
        return
    if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
        raise ResultsError(f"{path} is not a results file (not an SQLite database); give another --results file")
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise ResultsError(f"{path} is an SQLite database of another program; give another --results file")
    version = int.from_bytes(header[60:64], "big")
    if version != FORMAT_VERSION:
        raise ResultsError(
            f"results file {path} has format version {version}, this program knows version {FORMAT_VERSION}; "
            "use the program version that wrote it, or give another --results file"
        )


def check_pages(connection: sqlite3.Connection, path: Path) -> None:
    """Raise ResultsError when SQLite's own check finds a damaged page."""
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise ResultsError(f"results file {path} is damaged ({verdict}); delete it, or give another --results file")
