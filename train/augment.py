"""Augmentation: the same music as other masterings, codecs, rooms, microphones and players would give it.

Those of the waveform are NumPy and run in the input pipeline; SpecAugment and mixup are ``jax.numpy`` and run inside
the training step. Shapes stay what they are, labels too but for mixup's, and no waveform leaves -1 to 1.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from genrestream.chunks import MIN_PIECE_S
from genrestream.errors import UsageError
from train import distort
from train.warp import SLOWEST, Warp

MOST = {
    "share": 1, "gain_db": 60, "noise": 1, "speed": 0.5, "pitch_semitones": 12, "stretch": 0.5, "equalise_db": 30,
    "distort": 1, "codec": 1, "shorten": 1, "spec_masks": 10, "spec_width": 1, "mixup": 10,
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """How strongly music is changed in training; 0 switches a change off.

    Attributes:
        share: Share of crops whose pitch or tempo is changed; likewise of those that are equalised.
        gain_db: Louder or quieter by up to this, in dB; never so loud that it clips.
        noise: Share of crops with added noise, white or pink.
        noise_snr_db: Its signal to noise ratio, from and to, in dB.
        speed: Pitch and tempo together up or down by up to this share, 0.05 is 5 %.
        pitch_semitones: Pitch alone up or down by up to this.
        stretch: Tempo alone up or down by up to this share.
        equalise_db: Bass and treble up or down by up to this, in dB.
        distort: Share of crops with one distortion: a narrow band, a room, or clipping.
        codec: Share of crops that an MP3, AAC or Opus codec has gone over.
        shorten: Share of crops of which only a piece of 1 s to the whole is kept and repeated, as the stream does with
            short input: so that no class is known by being short.
        spec_masks: Bands of frames and bands of frequencies that SpecAugment masks.
        spec_width: The widest of them, as a share of the axis.
        mixup: Both parameters of the beta distribution from which mixup draws its shares.
    """

    share: float = 0.5
    gain_db: float = 6.0
    noise: float = 0.3
    noise_snr_db: tuple[float, float] = (10.0, 40.0)
    speed: float = 0.06
    pitch_semitones: float = 0.0
    stretch: float = 0.0
    equalise_db: float = 6.0
    distort: float = 0.3
    codec: float = 0.0
    shorten: float = 0.2
    spec_masks: int = 2
    spec_width: float = 0.15
    mixup: float = 0.2

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            if not 0 <= getattr(self, name) <= most:
                raise UsageError(f"--{name.replace('_', '-')} {getattr(self, name)}: must be from 0 to {most}")
        if not self.noise_snr_db[0] <= self.noise_snr_db[1]:
            raise UsageError(f"--noise-snr-db {self.noise_snr_db}: must be from the lower to the higher")

        if (slowest := (1 - self.stretch) / 2 ** (self.pitch_semitones / 12)) < SLOWEST:
            raise UsageError(
                f"--stretch {self.stretch} with --pitch-semitones {self.pitch_semitones}: (1 - stretch) / 2 **"
                f" (pitch_semitones / 12) = {slowest:.2f} must be at least {SLOWEST}; lower one"
            )

    @property
    def changes_waveform(self) -> bool:
        """Whether ``augmented`` does anything."""
        return any((self.gain_db, self.noise, self.equalise_db, self.distort, self.codec, self.shorten))

    def warp(self, rng: np.random.Generator) -> Warp:
        """Draw a change of pitch and tempo."""
        if not (self.speed or self.pitch_semitones or self.stretch) or rng.random() >= self.share:
            return Warp()
        speed = 1 + self.speed * rng.uniform(-1, 1)
        pitch = 2 ** (self.pitch_semitones * rng.uniform(-1, 1) / 12)
        return Warp(speed * pitch, speed * (1 + self.stretch * rng.uniform(-1, 1)))


# As evaluation hears it.
OFF = AugmentConfig(gain_db=0, noise=0, speed=0, equalise_db=0, distort=0, shorten=0, spec_masks=0, mixup=0)
HEADROOM = 0.1  # so that nothing clips on the way


def augmented(waveform: np.ndarray, sample_rate: int, rng: np.random.Generator, config: AugmentConfig) -> np.ndarray:
    """Return a changed waveform, float32, of the same shape; all but pitch and tempo, which need more music.

    Args:
        waveform: float32, shape (n_samples,), -1 to 1.
        sample_rate: Samples a second.
        rng: Where the changes are drawn.
        config: Which changes, and how strong.
    """
    if not config.changes_waveform:
        return waveform
    n_samples = len(waveform)
    waveform = HEADROOM * waveform
    if config.equalise_db and rng.random() < config.share:
        low_db, high_db = rng.uniform(-config.equalise_db, config.equalise_db, 2)
        waveform = distort.equalise(waveform, sample_rate, rng, low_db=low_db, high_db=high_db)
    if rng.random() < config.distort:
        waveform = CHANNELS[rng.integers(len(CHANNELS))](waveform, sample_rate, rng)
    if rng.random() < config.noise:
        snr_db, is_pink = rng.uniform(*config.noise_snr_db), bool(rng.integers(2))
        waveform = distort.noise(waveform, sample_rate, rng, snr_db=snr_db, is_pink=is_pink)
    if rng.random() < config.codec:
        waveform = _coded(waveform, sample_rate, rng)
    if rng.random() < config.shorten:
        waveform = waveform[: round(rng.uniform(min(n_samples, MIN_PIECE_S * sample_rate), n_samples))]
    return np.resize(_amplified(waveform, rng.uniform(-config.gain_db, config.gain_db)), n_samples)


def _amplified(waveform: np.ndarray, gain_db: float) -> np.ndarray:
    """Undo the headroom and change the level, but not so far that a peak would leave -1 to 1."""
    peak = float(np.abs(waveform).max(initial=0))
    return waveform * np.float32(min(10 ** (gain_db / 20) / HEADROOM, 1 / max(peak, 1e-9)))


def _narrowed(waveform: np.ndarray, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Cut the treble, as old recordings and low bit rates do, and often the bass, as small speakers do."""
    high_hz = float(np.exp(rng.uniform(np.log(2_500), np.log(sample_rate / 2))))
    low_hz = float(rng.choice([0.0, rng.uniform(40, 400)]))
    return distort.band_limit(waveform, sample_rate, rng, high_hz=high_hz, low_hz=low_hz)


def _in_a_room(waveform: np.ndarray, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    return distort.room(waveform, sample_rate, rng, rt60_s=rng.uniform(0.1, 1.0))


def _overdriven(waveform: np.ndarray, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Clip the peaks, as a microphone does that is too near."""
    peak = max(float(np.abs(waveform).max(initial=0)), 1e-9)
    return distort.gain(waveform / peak, sample_rate, rng, gain_db=rng.uniform(0, 12)) * np.float32(peak)


def _coded(waveform: np.ndarray, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    name, bit_rate = CODECS[rng.integers(len(CODECS))], 1000 * int(rng.integers(24, 129))
    return distort.codec(waveform, sample_rate, rng, name=name, bit_rate=bit_rate)


CODECS: tuple[distort.Codec, ...] = ("mp3", "aac", "opus")
CHANNELS = (_narrowed, _in_a_room, _overdriven)


@functools.partial(jax.jit, static_argnames="config")
def spec_augment(features: jax.Array, key: jax.Array, config: AugmentConfig) -> jax.Array:
    """Mask bands of frames and of frequencies with each example's mean (SpecAugment: Park et al. 2019).

    Args:
        features: Shape (batch, n_frames, n_bins).
        key: Random key.
        config: How many masks, and how wide.

    Returns:
        The same shape and type.
    """
    if not config.spec_masks or not config.spec_width:
        return features
    masked = jnp.zeros(features.shape, bool)
    for axis in (1, 2):
        key, width_key, start_key = jax.random.split(key, 3)
        size, drawn = features.shape[axis], (features.shape[0], config.spec_masks)
        width = jax.random.uniform(width_key, drawn) * config.spec_width * size
        start = jax.random.uniform(start_key, drawn) * (size - width)
        place = jnp.arange(size)[None, None] + 0.5
        bands = ((place >= start[..., None]) & (place < (start + width)[..., None])).any(axis=1)
        masked |= jnp.expand_dims(bands, 3 - axis)
    return jnp.where(masked, features.mean(axis=(1, 2), keepdims=True), features)


def mixup_shares(key: jax.Array, n_examples: int, config: AugmentConfig) -> jax.Array:
    """Draw the share, 0.5 to 1, that each example keeps of itself in mixup; shape (n_examples,)."""
    share = jax.random.beta(key, config.mixup, config.mixup, (n_examples,))
    return jnp.maximum(share, 1 - share)


def mixup(inputs: jax.Array, one_hot: jax.Array, shares: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mix each example with its neighbour in the batch, and their labels alike (mixup: Zhang et al. 2018).

    Args:
        inputs: Waveforms or features, shape (batch, ...).
        one_hot: Labels, shape (batch, n_classes), rows that sum to 1.
        shares: What each keeps of itself, shape (batch,).

    Returns:
        Both, mixed; same shapes and types.
    """

    def mixed(values: jax.Array) -> jax.Array:
        of_each = shares.reshape(-1, *[1] * (values.ndim - 1)).astype(values.dtype)
        return of_each * values + (1 - of_each) * jnp.roll(values, 1, axis=0)

    return mixed(inputs), mixed(one_hot)
