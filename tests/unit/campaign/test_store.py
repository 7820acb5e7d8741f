import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from accel_sim.campaign import Store, Stratum, make_plan
from accel_sim.campaign.store import Row
from accel_sim.campaign.task import strong_id
from accel_sim.errors import ResultsError

from .toy import run_toy, toy_plan, toy_task

ANOTHER = "give another --results file"
REPEAT = f"{ANOTHER}, or repeat the settings of the first run"


def refused(path: Path, task: Any = None, plan: Any = None) -> str:
    """The sentence with which the file is refused; its bytes must not change."""
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(ResultsError) as caught:
        Store.open(path, task or toy_task(), plan or toy_plan())
    assert before is None or path.read_bytes() == before
    return str(caught.value)


def test_rows_come_back_in_order_whatever_the_order_of_writing(tmp_path: Path) -> None:
    rows = [Row(0, i, 3, "conv1.weight", 3, f'{{"index":[{i}]}}', "masked", i / 7) for i in range(5)]
    with Store.open(tmp_path / "r.sqlite", toy_task(), toy_plan()) as store:
        store.insert(rows[3:])
        store.insert(rows[:3])
        assert store.done(0) == {0, 1, 2, 3, 4}
        assert store.done(1) == set()
    with Store.read(tmp_path / "r.sqlite") as store:
        assert list(store.rows()) == rows


def test_the_file_is_marked_and_in_wal_mode(tmp_path: Path) -> None:
    Store.open(tmp_path / "r.sqlite", toy_task(), toy_plan()).close()
    connection = sqlite3.connect(tmp_path / "r.sqlite")
    pragmas = [
        connection.execute(f"PRAGMA {p}").fetchone()[0] for p in ("journal_mode", "application_id", "user_version")
    ]
    connection.close()
    assert pragmas == ["wal", 0x41534D31, 1]


def test_a_file_remembers_its_campaign(tmp_path: Path) -> None:
    task, plan = toy_task("set"), toy_plan("set")
    Store.open(tmp_path / "r.sqlite", task, plan, confidence=0.99).close()
    with Store.read(tmp_path / "r.sqlite") as store:
        assert (store.strong_id, store.plan, store.confidence) == (task.strong_id(), plan, 0.99)


def test_the_number_of_faults_is_not_part_of_the_identity_and_only_grows(tmp_path: Path) -> None:
    for faults, expected in ((50, 50), (80, 80), (20, 80)):
        with Store.open(tmp_path / "r.sqlite", toy_task(), toy_plan(faults=faults)) as store:
            assert store.plan.n == expected


def test_an_empty_file_is_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "r.sqlite").touch()
    with Store.open(tmp_path / "r.sqlite", toy_task(), toy_plan()) as store:
        assert store.done(0) == set()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": "c" * 64}, "model is aaaaaaaaaaaa... in the file and cccccccccccc... now"),
        ({"criterion": "any"}, "criterion is segmentation in the file and any now"),
        (
            {"space": {"space": "activations", "bits": 1292}},
            "space.space is parameters in the file and activations now",
        ),
        (
            {"packages": {"accel_sim": "0.2.0"}},
            "packages.accel_sim is 0.1.0 in the file and 0.2.0 now, "
            "packages.onnxruntime is 1.32.0 in the file and null now",
        ),
        (
            {"model": "c", "inputs": "d", "criterion": "e", "numerics": "2"},
            "model is aaaaaaaaaaaa... in the file and c now, inputs is bbbbbbbbbbbb... in the file and d now, "
            "criterion is segmentation in the file and e now, 1 more fields differ",
        ),
    ],
)
def test_another_task(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    path = tmp_path / "r.sqlite"
    Store.open(path, toy_task(), toy_plan()).close()
    assert refused(path, toy_task(**changes)) == f"results file {path} holds another campaign: {said}; {REPEAT}"


def test_another_seed(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    Store.open(path, toy_task(), toy_plan()).close()
    assert (
        refused(path, toy_task(seed=2), toy_plan(seed=2))
        == f"results file {path} holds another campaign: seed is 1 in the file and 2 now; {REPEAT}"
    )


def test_other_strata_under_the_same_description(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    Store.open(path, toy_task(), toy_plan()).close()
    other = make_plan([Stratum("w", 0, 1292)], "uniform", 1, faults=10)
    assert (
        refused(path, plan=other)
        == f"results file {path} holds another campaign: the sizes of its fault strata differ; {ANOTHER}"
    )


def test_a_folder(tmp_path: Path) -> None:
    assert refused(tmp_path) == f"results file {tmp_path} is a folder; give the name of a file in it"


def test_a_missing_folder(tmp_path: Path) -> None:
    path = tmp_path / "no" / "r.sqlite"
    assert refused(path) == f"results file {path} cannot be created: the folder {path.parent} does not exist"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that nobody can write to, here /proc")
def test_a_folder_that_cannot_be_written() -> None:
    path = Path("/proc/self/r.sqlite")
    assert (
        refused(path) == f"results file {path} cannot be opened or created; "
        "check that the folder /proc/self can be written to"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to read-only files")
def test_a_read_only_file(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    Store.open(path, toy_task(), toy_plan()).close()
    path.chmod(0o444)
    assert refused(path) == f"results file {path} is read-only; make it writable, or {ANOTHER}"


@pytest.mark.parametrize("content", [b"tensor,bit,outcome\n", b"SQLite format 3\0", bytes(200)])
def test_not_a_database(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "r.sqlite"
    path.write_bytes(content)
    assert refused(path) == f"{path} is not a results file (not an SQLite database); {ANOTHER}"


def test_a_database_of_another_program(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    assert refused(path) == f"{path} is an SQLite database of another program; {ANOTHER}"


def test_a_later_format(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    Store.open(path, toy_task(), toy_plan()).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=7")
    connection.close()
    assert (
        refused(path) == f"results file {path} has format version 7, this program knows version 1; "
        f"use the program version that wrote it, or {ANOTHER}"
    )


def test_a_truncated_file(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    run_toy(str(path))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert refused(path) == (
        f"results file {path} is damaged (database disk image is malformed); delete it, or {ANOTHER}"
    )


def test_a_file_with_a_page_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    run_toy(str(path))
    damaged = bytearray(path.read_bytes())
    damaged[-2000:] = b"\xff" * 2000
    path.write_bytes(bytes(damaged))
    sentence = refused(path)
    assert sentence.startswith(f"results file {path} is damaged (")
    assert sentence.endswith(f"); delete it, or {ANOTHER}")


def test_an_identity_that_was_edited(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    Store.open(path, toy_task(), toy_plan()).close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE meta SET value = replace(value, '\"seed\":1', '\"seed\":2') WHERE key = 'identity'")
    connection.commit()
    connection.close()
    assert refused(path, toy_task(seed=2), toy_plan(seed=2)) == (
        f"results file {path} is damaged (its identity does not match its strong_id); delete it, or {ANOTHER}"
    )


def test_two_writers(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    busy = f"results file {path} is in use by another campaign; wait until it ends, or {ANOTHER}"
    with Store.open(path, toy_task(), toy_plan()) as store:
        assert refused(path) == busy
        with pytest.raises(ResultsError) as caught:
            Store.read(path)
        assert str(caught.value) == busy
        store.insert([Row(0, 0, 0, "conv1.weight", 0, "{}", "masked", 0.0)])
    with Store.open(path, toy_task(), toy_plan()) as store:
        assert store.done(0) == {0}


def test_reading_what_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    with pytest.raises(ResultsError) as caught:
        Store.read(path)
    assert str(caught.value) == f"results file {path} does not exist; run a campaign with --results first"
    assert list(tmp_path.iterdir()) == []


def test_reading_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    run_toy(str(path))
    before = path.read_bytes()
    with Store.read(path) as store:
        assert len(list(store.results())) == 200
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["r.sqlite"]


def test_the_strong_id_is_the_hash_of_all_fields_but_not_of_their_order() -> None:
    identity = toy_task().identity()
    assert toy_task().strong_id() == strong_id(dict(reversed(identity.items())))
    assert set(identity) == {
        *("model", "inputs", "space", "criterion", "design", "seed", "numerics", "packages", "sampling")
    }
    others = [
        toy_task(model="c"),
        toy_task(inputs="c"),
        toy_task(space={}),
        toy_task(criterion="c"),
        toy_task(design="set"),
        toy_task(seed=2),
        toy_task(numerics="2"),
        toy_task(packages={}),
    ]
    assert len({task.strong_id() for task in [toy_task(), *others]}) == 9
