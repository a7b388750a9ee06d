import io
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import genrestream
from genrestream import AudioError, UsageError
from tests.conftest import METAL, encode, music

TOLERANCE = 1e-4


def probs_of(predictions):
    return np.array([list(prediction.probs.values()) for prediction in predictions])


@pytest.fixture(scope="module")
def stereo(tmp_path_factory, model):
    """A stereo file at 44.1 kHz, its samples, and what the model says of it."""
    samples = music(11, 44_100, 2)
    path = encode(tmp_path_factory.mktemp("stereo") / "song.wav", samples, 44_100, "pcm_f32le")
    return path, samples, list(model.stream(path))


@settings(max_examples=5, deadline=None)
@given(sizes=st.lists(st.integers(1, 100_000), min_size=1, max_size=20))
def test_pushing_any_blocks_equals_the_file(model, stereo, sizes):
    _, samples, expected = stereo
    session, predictions, at = model.session(), [], 0
    while at < samples.shape[1]:
        size = sizes[at % len(sizes)]
        predictions += session.push(samples[:, at : at + size].T, 44_100)
        at += size
    predictions += session.flush()
    np.testing.assert_allclose(probs_of(predictions), probs_of(expected), atol=TOLERANCE)
    assert [p.start_s for p in predictions] == [0, 3, 6, 9]


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64])
def test_the_type_of_the_samples_does_not_matter(model, dtype):
    samples = music(3)[0]
    expected = model.session().push(samples, 16_000)
    scale = 1 if np.issubdtype(dtype, np.floating) else -float(np.iinfo(dtype).min)
    given_type = model.session().push((samples * scale).astype(dtype), 16_000)
    np.testing.assert_allclose(probs_of(given_type), probs_of(expected), atol=1e-2 if dtype == np.int16 else TOLERANCE)


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000])
def test_the_sample_rate_is_never_silently_wrong(model, rate):
    """The same music at another rate says nearly the same; the same samples at a wrong rate would not."""
    low = music(3, 8_000)[0]  # nothing above 4 kHz, so every rate can hold it
    import soxr

    expected = model.session().push(soxr.resample(low, 8_000, 16_000), 16_000)
    session = model.session()
    ours = session.push(soxr.resample(low, 8_000, rate) if rate != 8_000 else low, rate) + session.flush()
    np.testing.assert_allclose(probs_of(ours)[0], probs_of(expected)[0], atol=0.05)


def test_the_first_answer_comes_with_the_first_chunk(model):
    session = model.session(hop_s=1.0)
    samples = music(5)[0]
    assert not session.push(samples[:47_000], 16_000)
    (first,) = session.push(samples[47_000:48_000], 16_000)
    assert (first.start_s, first.end_s) == (0, 3)
    assert [p.start_s for p in session.push(samples[48_000:], 16_000)] == [0.992, 2]  # on frames of 16 ms


def test_short_audio_is_repeated_and_says_so(model):
    session = model.session()
    assert not session.push(music(1.5)[0], 16_000)
    (prediction,) = session.flush()
    assert prediction.padded_s == pytest.approx(1.5)
    assert session.verdict().padded_s == pytest.approx(1.5)


def test_a_short_rest_is_dropped_and_says_so(model):
    session = model.session()
    session.push(music(3.75)[0], 16_000)
    assert not session.flush()
    assert session.verdict().dropped_s == pytest.approx(0.75)
    assert session.verdict().duration_s == pytest.approx(3.75)


@pytest.mark.parametrize("rule", ["mean", "majority", "decay"])
def test_silence_does_not_vote(model, rule):
    quiet = np.concatenate([np.zeros(96_000), music(6)[0], 1e-4 * music(3)[0]])
    session = model.session(vote=rule)
    predictions = session.push(quiet, 16_000)
    assert [p.is_silence for p in predictions] == [True, True, False, False, True]
    assert predictions[1].running.state == "silence"
    assert predictions[4].running.probs == predictions[3].running.probs
    verdict = session.verdict()
    assert (verdict.n_chunks, verdict.n_silent, verdict.final.n_votes) == (5, 3, 2)
    assert verdict.final.rule.startswith(rule)


def test_silence_takes_no_memory(default):
    """The loudness of the last 15 s is kept, also where no chunk needs it."""
    session = default.session(hop_s=3.0)
    for _ in range(10):
        session.push(np.zeros(60 * 16_000, np.float32), 16_000)
    leveller = session._leveller
    assert leveller
    assert len(leveller._powers) < 10 * (15 + 60)


def test_nothing_but_silence(model):
    session = model.session()
    session.push(np.zeros(160_000), 16_000)
    assert session.verdict().genre == "silence"


@pytest.mark.parametrize(("least", "state"), [(0.0, "music"), (1.0, "unsure")])
def test_an_improbable_answer_is_unsure(model, least, state):
    session = model.session(min_probability=least)
    session.push(music(3)[0], 16_000)
    assert session.verdict().final.state == state


def test_probabilities_of_genres_sum_to_one(model):
    (prediction,) = model.session().push(music(3)[0], 16_000)
    assert sum(prediction.probs.values()) == pytest.approx(1)
    assert len(prediction.chosen) == 1
    assert tuple(prediction.probs) == model.card.labels


def test_several_tags_may_hold_at_once(tags):
    verdict = tags.classify(METAL, min_probability=0.05)
    assert verdict.final.genres[0] == "metal"
    assert len(verdict.final.genres) > 2
    probs = [verdict.final.probs[tag] for tag in verdict.final.genres]
    assert probs == sorted(probs, reverse=True)
    assert min(probs) >= 0.05
    assert tags.classify(METAL, min_probability=0.99).genre == "unsure"


def test_streams_do_not_disturb_each_other(model):
    first, second = model.session(), model.session()
    samples = music(3)[0]
    one = first.push(samples[:32_000], 16_000)
    second.push(music(3, seed=9)[0], 16_000)
    one += first.push(samples[32_000:], 16_000)
    np.testing.assert_allclose(probs_of(one), probs_of(model.session().push(samples, 16_000)), atol=1e-5)


def test_the_example_is_metal(model):
    stream = model.stream(METAL)
    predictions = list(stream)
    assert len(predictions) == 10
    assert stream.verdict().genre == "metal"
    assert stream.verdict().final.votes["metal"] >= 8


@pytest.mark.parametrize(
    ("samples", "rate", "said"),
    [
        (np.zeros((2, 3, 4)), 16_000, r"shape \(2, 3, 4\)"),
        (np.zeros((2, 48_000)), 16_000, r"shape \(2, 48000\)"),
        (np.zeros(10, complex), 16_000, "complex"),
        (np.zeros(10), 0, "sample_rate=0"),
        (np.zeros(10), 44_100.5, "sample_rate=44100.5"),
        (["a"], 16_000, "must be"),
    ],
)
def test_impossible_samples_are_refused(model, samples, rate, said):
    with pytest.raises(UsageError, match=said):
        model.session().push(samples, rate)


def test_nan_is_refused(model):
    with pytest.raises(AudioError, match="NaN"):
        model.session().push(np.full(10, np.nan), 16_000)


@pytest.mark.parametrize("method", ["push", "skip"])
def test_a_flushed_session_is_over(model, method):
    session = model.session()
    session.push(music(4)[0], 16_000)
    session.flush()
    before = session.verdict()
    arguments = (music(1)[0], 16_000) if method == "push" else (1.0,)
    with pytest.raises(UsageError, match=f"{method}: this session was flushed"):
        getattr(session, method)(*arguments)
    assert session.flush() == []
    assert session.verdict() == before


def test_a_session_without_a_chunk_is_nothing(model):
    session = model.session()
    session.push(music(1)[0], 16_000)
    assert session.verdict().genre == session.verdict().to_dict()["state"] == "nothing"


@pytest.mark.parametrize("hop_s", [0, -1, "1", float("nan")])
def test_a_hop_is_checked_when_it_is_changed(model, hop_s):
    with pytest.raises(UsageError, match="hop_s="):
        model.session().hop_s = hop_s


@pytest.mark.parametrize("lost_s", [-1, "1", float("inf"), float("nan")])
def test_a_gap_is_a_time(model, lost_s):
    with pytest.raises(UsageError, match="lost_s="):
        model.session().skip(lost_s)


def test_a_gap_lies_between_the_stretches_beside_it(model):
    """With chunks that overlap, the next chunk would have begun before the gap."""
    session = model.session(hop_s=1.0)
    session.push(music(10.5)[0], 16_000)
    session.skip(20.0)
    session.push(music(10)[0], 16_000)
    segments = session.verdict().segments
    number = [one.genre for one in segments].index("no input")
    before, gap, after = segments[number - 1 : number + 2]
    assert before.end_s <= gap.start_s
    assert (gap.start_s, gap.end_s, after.start_s) == pytest.approx((10.5, 30.5, 30.5), abs=0.01)


@pytest.mark.parametrize("method", ["push", "push_block", "skip", "flush"])
def test_a_second_thread_gets_an_error_at_once(model, method):
    """The network stands still in the first thread while the second one tries."""
    entered, leave, logits_of = threading.Event(), threading.Event(), model.program

    def slow(waveform):
        entered.set()
        leave.wait(30)
        return logits_of(waveform)

    session = genrestream.Session(model.card, slow, genrestream.StreamConfig())
    samples, predictions = music(3)[0], []
    first = threading.Thread(target=lambda: predictions.extend(session.push(samples, 16_000)))
    first.start()
    assert entered.wait(30)
    arguments = {"push": (samples, 16_000), "push_block": (samples[None], 16_000), "skip": (1.0,), "flush": ()}[method]
    with pytest.raises(UsageError, match="in use by another thread"):
        getattr(session, method)(*arguments)
    leave.set()
    first.join(30)
    assert len(predictions) == session.verdict().n_chunks == 1
    session.push(samples, 16_000)  # in turn it may be used from any thread
    assert session.verdict().n_chunks == 2


def test_a_stream_is_read_by_one_thread(model):
    class Slow(io.FileIO):
        def read(self, n_bytes: int | None = -1):
            entered.set()
            leave.wait(30)
            return super().read(n_bytes)

    entered, leave = threading.Event(), threading.Event()
    leave.set()
    with Slow(METAL) as file, model.stream(file) as stream:
        entered.clear()
        leave.clear()
        first = threading.Thread(target=lambda: list(stream))
        first.start()
        assert entered.wait(30)
        with pytest.raises(UsageError, match="this stream is in use by another thread"):
            next(stream)
        leave.set()
        first.join(60)
        assert stream.verdict().n_chunks == 10


def test_public_names():
    assert genrestream.__all__ == sorted(genrestream.__all__)
    assert all(getattr(genrestream, name).__doc__ for name in genrestream.__all__)
