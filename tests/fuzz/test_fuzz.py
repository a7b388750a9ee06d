"""Damaged input of every kind: an answer, a word on what is missing, or one line of error; nothing else.

``python -m tests.fuzz --count 10000`` tries many more.
"""

import os
import signal
from collections import Counter

import numpy as np
import pytest

from tests.fuzz import seeds
from tests.fuzz.mutations import mutated
from tests.fuzz.workers import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    seeds.write(folder)
    return folder


@pytest.mark.parametrize(("target", "count"), [("audio", 300), ("checkpoint", 24), ("table", 100), ("http", 14)])
def test_damage_is_answered_reported_or_refused(folder, target, count):
    results = list(run(target, count, 1, folder))
    assert sorted(result.number for result in results) == list(range(count))
    assert not [str(result) for result in results if result.is_fault]
    outcomes = Counter(result.outcome for result in results)
    assert len(outcomes) > 1, outcomes


def test_the_same_number_does_the_same_damage():
    content = bytes(range(256)) * 20
    damaged = {mutated(content, np.random.default_rng([0, number]), b"RIFF" * 9)[0] for number in range(50)}
    again = {mutated(content, np.random.default_rng([0, number]), b"RIFF" * 9)[0] for number in range(50)}
    assert damaged == again
    assert len(damaged - {content}) > 45


def attempt(_folder, number, _rng):
    """What a worker tries in the test below, which names this module as its target."""
    if number == 1:
        os.kill(os.getpid(), signal.SIGSEGV)
    while number == 2:
        pass
    if number == 3:
        raise ValueError
    return "test", "read", ("x" * 700_000_000)[:0] if number == 4 else ""


def test_a_crash_a_hang_a_traceback_and_a_glutton_are_found(tmp_path):
    results = list(run("test_fuzz", 6, 0, tmp_path, n_workers=1, hang_s=3))
    assert [result.outcome for result in results] == ["read", "crash (SIGSEGV)", "hang", "traceback", "read", "read"]
    assert [result.is_fault for result in results] == [False, True, True, True, True, False]
