import dataclasses

import numpy as np
import pytest

from genrestream.audio.source import AudioSource
from genrestream.errors import OutputError, UsageError
from genrestream.streaming.config import StreamConfig
from genrestream.streaming.session import Session
from tests.conftest import METAL, encode, music
from tests.made_up import GENRES, scores
from train.data.tracks import Track
from train.evaluation.report import pages
from train.evaluation.scores import joined, load, save
from train.evaluation.scoring import score


def same(one, other):
    return all(np.array_equal(*map(np.asarray, pair), equal_nan=np.asarray(pair[0]).dtype.kind == "f") for pair in zip(
        vars(one).values(), vars(other).values(), strict=True))  # fmt: skip


@pytest.fixture(scope="module")
def quiet_middle(tmp_path_factory):
    """A song whose second chunk is silent, and whose rest is padded."""
    samples = np.concatenate([music(3)[0], np.zeros(48_000, np.float32), music(7.5, seed=3)[0]])
    path = encode(tmp_path_factory.mktemp("quiet") / "song.wav", samples[None], 16_000, "pcm_s16le")
    return Track("quiet", path, "jazz")


@pytest.mark.parametrize("rule", ["mean", "majority", "decay"])
def test_a_tracks_score_is_the_streams_final_answer(model, quiet_middle, rule):
    tracks = [Track("metal", METAL, "metal"), quiet_middle]
    scored = score(model, tracks)
    assert scored.genres == model.card.labels
    assert scored.labels.tolist() == [6, 5]
    for track, probs in zip(tracks, scored.track_probs(rule), strict=True):
        expected = model.classify(track.path, vote=rule).final.probs
        np.testing.assert_allclose(probs, list(expected.values()), atol=1e-9)


def test_chunks_are_the_streams(model, quiet_middle):
    scored = score(model, [quiet_middle])
    predictions = list(model.stream(quiet_middle.path))
    assert scored.start_s.tolist() == [prediction.start_s for prediction in predictions] == [0, 3, 6, 9, 12]
    assert np.isnan(scored.logits).all(axis=1).tolist() == [prediction.is_silence for prediction in predictions]
    assert scored.lengths_s().tolist() == [15]


def test_logits_are_those_of_the_network_up_to_a_constant(model):
    """So that another temperature may be tried on them."""
    scored = score(model, [Track("metal", METAL, "metal")])
    doubled = dataclasses.replace(model.card, temperature=2 * model.card.temperature)
    session = Session(doubled, model.program, StreamConfig())
    with AudioSource(METAL) as source:
        for block, rate in source:
            session.push_block(block, rate)
    session.flush()
    ours = scored.calibrated(doubled.temperature, doubled.sharpness).track_probs()[0]
    np.testing.assert_allclose(ours, list(session.verdict().final.probs.values()), atol=1e-6)


def test_a_distortion_is_heard_and_is_the_same_each_time(model, quiet_middle):
    clean = score(model, [quiet_middle])

    def hiss(waveform, rate, rng):
        return (waveform + 0.1 * rng.normal(size=len(waveform))).astype(np.float32)

    noisy = [score(model, [quiet_middle], distortion=hiss) for _ in range(2)]
    np.testing.assert_array_equal(noisy[0].logits, noisy[1].logits)
    assert not np.isnan(noisy[0].logits).any(), "noise is no silence"
    assert np.abs(noisy[0].logits - clean.logits)[0].max() > 0.1


@pytest.mark.parametrize("n_channels", [1, 2])
def test_a_distortion_that_changes_nothing_is_the_stream(model, tmp_path, n_channels):
    file = encode(tmp_path / "song.wav", music(7, 22_050, n_channels), 22_050, "pcm_s16le")
    clean, same = (score(model, [Track("a", file, "jazz")], distortion=d) for d in (None, lambda one, rate, rng: one))
    np.testing.assert_allclose(same.logits, clean.logits, atol=1e-3)


def test_only_the_beginning_may_be_heard(model):
    assert score(model, [Track("metal", METAL, "metal")], longest_s=6).start_s.tolist() == [0, 3]


def test_a_part_of_a_recording_is_heard_alone(model):
    part = score(model, [Track("metal", METAL, "metal", start_s=6.0, seconds=6.0)])
    whole = score(model, [Track("metal", METAL, "metal")])
    assert part.start_s.tolist() == [0, 3]
    np.testing.assert_allclose(part.chunk_probs(), whole.chunk_probs()[2:4], atol=0.05)  # the resampler starts again


def test_an_unreadable_track_is_named_and_left_out(model, tmp_path):
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"no music")
    scored = score(model, [Track("broken", broken, "rock"), Track("metal", METAL, "metal")])
    assert scored.tracks == ("metal",)
    assert len(scored.problems) == 1
    assert str(broken) in scored.problems[0]
    with pytest.raises(UsageError, match="none of 1 tracks can be scored"):
        score(model, [Track("broken", broken, "rock")])


def test_tags_and_unknown_genres_have_no_accuracy(model, tags):
    with pytest.raises(UsageError, match="musicnn-tags: has tags"):
        score(tags, [Track("metal", METAL, "metal")])
    with pytest.raises(UsageError, match="metal: musicnn does not know polka"):
        score(model, [Track("metal", METAL, "polka")])


def test_saved_and_loaded_are_the_same(tmp_path):
    scored = dataclasses.replace(scores(), problems=("a", "b"))
    scored.logits[3] = np.nan
    save(scored, tmp_path / "scores.npz", "key")
    loaded = load(tmp_path / "scores.npz", "key")
    assert loaded
    assert same(scored, loaded)
    assert load(tmp_path / "scores.npz", "another") is None
    assert load(tmp_path / "none.npz", "key") is None
    (tmp_path / "scores.npz").write_bytes(b"PK damaged")
    assert load(tmp_path / "scores.npz", "key") is None


@pytest.mark.parametrize(
    "write",
    [lambda file: save(scores(), file / "scores.npz"), lambda file: pages.write(file, {}, [], {}, {})],
    ids=["scores", "report"],
)
def test_a_place_that_cannot_be_written_is_one_line(tmp_path, write):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file.*: cannot be written "):
        write(tmp_path / "file")


def test_the_vote_after_some_seconds_is_that_of_the_chunks_until_then():
    scored = scores(n_tracks=2, n_chunks=3)
    probs = scored.chunk_probs()
    np.testing.assert_allclose(scored.track_probs(until_s=3), probs[[0, 3]])
    np.testing.assert_allclose(scored.track_probs(until_s=6), [probs[:2].mean(axis=0), probs[3:5].mean(axis=0)])
    np.testing.assert_allclose(scored.track_probs(until_s=1), probs[[0, 3]], err_msg="never less than a chunk")
    np.testing.assert_allclose(scored.track_probs(), scored.track_probs(until_s=9))


def test_select_keeps_each_tracks_chunks():
    scored = scores(n_tracks=5)
    chosen = scored.select(["track004", "track001"])
    assert chosen.tracks == ("track004", "track001")
    np.testing.assert_array_equal(chosen.track_probs(), scored.track_probs()[[4, 1]])
    np.testing.assert_array_equal(chosen.labels, scored.labels[[4, 1]])
    with pytest.raises(UsageError, match="nobody: was not scored"):
        scored.select(["nobody"])


def test_joined_folds_are_the_whole():
    scored = scores(n_tracks=6)
    folds = [scored.select(scored.tracks[:2]), scored.select(scored.tracks[2:])]
    assert same(joined(folds), scored)
    with pytest.raises(UsageError, match="track000: is held out by two folds"):
        joined([folds[0], folds[0]])
    other = dataclasses.replace(folds[1], genres=GENRES[::-1])
    with pytest.raises(UsageError, match="different genres"):
        joined([folds[0], other])
