import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrestream.errors import UsageError
from tests.conftest import music
from train.augment.config import OFF, AugmentConfig
from train.augment.spectrogram import mixup, mixup_shares, spec_augment
from train.augment.warp import Warp
from train.augment.waveform import augmented

RATE = 16_000
STRONG = {
    "gain_db": 20.0, "noise": 1.0, "equalise_db": 12.0, "distort": 1.0, "codec": 1.0, "shorten": 1.0,
}  # fmt: skip
NAMES = [*STRONG, "default"]


def only(name):
    return AugmentConfig() if name == "default" else dataclasses.replace(OFF, share=1.0, **{name: STRONG[name]})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("loudness", [0.0, 1e-4, 2.0], ids=["silent", "quiet", "full scale"])
def test_shape_and_range_are_kept(name, loudness):
    waveform = loudness * music(3)[0]
    for seed in range(6):
        changed = augmented(waveform, RATE, np.random.default_rng(seed), only(name))
        assert changed.shape == waveform.shape
        assert changed.dtype == np.float32
        assert np.abs(changed).max() <= 1
        assert np.isfinite(changed).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_generator_alone_decides(name):
    waveform = music(3)[0]
    first, again, other = (augmented(waveform, RATE, np.random.default_rng(seed), only(name)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(waveform, music(3)[0])


def test_off_changes_nothing():
    waveform = music(3)[0]
    assert augmented(waveform, RATE, np.random.default_rng(0), OFF) is waveform
    assert OFF.warp(np.random.default_rng(0)) == Warp()
    features = jnp.ones((2, 5, 4))
    assert spec_augment(features, jax.random.key(0), OFF) is not None
    np.testing.assert_array_equal(spec_augment(features, jax.random.key(0), OFF), features)


def test_nothing_clips_that_did_not():
    loud = music(3)[0] / np.abs(music(3)[0]).max()
    for seed in range(20):
        changed = augmented(loud, RATE, np.random.default_rng(seed), only("gain_db"))
        np.testing.assert_allclose(changed / np.abs(changed).max(), loud, atol=1e-5)


def test_a_shortened_crop_repeats_itself():
    waveform = np.linspace(-1, 1, 48_000, dtype=np.float32)
    changed = augmented(waveform, RATE, np.random.default_rng(0), only("shorten"))
    length = int(np.argmax(np.diff(changed) < 0)) + 1
    assert RATE <= length < 48_000
    np.testing.assert_allclose(changed[length:], changed[: 48_000 - length])


def test_noise_has_the_ratio_that_was_asked_for():
    waveform = 0.3 * music(3)[0]
    config = dataclasses.replace(only("noise"), noise_snr_db=(20.0, 20.0))
    for seed in range(5):
        added = augmented(waveform, RATE, np.random.default_rng(seed), config) - waveform
        assert 10 * np.log10(np.mean(waveform**2) / np.mean(added**2)) == pytest.approx(20, abs=0.1)


def pitch_hz(waveform):
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return spectrum.argmax() * RATE / len(waveform)


def beats(waveform):
    """Count the rises through half of the peak of a smoothed envelope."""
    envelope = np.convolve(np.abs(waveform), np.ones(400) / 400, "same")
    return int(np.sum(np.diff((envelope > envelope.max() / 2).astype(int)) > 0))


@pytest.mark.parametrize("pitch", [0.9, 1.0, 1.12])
@pytest.mark.parametrize("tempo", [0.85, 1.0, 1.2])
def test_pitch_and_tempo_change_apart(pitch, tempo):
    time_s = np.arange(8 * RATE) / RATE
    waveform = (np.sin(2 * np.pi * 440 * time_s) * (time_s % 0.25 < 0.12)).astype(np.float32)
    warp = Warp(pitch, tempo)
    changed = warp.apply(waveform[: warp.source_length(3 * RATE, RATE)], 3 * RATE, RATE)
    assert changed.shape == (3 * RATE,)
    assert changed.dtype == np.float32
    assert pitch_hz(changed) == pytest.approx(440 * pitch, rel=0.02)
    assert beats(changed) == pytest.approx(12 * tempo, abs=1.01)
    assert np.abs(changed[-RATE // 4 :]).max() > 0.3, "the end is music, not padding"


@settings(max_examples=25, deadline=None)
@given(st.floats(0.7, 1.4), st.floats(0.7, 1.4), st.integers(2_000, 50_000))
def test_the_source_is_long_enough_for_any_warp(pitch, tempo, n_samples):
    warp = Warp(pitch, tempo)
    source = np.ones(warp.source_length(n_samples, RATE), np.float32)
    assert warp.apply(source, n_samples, RATE)[-1] > 0.5


def test_the_drawn_warps_stay_within_their_strengths():
    config = dataclasses.replace(OFF, share=1.0, speed=0.05, pitch_semitones=2.0, stretch=0.1)
    warps = [config.warp(np.random.default_rng(seed)) for seed in range(200)]
    assert max(w.pitch for w in warps) <= 1.05 * 2 ** (2 / 12)
    assert min(w.tempo for w in warps) >= 0.95 * 0.9
    speed_only = dataclasses.replace(OFF, share=1.0, speed=0.05).warp(np.random.default_rng(0))
    assert speed_only.pitch == speed_only.tempo != 1


@pytest.mark.parametrize("shape", [(4, 187, 96), (3, 20, 13)])
def test_spec_augment_masks_bands_with_the_mean(shape):
    features = jax.random.normal(jax.random.key(1), shape)
    masked = spec_augment(features, jax.random.key(2), AugmentConfig(spec_masks=2, spec_width=0.2))
    assert masked.shape == shape
    assert masked.dtype == features.dtype
    changed = np.asarray(masked != features)
    means = np.broadcast_to(features.mean(axis=(1, 2), keepdims=True), shape)
    np.testing.assert_allclose(np.asarray(masked)[changed], means[changed], rtol=1e-5)
    assert changed.all(axis=1).any(), "no band of frequencies is masked"
    assert changed.all(axis=2).any(), "no band of frames is masked"
    whole_bands = changed.all(axis=1, keepdims=True) | changed.all(axis=2, keepdims=True)
    np.testing.assert_array_equal(changed, np.broadcast_to(whole_bands, shape) & changed)
    assert 0 < changed.mean() < 1 - (1 - 0.4) ** 2
    assert not np.array_equal(changed[0], changed[1])


def test_mixup_mixes_inputs_and_labels_alike():
    one_hot = jnp.eye(10)[jnp.arange(8)]
    inputs = jnp.broadcast_to(jnp.arange(8.0)[:, None], (8, 100))
    mixed, labels = mixup(inputs, one_hot, mixup_shares(jax.random.key(0), 8, AugmentConfig(mixup=1.0)))
    assert mixed.shape == inputs.shape
    np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(labels.argmax(axis=1), np.arange(8))
    np.testing.assert_allclose(mixed[:, 0], labels @ jnp.arange(10.0), rtol=1e-5)
    assert float(jnp.abs(labels - one_hot).max()) > 0.05


@pytest.mark.parametrize(
    "fields",
    [
        {"noise": 1.5},
        {"speed": -0.1},
        {"gain_db": 100},
        {"noise_snr_db": (20, 10)},
        {"mixup": -1},
        {"stretch": 0.5, "pitch_semitones": 1},
    ],
)
def test_impossible_strengths(fields):
    with pytest.raises(UsageError, match="must be"):
        AugmentConfig(**fields)
