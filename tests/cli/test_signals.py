"""Signals to ``genrestream file``: what is known is written, and every record is whole."""

import csv
import json
import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import METAL, music
from tests.pulse import until


@pytest.fixture(autouse=True)
def compiled(default):
    """The commands find the model's program in the cache, as on a user's second run."""


@pytest.mark.parametrize(
    ("name", "suffix"), [("SIGINT", "json"), ("SIGTERM", "json"), ("SIGHUP", "jsonl"), ("SIGTERM", "csv")]
)
def test_what_is_known_is_written(tmp_path, name, suffix):
    """The second source is a pipe that stays open with two chunks in it."""
    number, output = getattr(signal, name), tmp_path / f"x.{suffix}"
    arguments = ["file", METAL, "-", "--raw-rate", "16000", "--output", output]
    program = [sys.executable, "-m", "genrestream", *map(str, arguments)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write((music(7)[0] * 32767).astype("<i2").tobytes())
        process.stdin.flush()
        until(lambda: output.exists() and "metal" in output.read_text(), 60)
        until(lambda: process.stdout.readline() == b"-\n" or time.sleep(0.01), 60)  # pyright: ignore[reportOptionalMemberAccess]
        process.stdout.readline()
        process.send_signal(number)
        assert process.wait(20) == 128 + number
        assert process.stderr.read() == b""
    assert [verdict(one) for one in records(output)][-1] == "-"


def records(output):
    text = output.read_text()
    if output.suffix == ".json":
        return [one["verdict"] for one in json.loads(text)["files"]]
    if output.suffix == ".csv":
        return list(csv.DictReader(output.with_stem(f"{output.stem}-verdicts").read_text().splitlines()))
    return [record for record in map(json.loads, text.splitlines()) if record["type"] == "verdict"]


def verdict(record):
    assert record["state"] != "nothing"
    return record["source"]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_while_nothing_was_read_leaves_valid_json(tmp_path, name):
    output = tmp_path / "x.json"
    program = [sys.executable, "-m", "genrestream", "file", "-", "--raw-rate", "16000", "--output", str(output)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr
        until(output.exists, 60)
        process.send_signal(getattr(signal, name))
        assert process.wait(20) == 128 + getattr(signal, name)
        assert process.stderr.read() == b""
    assert "files" in json.loads(output.read_text())
