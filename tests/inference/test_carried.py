"""A stateful model in a stream: chunks of any hop answer as one pass over all that was heard since the state began."""

import dataclasses
import itertools
from typing import Any

import jax
import numpy as np
import pytest

import genrestream
from genrestream.errors import CheckpointError, UsageError
from genrestream.export.model import function_of
from genrestream.inference.checkpoint import read
from genrestream.inference.engines import runtime
from genrestream.inference.network import load_weights, logits_function
from genrestream.inference.program import Program
from genrestream.library.config import ScanConfig
from genrestream.library.namer import Namer
from genrestream.library.scan import Scan
from genrestream.streaming.config import StreamConfig
from genrestream.streaming.session import Session
from tests.conftest import music
from tests.made_up import stateful

RATE, CHUNK = 12_000, 36_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return stateful(tmp_path_factory.mktemp("stateful") / "model")


@pytest.fixture(scope="module")
def model(folder):
    return genrestream.load(folder)


@pytest.fixture(scope="module")
def one_pass(folder):
    """From a waveform of whole seconds, shape (n_samples,), to the logits of one pass over it."""
    checkpoint, weights = read(folder), load_weights(read(folder))

    def logits(waveform: np.ndarray) -> np.ndarray:
        config: Any = checkpoint.card.frontend
        config = dataclasses.replace(config, n_samples=len(waveform), n_frames=len(waveform) // config.hop_length)
        function = logits_function(dataclasses.replace(checkpoint.card, frontend=config))
        return np.asarray(jax.jit(function)(weights, waveform[None]))[0]

    return logits


def answered(session: Session, samples: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Return where each chunk ended, and its logits."""
    return [(one.chunk.start + CHUNK, session.infer(one)[1]) for one in session.chunks(samples[None], RATE)]


@pytest.mark.parametrize("hop_s", [0.5, 1.0, 2.0, 3.0, 0.7])
def test_chunks_answer_as_one_pass(model, one_pass, hop_s):
    session, heard = model.session(hop_s=hop_s), []
    session.on_waveform = lambda start_s, waveform, rate: heard.append(waveform)
    answers = answered(session, music(13, RATE)[0])
    assert session.in_order
    assert len(answers) == (13 - 3) // hop_s + 1
    waveform = np.concatenate(heard)
    for end, logits in (answers[0], answers[-1]):
        np.testing.assert_allclose(logits, one_pass(waveform[:end]), atol=1e-4)


@pytest.mark.parametrize(("between", "goes_on"), [("nothing", True), (1.5, True), (2.5, False), ("silence", False)])
def test_the_state_begins_anew(model, between, goes_on):
    """After a gap of more than 2 s, and after a chunk of silence."""
    first, then = music(6, RATE, seed=1)[0], music(3.5, RATE, seed=2)[0]
    session, fresh = model.session(hop_s=3.0), model.session(hop_s=3.0)
    answered(session, first)
    if between == "silence":
        answered(session, np.zeros(round(6.5 * RATE), np.float32))
        session.skip(0.0)
    elif between != "nothing":
        session.skip(between)
    else:
        session.skip(0.0)
    (_, logits), (_, alone) = answered(session, then)[-1], answered(fresh, then)[0]
    assert (np.abs(logits - alone).max() > 1e-3) == goes_on


def test_with_hops_far_longer_than_a_chunk_each_is_alone(model):
    samples = music(21, RATE)[0]
    session = model.session(hop_s=9.0)
    for one in session.chunks(samples[None], RATE):
        alone = model.program(one.chunk.waveform[None])[0]
        np.testing.assert_allclose(session.infer(one)[1], alone, atol=1e-5)


def test_sessions_share_the_function_and_not_the_state(model):
    songs = [music(9.5, RATE, seed=seed)[0] for seed in (3, 4)]
    alone = [answered(model.session(hop_s=1.0), song) for song in songs]
    sessions = [model.session(hop_s=1.0) for _ in songs]
    pieces = zip(*(np.array_split(song, 10) for song in songs), strict=True)
    mixed: list[list[Any]] = [[], []]
    for both in pieces:
        for number, piece in enumerate(both):
            mixed[number] += answered(sessions[number], piece)
    for (_, got), (_, expected) in zip(itertools.chain(*mixed), itertools.chain(*alone), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-6)


def test_files_are_answered_in_order_whatever_the_jobs(model):
    samples = music(20, RATE)[0]
    one, four = (list(model.stream(samples, sample_rate=RATE, hop_s=1.0, jobs=jobs)) for jobs in (1, 4))
    assert [prediction.probs for prediction in one] == [prediction.probs for prediction in four]


def test_a_stored_step_has_a_state_too(folder, monkeypatch):
    """Where jax loads the functions, as on a GPU."""
    monkeypatch.setattr(runtime, "TRIED", ())
    answers = []
    for _ in range(2):
        carried = Program(read(folder)).in_order(RATE)
        assert carried
        answers.append([carried(music(3, RATE, seed=seed), seed * RATE, 1.0, True) for seed in range(3)])
    np.testing.assert_array_equal(*answers)


def test_a_library_is_classified_as_files_are(folder, model, wav):
    final = model.classify(wav).final
    assert Namer(str(folder), 0).genres(wav, 0.0) == [genre.title() for genre in final.genres]


def test_what_cannot_carry_a_state_says_so(folder, model, tmp_path):
    checkpoint = read(folder)
    with pytest.raises(UsageError, match="stateful: a stateful model takes a stream's chunks in order"):
        Session(model.card, model.program, StreamConfig())
    with pytest.raises(UsageError, match="batch=4 cannot be with stateful, a stateful model"):
        Scan([], ScanConfig(batch=4), checkpoint, None, None)  # pyright: ignore[reportArgumentType]
    with pytest.raises(UsageError, match="is stateful, and an exported function keeps no state"):
        function_of(checkpoint)
    centred = dataclasses.replace(checkpoint.card.frontend, causal=False)
    with pytest.raises(CheckpointError, match="its network is stateful, so its front end must be causal"):
        Program(read(stateful(tmp_path / "centred", frontend=centred)))
