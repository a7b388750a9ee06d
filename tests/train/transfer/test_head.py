"""A head on the frozen pretrained MusiCNN, as a user trains it, and what is decided on the way."""

import re
import subprocess
import sys

import numpy as np
import pytest

import genrestream
from genrestream.errors import UsageError
from genrestream.features.config import LogMelConfig
from genrestream.inference import checkpoint
from genrestream.inference.network import load_weights
from genrestream.teaching.judging.scoring import STRENGTHS
from tests.conftest import ROOT, encode, music
from train.augment.config import OFF
from train.data.cache import AudioCache
from train.data.load import load
from train.data.readers.folders import read
from train.data.splits import Split
from train.data.tracks import DataConfig, Track
from train.input.sampling import SamplingConfig, row_weights
from train.loop.loop import LoopConfig
from train.loop.optimizer import StepConfig
from train.musicnn import Config
from train.transfer.head import HeadConfig, chosen_penalty, fit_head, frozen, track_features
from train.transfer.held_out import say_held_out
from train.transfer.pair import PairRunConfig
from train.transfer.transfer import transfer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two genres, three albums each; one song is there in two formats."""
    folder = tmp_path_factory.mktemp("head") / "music"
    for genre, low in (("high", 2000.0), ("low", 100.0)):
        for number in range(3):
            (folder / genre / f"album {number}").mkdir(parents=True)
            time_s = np.arange(4 * 16_000) / 16_000
            tone = 0.3 * np.sin(2 * np.pi * (low + 50 * number) * time_s)
            samples = (0.3 * music(4, seed=number) + tone).astype(np.float32)
            encode(folder / genre / f"album {number}" / "song.wav", samples, 16_000, "pcm_s16le")
            if not number:
                encode(folder / genre / f"album {number}" / "song.flac", samples, 16_000, "flac")
    return folder


def test_a_head_is_trained_on_a_folder_and_says_what_comes_next(folder, tmp_path):
    command = [sys.executable, "-m", "train.musicnn", "--data", folder, "--n-folds", "3", "--n-views", "0",
               "--output", tmp_path / "run"]  # fmt: skip
    run = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert "to train on, 0 to validate" in run.stdout  # no track lies idle
    assert re.search(r"penalty [\d.]+, chosen in inner folds\n", run.stdout)
    assert re.search(r"held-out accuracy 1\.00 \(0\.\d\d to 1\.00; (\d) of \1\) tracks\n", run.stdout)
    assert f"model: {tmp_path / 'run' / 'model'}\n" in run.stdout
    model = genrestream.load(tmp_path / "run")  # the run's folder will do
    frontend = model.card.frontend
    assert isinstance(frontend, LogMelConfig)
    assert frontend.level  # chunks are as loud as the stream makes them
    held_out = model.card.provenance["held_out"]
    assert model.classify(folder / f"{held_out[0].removesuffix('.flac').removesuffix('.wav')}.wav").n_chunks == 2
    assert {
        len({name.split("/")[1] for name in held_out if name.startswith(genre)}) for genre in model.card.labels
    } == {1}


@pytest.fixture
def cache(tmp_path):
    return AudioCache(16_000, tmp_path / "cache")


def config_of(folder, tmp_path, **fields):
    head = HeadConfig(penalty=0.1, hop_s=3.0, n_views=0)
    data = DataConfig(folder, n_folds=3, cache=tmp_path / "cache")
    return Config(data=data, output=tmp_path / "run", **({"head": head, "augment": OFF} | fields))


def test_fine_tuning_changes_the_upper_layers_only(folder, tmp_path):
    """Filters of the front and the statistics of a million songs stay; the rest moves a little from where it was."""
    step = StepConfig(batch_size=4, learning_rate=1e-4, average_decay=0.0)
    loop, sampling = LoopConfig(n_epochs=1, log=()), SamplingConfig(crops_per_epoch=8)
    config = config_of(folder, tmp_path, fine_tune=True, step=step, loop=loop, sampling=sampling)
    transfer(config, *load(config.data, 16_000), config.output)
    before, after = frozen("musicnn-tags").weights, load_weights(checkpoint.read(config.output / "model"))
    shared = {name for name in before if not name.startswith("output.")}
    changed = {name for name in shared if not np.array_equal(before[name], after[name])}
    assert changed == {
        name for name in shared if not name.startswith(("input_norm", "front")) and not name.endswith((".mean", ".var"))
    }
    for name in changed:
        np.testing.assert_allclose(after[name], before[name], atol=0.01, err_msg=name)


def test_the_pretrained_network_must_have_the_same_front_end(folder, tmp_path, cache):
    config = config_of(folder, tmp_path, head=HeadConfig(pretrained="musicnn"))
    with pytest.raises(UsageError, match="--pretrained musicnn: its front end differs"):
        transfer(config, Split([], [], [], ("high", "low")), cache, config.output)


def fitted(tracks, cache, penalty):
    """Return a head's kernel and bias, the features that it is fitted to, and the labels and weights of the rows."""
    head, frontend, sampling = HeadConfig(penalty=penalty, hop_s=3.0, n_views=0), LogMelConfig(), SamplingConfig()
    kernel, bias = fit_head(tracks, ("high", "low"), cache, head, frontend, OFF, sampling)
    rows = [track_features(track, cache, head, frontend, OFF, 0) for track in tracks]
    number = np.repeat(np.arange(len(tracks)), [len(row) for row in rows])
    labels = np.array([track.genre == "low" for track in tracks])[number]
    return kernel, bias, np.concatenate(rows), labels, row_weights(tracks, number, sampling)


def test_genres_weigh_alike_in_the_head_whatever_their_numbers(folder, cache):
    """At the optimum the mean probability of a genre is its share of the weights: a half, of one track against four."""
    tracks = cache.fill([one for one in read(folder).tracks if one.genre == "low" or "album 1" in one.name]).tracks
    assert [track.genre for track in tracks].count("high") == 1
    kernel, bias, rows, labels, weights = fitted(tracks, cache, 100.0)
    odds = np.exp(rows @ kernel + bias)
    probs = odds[:, 1] / odds.sum(axis=1)
    assert np.average(probs, weights=weights) == pytest.approx(0.5, abs=0.01)
    assert abs(np.average(probs) - labels.mean()) > 0.05
    assert np.abs(fitted(tracks, cache, 1.0)[0]).max() > 2 * np.abs(kernel).max()


def test_the_head_hears_what_sounds_and_augmented_copies(tmp_path, cache):
    samples = np.concatenate([music(3), np.zeros((1, 6 * 16_000), np.float32)], axis=1)
    (track,) = cache.fill([Track("one", encode(tmp_path / "one.wav", samples, 16_000, "pcm_s16le"), "rock")]).tracks
    n_rows = [
        len(track_features(track, cache, HeadConfig(hop_s=3.0, n_views=n), LogMelConfig(), OFF, 0)) for n in range(3)
    ]
    assert n_rows[0] == 1  # of three chunks
    assert n_rows[0] < n_rows[1] < n_rows[2] <= 7


def test_the_penalty_is_chosen_by_other_artists_tracks():
    """Artists that sound alike within, and say nothing of the genre: only a strong penalty is right."""
    rng = np.random.default_rng(0)
    tracks = [Track(f"t{n}", None, f"g{n % 2}", artist=f"a{n // 4}") for n in range(32)]  # type: ignore[arg-type]
    number = np.repeat(np.arange(32), 3)
    labels = number % 2
    noise = rng.normal(size=(96, 60)).astype(np.float32)
    assert chosen_penalty(noise, labels, number, tracks, 2) >= 1
    clear = noise + 3 * labels[:, None]
    assert chosen_penalty(clear.astype(np.float32), labels, number, tracks, 2) == min(STRENGTHS)


def test_what_is_fitted_at_once_needs_no_validation(tmp_path):
    data = DataConfig(tmp_path)
    assert not Config(data=data).validates
    assert Config(data=data, fine_tune=True).validates
    assert not PairRunConfig(data=data).validates


def test_the_frozen_network_must_be_a_musicnn():
    with pytest.raises(UsageError, match="--pretrained cnn: is a cnn, must be a musicnn"):
        frozen("cnn")
    assert frozen("musicnn-tags") is frozen("musicnn-tags")
    assert isinstance(frozen("musicnn-tags").model, checkpoint.Checkpoint)


@pytest.mark.parametrize("fields", [{"penalty": 0.0}, {"hop_s": 0.0}, {"n_views": -1}])
def test_impossible_heads(fields):
    with pytest.raises(UsageError, match=f"--{next(iter(fields)).replace('_', '-')}"):
        HeadConfig(**fields)


def test_the_first_figure_counts_tracks_by_their_vote(capsys):
    tracks = [Track(name, None, genre) for name, genre in (("a", "x"), ("b", "y"), ("c", "y"))]  # type: ignore[arg-type]
    rows = [np.array([[3.0], [-1.0]]), np.array([[-2.0], [1.0]]), np.empty((0, 1))]
    say_held_out(tracks, ("x", "y"), rows, np.array([[1.0, -1.0, 99.0]]), np.zeros(3))
    assert capsys.readouterr().out == "held-out accuracy 1.00 (0.34 to 1.00; 2 of 2) tracks\n"
    say_held_out([], ("x", "y"), [], np.zeros((1, 2)), np.zeros(2))
    assert capsys.readouterr().out == ""
