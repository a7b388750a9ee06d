"""How strongly music is changed in training."""

import dataclasses

import numpy as np

from genrestream.errors import UsageError
from train.augment.warp import SLOWEST, Warp

MOST = {
    "share": 1, "gain_db": 60, "noise": 1, "speed": 0.5, "pitch_semitones": 12, "stretch": 0.5, "equalise_db": 30,
    "distort": 1, "codec": 1, "shorten": 1, "spec_masks": 10, "spec_width": 1, "mixup": 10,
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """How strongly music is changed in training; 0 switches a change off.

    Attributes:
        share: Share of crops whose pitch or tempo is changed; also the share of crops that are equalised.
        gain_db: Louder or quieter by at most this, in dB; never so loud that it clips.
        noise: Share of crops with added noise, white or pink.
        noise_snr_db: Its signal to noise ratio, from and to, in dB.
        speed: Pitch and tempo together up or down by at most this share; 0.05 is 5 %.
        pitch_semitones: Pitch alone up or down by at most this.
        stretch: Tempo alone up or down by at most this share.
        equalise_db: Bass and treble up or down by at most this, in dB.
        distort: Share of crops with one distortion: a narrow band, a room, or clipping.
        codec: Share of crops that are coded and decoded by MP3, AAC or Opus.
        shorten: Share of crops that are cut to 1 s or more and repeated to their length, as the stream does with short
            input; so the network does not learn a class by its short files.
        spec_masks: Number of bands that SpecAugment masks along each of the axes of time and frequency.
        spec_width: Width of the widest band, as a share of the axis.
        mixup: Both parameters of the beta distribution that mixup's shares are drawn from.
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
            raise UsageError(f"--noise-snr-db {self.noise_snr_db}: must be the lower value, then the higher")
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


# No change, as in evaluation.
OFF = AugmentConfig(gain_db=0, noise=0, speed=0, equalise_db=0.0, distort=0, shorten=0, spec_masks=0, mixup=0)
