"""Ctrl-C while a source is opened or waited for ends the run with 130, at once."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.audio.servers import head, serving
from tests.conftest import ROOT

# What ``genrestream file`` does with a source, without the seconds that loading a model takes.
SCRIPT = """
import os, sys
from genrestream.audio.source import AudioSource
from genrestream.cli.exits import exit_code
from genrestream.errors import AudioError
def run():
    for source in sys.argv[1:]:
        print("opening", flush=True)
        try:
            with AudioSource(source) as opened:
                for _ in opened: pass
        except AudioError as error:
            print(error, flush=True)
code = exit_code(run)
os._exit(code)
"""


def interrupted(*sources, **options):
    """Return the exit code and output after Ctrl-C, and how long it took."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *map(str, sources)], stdout=subprocess.PIPE, text=True, cwd=ROOT, **options
    ) as process:
        assert process.stdout
        process.stdout.readline()
        time.sleep(0.4)
        began_s = time.monotonic()
        process.send_signal(signal.SIGINT)
        try:
            code = process.wait(10)
        finally:
            process.kill()  # where it hangs, the test fails and does not hang as well
        return code, process.stdout.read(), time.monotonic() - began_s


def check(code, rest, took_s):
    assert code == 130
    assert not rest, "the next source was begun"
    assert took_s < 1


@pytest.fixture
def fifo(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def test_a_fifo_that_nobody_writes(fifo, wav):
    check(*interrupted(fifo, wav))


@pytest.mark.parametrize("n_bytes", [0, 3, 200_000])
def test_a_fifo_whose_writer_is_silent(fifo, wav, n_bytes):
    holder = os.open(fifo, os.O_RDWR)  # so that opening it for writing does not wait
    try:
        os.set_blocking(holder, False)
        os.write(holder, wav.read_bytes()[: min(n_bytes, 60_000)])
        check(*interrupted(fifo, wav))
    finally:
        os.close(holder)


def test_standard_input(wav):
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"], stdout=subprocess.PIPE) as writer:
        check(*interrupted("-", wav, stdin=writer.stdout))
        writer.kill()


@pytest.mark.parametrize("answers", [(20.0,), (head(), 20.0), (head(), None, 20.0)])
def test_a_server(wav, answers):
    answers = [wav.read_bytes()[:150_000] if answer is None else answer for answer in answers]
    with serving(*answers) as address:
        check(*interrupted(address, wav))
