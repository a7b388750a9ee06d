"""Chunks that overlap: the network sees what is new, and answers as for the whole chunk."""

from collections.abc import Iterator

import numpy as np
import pytest

import genrestream
from genrestream.audio.source import AudioSource
from genrestream.inference.overlap import REUSING
from genrestream.models import MODELS
from genrestream.streaming.session import MeasuredChunk, Session
from tests.conftest import EXAMPLES

RATE, FRAME = 16_000, 256


@pytest.fixture(scope="module")
def tags():
    return genrestream.load("musicnn-tags")


def song(name: str, seconds: float) -> tuple[np.ndarray, int]:
    with AudioSource(EXAMPLES / name) as source:
        blocks = list(source)
    rate = blocks[0][1]
    return np.concatenate([block for block, _ in blocks], axis=1)[:, : round(seconds * rate)], rate


def answered(session: Session, seed: int) -> Iterator[tuple[MeasuredChunk, np.ndarray]]:
    """Play songs with silence, gaps and jumps of loudness between them; yield chunks and their logits."""
    rng = np.random.default_rng(seed)
    for name, gain in (("metal.ogg", 0.5), ("classical.ogg", 0.05)):
        samples, rate = song(name, 5)
        pieces = [*np.array_split(gain * samples, 7, axis=1), np.zeros((1, rng.integers(rate, 4 * rate)), np.float32)]
        for piece in pieces:
            for measured in session.chunks(piece, rate):
                yield measured, session.infer(measured)[1]
        session.skip(rng.uniform(0, 5))
    for measured in session.last_chunks():
        yield measured, session.infer(measured)[1]


@pytest.mark.parametrize("hop_s", [0.1, 0.304, 0.5, 1.0, 1.5, 3.0])
def test_each_chunk_is_answered_as_if_it_were_alone(tags, hop_s):
    check(tags, hop_s)


def test_so_are_those_of_the_default_model(default):
    check(default, 1.0)


def check(model: genrestream.Classifier, hop_s: float) -> None:
    session, n_answers = model.session(hop_s=hop_s), 0
    assert session.in_order == (hop_s <= 1.5)
    for measured, logits in answered(session, seed=round(100 * hop_s)):
        if not measured.is_silent:
            alone = model.program(np.float32(measured.gain) * measured.chunk.waveform[None])[0]
            np.testing.assert_allclose(logits, alone[: len(logits)], atol=1e-5)
            n_answers += 1
    assert n_answers >= 4


def test_chunks_start_on_the_frame_next_to_their_hop(tags):
    starts = [one.start_s for one in tags.stream(music_of(12), sample_rate=RATE, hop_s=0.7)]
    np.testing.assert_array_equal(np.array(starts) * RATE % FRAME, 0)
    assert np.abs(starts - 0.7 * np.arange(len(starts))).max() < (FRAME / 2 + 1) / RATE
    assert len(starts) == 13


def music_of(seconds: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)


def test_the_networks_that_can_are_listed():
    assert {name for name, (_, module) in MODELS.items() if hasattr(module, "next_maps")} == set(REUSING)


def test_batches_have_the_answers_of_single_chunks(tags):
    chunks = np.random.default_rng(0).normal(0, 0.1, (7, 48_000)).astype(np.float32)
    program = type(tags.program)(tags.program.checkpoint, batch_sizes=(4, 1))
    alone = np.concatenate([tags.program(one[None]) for one in chunks])
    np.testing.assert_allclose(program(chunks), alone, atol=1e-5)
