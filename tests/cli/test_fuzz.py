"""Files cut short or with bytes changed: a result or one line, never a traceback, a hang or a dead process.

The cases run in one process of their own, so that a crash inside a compiled library shows as a failure here, with the
number of the case that caused it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import contextlib, io, json, resource, sys
from pathlib import Path
import numpy as np
from accel_sim.cli import main
from tests.cli.fuzzing import damaged
resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
for number, (label, name, data, arguments) in enumerate(damaged(sys.argv[1])):
    Path(name).write_bytes(data)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(arguments)
    print(json.dumps([number, label, status, out.getvalue(), err.getvalue()]), flush=True)
"""


@pytest.mark.parametrize("kind", ["models", "data"])
def test_damaged_files(kind: str, here: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    child = subprocess.run(
        [sys.executable, "-c", CHILD, kind], cwd=here, env=environment, capture_output=True, text=True, timeout=300
    )
    answers = [json.loads(line) for line in child.stdout.splitlines()]
    assert child.returncode == 0, (answers[-1:], child.stderr[-2000:])
    assert len(answers) >= 100
    refused = 0
    for number, label, status, out, err in answers:
        case = (number, label, err)
        assert status in (0, 1, 2), case
        assert "Traceback" not in err, case
        assert "internal error" not in err, case
        if status == 2:
            refused += 1
            assert out == "", case
            assert err.startswith("accel-sim: "), case
            assert err.count("\n") == 1, case
    assert refused > len(answers) // 4
