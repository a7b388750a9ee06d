import os
import subprocess
import sys

import pytest

from genrestream.errors import CheckpointError, OutputError, UsageError
from train.command.entry import entry


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UsageError("--seed -1"), 2, "--seed -1\n"),
        (OutputError("no room"), 1, "no room\n"),
        (CheckpointError("damaged"), 1, "damaged\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_an_error_is_a_line_and_an_exit_code(capsys, error, code, said):
    def fail():
        raise error

    with pytest.raises(SystemExit) as ended:
        entry(fail)
    assert ended.value.code == code
    assert capsys.readouterr().err == said


def test_a_reader_that_went_away_is_no_fault():
    reader, writer = os.pipe()
    os.close(reader)
    script = "from train.command.entry import entry; entry(lambda: print('figures', flush=True))"
    ended = subprocess.run([sys.executable, "-c", script], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, "")
