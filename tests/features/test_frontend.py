import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from genrestream.errors import UsageError
from genrestream.features.config import LogMelConfig, MfccConfig, frontend_from_json, frontend_to_json
from genrestream.features.frontend import features
from genrestream.features.mel import log_mel, mel_filters
from tests.conftest import music

CONFIGS = [
    LogMelConfig(),
    LogMelConfig(sample_rate=12_000, n_samples=36_000, n_frames=141, compression="db"),
    LogMelConfig(sample_rate=22_050, n_fft=2048, hop_length=512, n_mels=128, n_samples=66_150, n_frames=130),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_filters_equal_librosa(config):
    theirs = librosa.filters.mel(sr=config.sample_rate, n_fft=config.n_fft, n_mels=config.n_mels)
    np.testing.assert_allclose(mel_filters(config), theirs.T, atol=1e-7)


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("gain", [1.0, 1e-3, 30.0])
def test_log_mel_equals_librosa(config, gain):
    waveform = gain * music(3, config.sample_rate, seed=1)
    mel = librosa.feature.melspectrogram(
        y=waveform[0], sr=config.sample_rate, n_fft=config.n_fft, hop_length=config.hop_length, n_mels=config.n_mels
    )
    theirs = 10 * np.log10(np.maximum(mel, 1e-10)) if config.compression == "db" else np.log10(1 + 10_000 * mel)
    ours = log_mel(jnp.asarray(waveform), config)
    np.testing.assert_allclose(ours[0], theirs.T[: config.n_frames], atol=1e-4)


@pytest.mark.parametrize("n_mfcc", [13, 20])
def test_mfcc_equals_librosa(n_mfcc):
    config = MfccConfig(n_mfcc=n_mfcc)
    waveform = music(3, config.sample_rate, seed=2)
    mel = librosa.feature.melspectrogram(
        y=waveform[0], sr=config.sample_rate, n_fft=config.n_fft, hop_length=config.hop_length, n_mels=config.n_mels
    )
    theirs = librosa.feature.mfcc(S=librosa.power_to_db(mel, top_db=None), n_mfcc=n_mfcc)
    ours = features(jnp.asarray(waveform), config)
    assert ours.shape[1:] == config.shape
    np.testing.assert_allclose(ours[0], theirs.T[: config.n_frames], atol=1e-3)


@pytest.mark.parametrize("config", [LogMelConfig(n_mels=64), MfccConfig(n_mfcc=13)])
def test_a_config_returns_from_json(config):
    assert frontend_from_json(frontend_to_json(config)) == config


def test_the_first_checkpoints_name_no_kind():
    assert frontend_from_json({"n_mels": 96}) == LogMelConfig()


def test_an_unknown_front_end_is_refused():
    with pytest.raises(UsageError, match="kind='wavelet' must be one of log_mel, mfcc"):
        frontend_from_json({"kind": "wavelet"})


def test_log_mel_equals_the_original_musicnn(golden):
    np.testing.assert_allclose(log_mel(jnp.asarray(golden["waveform"]), LogMelConfig()), golden["log_mel"], atol=1e-4)


def test_loud_audio_does_not_overflow():
    """The original's float16 spectrogram does."""
    loud = 1000 * music(3)
    assert np.isfinite(log_mel(jnp.asarray(loud), LogMelConfig())).all()


@pytest.mark.parametrize(
    "wrong",
    [{"n_mels": 0}, {"hop_length": -1}, {"n_fft": 1.5}, {"n_frames": 500}, {"compression": "sqrt"}, {"n_fft": 10**6}],
)
def test_impossible_configs_are_refused(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        LogMelConfig(**wrong)


@pytest.mark.parametrize("wrong", [{"n_mfcc": 0}, {"n_mfcc": 97}, {"compression": "log10_10000"}])
def test_impossible_mfcc_configs_are_refused(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        MfccConfig(**wrong)
