import os
import signal
import subprocess
import sys

import pytest

from genrestream.errors import OutputError, UsageError
from tests.conftest import ROOT
from train.command.lock import locked

HOLD = """
import sys, time; from pathlib import Path; from train.command.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_another_process_is_refused_until_the_first_dies(tmp_path):
    first = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert first.stdout is not None
    assert first.stdout.readline() == "held\n"
    try:
        with (
            pytest.raises(UsageError, match=f"--output {tmp_path}: process {first.pid} trains in it"),
            locked(tmp_path),
        ):
            pass
    finally:
        first.send_signal(signal.SIGKILL)
        first.communicate()
    with locked(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
    with locked(tmp_path):
        pass


def test_a_lock_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "lock").mkdir()
    with pytest.raises(OutputError, match="cannot be written"), locked(tmp_path):
        pass
