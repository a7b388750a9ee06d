import os
import stat
from typing import Any

import jax
import numpy as np
import pytest

from genrestream.inference.checkpoint import read
from genrestream.inference.network import load_weights, logits_function
from genrestream.inference.program import MAX_PROGRAMS, logits_program
from genrestream.inference.shipped import find

TAGS = read(find("musicnn-tags"))


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GENRESTREAM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_stored_program_equals_the_network(own_cache, golden):
    chunk = golden["waveform"][:1]
    direct = np.asarray(jax.jit(logits_function(TAGS.card))(load_weights(TAGS), chunk))
    made, stored = logits_program(TAGS)(chunk), logits_program(TAGS)(chunk)
    np.testing.assert_allclose(made, direct, atol=1e-5)
    np.testing.assert_array_equal(stored, made)
    assert len(list((own_cache / "programs").iterdir())) == 1


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not really", None])
def test_a_damaged_program_is_made_again(own_cache, golden, caplog, damage):
    expected = logits_program(TAGS)(golden["waveform"][:1])
    (file,) = (own_cache / "programs").iterdir()
    if damage is None:  # a whole archive whose program is none
        with np.load(file) as arrays:
            spoilt: dict[str, Any] = dict(arrays) | {"program": np.zeros(10, np.uint8)}
        np.savez(file, **spoilt)
    else:
        file.write_bytes(damage)
    np.testing.assert_array_equal(logits_program(TAGS)(golden["waveform"][:1]), expected)
    assert "made again" in caplog.text
    caplog.clear()
    logits_program(TAGS)
    assert not caplog.text


def test_old_programs_make_room(own_cache):
    (own_cache / "programs").mkdir(parents=True, mode=0o700)
    for number in range(MAX_PROGRAMS + 3):
        stale = own_cache / "programs" / f"{number}.npz"
        stale.touch()
        os.utime(stale, (number, number))
    logits_program(TAGS)
    left = {file.name for file in (own_cache / "programs").iterdir()}
    assert len(left) == MAX_PROGRAMS
    assert "3.npz" not in left


def test_a_folder_that_others_can_write_is_not_trusted(own_cache):
    own_cache.mkdir()
    own_cache.chmod(0o777)
    logits_program(TAGS)
    assert not list(own_cache.iterdir())


def test_the_cache_is_private(own_cache):
    logits_program(TAGS)
    assert not stat.S_IMODE(own_cache.stat().st_mode) & 0o077


def test_without_a_cache_it_works(monkeypatch, golden):
    monkeypatch.setenv("GENRESTREAM_CACHE", "")
    logits = logits_program(TAGS)(golden["waveform"][:1])
    np.testing.assert_allclose(logits, golden["MSD_musicnn_logits"][:1], atol=1e-3)
