"""Closed is a state: reading on is an error, and the process lives."""

import subprocess
import sys

import pytest

from genrestream.audio.source import AudioSource
from genrestream.errors import AudioError
from tests.conftest import METAL, ROOT

BEGIN = f"""
import threading, time
from genrestream.audio.source import AudioSource
from genrestream.errors import AudioError
source = AudioSource({str(METAL)!r})
blocks = iter(source)
next(blocks)
"""
READ_ON = """
try:
    print(len(list(blocks)))
except AudioError as error:
    print(error)
"""
AFTER = "source.close()\nsource.close()" + READ_ON
DURING = "threading.Timer(0.02, source.close).start()" + READ_ON.replace(
    "list(blocks)", "[time.sleep(1e-3) for _ in blocks]"
)
MANY = """
def read():
    for number in range(60):
        with AudioSource(source.name) as other:
            threading.Timer(number / 2000, other.close).start()
            try:
                for _ in other: pass
            except AudioError:
                pass
threads = [threading.Thread(target=read) for _ in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print("was closed")
"""
ANEW = "source.close()\nblocks = iter(source)" + READ_ON
PROPERTIES = "source.close()\nprint(source.duration_s, source.is_endless, source.problems, source.name, 'was closed')"


@pytest.mark.parametrize("script", [AFTER, DURING, MANY, ANEW, PROPERTIES])
def test_use_after_close_is_an_error_not_a_crash(script):
    done = subprocess.run([sys.executable, "-c", BEGIN + script], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "was closed" in done.stdout


def test_a_stream_used_after_its_with(model):
    with model.stream(METAL) as stream:
        next(stream)
    with pytest.raises(AudioError, match="was closed"):
        list(stream)


def test_a_source_read_to_its_end_and_closed_stays_complete():
    with AudioSource(METAL) as source:
        for _ in source:
            pass
    assert source.ending.kind == "complete"
