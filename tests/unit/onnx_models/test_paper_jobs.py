"""Jobs of the reproduction: order, several processes, errors; and what the command makes of its steps."""

import dataclasses
import multiprocessing
import os
import time
from functools import partial
from pathlib import Path

import pytest

from accel_sim.errors import CampaignError
from onnx_models.paper import __main__ as command
from onnx_models.paper.campaigns.campaign_jobs import campaign_jobs
from onnx_models.paper.campaigns.pictures import Folder, buffer_names, float_names, int8_names
from onnx_models.paper.jobs import Job, run_jobs
from onnx_models.paper.recipe import Recipe


def _note(folder: Path, name: str, seconds: float = 0.0) -> None:
    """Leave a file that says when a job began and ended, and in which process."""
    began = time.monotonic()
    time.sleep(seconds)
    (folder / name).write_text(f"{began} {time.monotonic()} {os.getpid()}", encoding="utf-8")


def _fail(folder: Path) -> None:
    time.sleep(0.2)
    raise ValueError(f"nothing in {folder.name}")


def _jobs(folder: Path, *names: tuple[str, tuple[str, ...]], seconds: float = 0.0) -> list[Job]:
    return [Job(name, partial(_note, folder, name, seconds), after) for name, after in names]


def _times(folder: Path) -> dict[str, list[float]]:
    return {path.name: [float(word) for word in path.read_text("utf-8").split()] for path in folder.iterdir()}


DIAMOND = (("a", ()), ("b", ("a",)), ("c", ("a", "not among them")), ("d", ("b", "c")))


@pytest.mark.parametrize("workers", [1, 2])
def test_no_job_begins_before_what_it_waits_for_has_ended(tmp_path, workers):
    run_jobs(_jobs(tmp_path, *DIAMOND, seconds=0.05), workers)
    found = _times(tmp_path)
    assert sorted(found) == ["a", "b", "c", "d"]
    for name, after in DIAMOND:
        for before in set(after) & set(found):
            assert found[before][1] <= found[name][0]
    processes = {times[2] for times in found.values()}
    assert (os.getpid() in processes) == (workers == 1)
    assert len(processes) <= workers


@pytest.mark.slow
def test_processes_work_at_the_same_time(tmp_path):
    run_jobs(_jobs(tmp_path, ("a", ()), ("b", ()), seconds=4.0), 2)
    (a, b) = _times(tmp_path).values()
    assert a[2] != b[2]
    assert max(a[0], b[0]) < min(a[1], b[1])


@pytest.mark.parametrize("workers", [1, 2])
def test_after_an_error_nothing_more_begins(tmp_path, workers):
    jobs = [Job("bad", partial(_fail, tmp_path)), *_jobs(tmp_path, ("late", ("bad",)), ("later", ("late",)))]
    with pytest.raises(ValueError, match=f"nothing in {tmp_path.name}"):
        run_jobs(jobs, workers)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_is_said(tmp_path):
    with pytest.raises(CampaignError, match=r"ended from outside.*--workers 1"):
        run_jobs([Job("killed", partial(os._exit, 9)), *_jobs(tmp_path, ("a", ("killed",)))], 2)


def _long(folder: Path) -> None:
    (folder / "began").write_text(str(os.getpid()), encoding="utf-8")
    time.sleep(60)
    (folder / "ended").touch()


def _command(folder: Path) -> None:
    run_jobs([Job("long", partial(_long, folder)), Job("other", partial(time.sleep, 60))], 2)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see whether a process runs")
def test_processes_end_with_the_one_that_began_them(tmp_path):
    """Killed and called again, the command must not meet its former self at work on the same files."""
    parent = multiprocessing.get_context("spawn").Process(target=_command, args=(tmp_path,))
    parent.start()
    for _ in range(300):
        if (tmp_path / "began").exists() and (tmp_path / "began").read_text("utf-8"):
            break
        time.sleep(0.1)
    worker = int((tmp_path / "began").read_text("utf-8"))
    parent.kill()
    parent.join()
    for _ in range(100):
        if not _runs(worker):
            break
        time.sleep(0.1)
    assert not _runs(worker)


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text("utf-8").rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_orders_that_cannot_be_are_refused(tmp_path):
    with pytest.raises(ValueError, match="job b comes before a, which it waits for"):
        run_jobs(_jobs(tmp_path, ("b", ("a",)), ("a", ())), 1)
    with pytest.raises(ValueError, match=r"two jobs have one name: \['a'\]"):
        run_jobs(_jobs(tmp_path, ("a", ()), ("a", ())), 1)
    assert list(tmp_path.iterdir()) == []


def test_every_network_of_the_paper_has_its_campaigns(tmp_path):
    folder = Folder(tmp_path, dataclasses.replace(Recipe.miniature(), repeats=2))
    names = [job.name for job in campaign_jobs(folder, None, command.STEPS)]
    assert len(set(names)) == len(names)
    assert [name for name in names if name.startswith("int8 ")] == [f"int8 {name}" for name in int8_names()]
    assert len(int8_names()) == 12
    assert len(buffer_names()) == 6
    for name in float_names():
        assert {f"{kind} {name}" for kind in ("float", "saturate", "lower", "fault-free")} <= set(names)
    assert sum("-seed" in name for name in names) == 6
    assert [job.name for job in campaign_jobs(folder, None, ["float"])] == [f"float {name}" for name in float_names()]


def test_campaigns_on_networks_that_are_not_there_say_so(tmp_path, capsys):
    folder = Folder(tmp_path, Recipe.miniature())
    run_jobs(campaign_jobs(folder, None, ["float", "limits"]), 1)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"{tmp_path / 'relu-original.onnx'}: not there yet"
    assert len(lines) == 24
    assert list(tmp_path.iterdir()) == []
