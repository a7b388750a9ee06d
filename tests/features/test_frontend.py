import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from genrestream.errors import UsageError
from genrestream.features.config import LogMelConfig, MfccConfig, frontend_from_json, frontend_to_json
from genrestream.features.frontend import features, streamed_features
from genrestream.features.mel import log_mel, mel_filters, samples_before
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


@pytest.mark.parametrize(
    "config", [CONFIGS[1].causal_by(8), MfccConfig(n_fft=1024, hop_length=512, n_frames=94).causal_by(4)]
)
@pytest.mark.parametrize("n_pieces", [1, 3])
def test_causal_frames_go_on_from_piece_to_piece(config, n_pieces):
    """They equal librosa's that are not centred, after silence."""
    waveform, before = music(3, config.sample_rate, seed=3), samples_before(1, config)
    padded = np.concatenate([np.asarray(before)[0], waveform[0]])
    sizes = {"n_fft": config.n_fft, "hop_length": config.hop_length, "n_mels": config.n_mels, "center": False}
    mel = librosa.feature.melspectrogram(y=padded, sr=config.sample_rate, **sizes)
    theirs = librosa.power_to_db(mel, top_db=None)
    if isinstance(config, MfccConfig):
        theirs = librosa.feature.mfcc(S=theirs, n_mfcc=config.n_mfcc)
    frames = []
    for piece in np.split(waveform, n_pieces, axis=1):
        new, before = streamed_features(jnp.asarray(piece), before, config)
        frames.append(new[0])
    np.testing.assert_allclose(np.concatenate(frames), theirs.T, atol=1e-3)
    np.testing.assert_allclose(features(jnp.asarray(waveform), config)[0], theirs.T, atol=1e-3)


def test_the_hop_of_causal_frames_fits_the_strides():
    config = CONFIGS[1].causal_by(8)
    assert (config.hop_length, config.n_frames) == (250, 144)
    assert config.times(4).shape == (576, 96)
    with pytest.raises(UsageError, match="must be multiples of 7"):
        CONFIGS[1].causal_by(7)


@pytest.mark.parametrize("config", [LogMelConfig(n_mels=64), MfccConfig(n_mfcc=13), CONFIGS[1].causal_by(8)])
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
    [
        {"n_mels": 0},
        {"hop_length": -1},
        {"n_fft": 1.5},
        {"n_frames": 500},
        {"compression": "sqrt"},
        {"n_fft": 10**6},
        {"causal": True},
        {"causal": "no"},
        {"hop_length": 1000, "n_frames": 48, "causal": True},
    ],
)
def test_impossible_configs_are_refused(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        LogMelConfig(**wrong)


@pytest.mark.parametrize("wrong", [{"n_mfcc": 0}, {"n_mfcc": 97}, {"compression": "log10_10000"}])
def test_impossible_mfcc_configs_are_refused(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        MfccConfig(**wrong)
