"""The front ends' configs, which are stored with the weights; ``frontend.py`` computes their features."""

import dataclasses
from typing import Any, ClassVar, Literal

from genrestream.audio.conditioning import LevelConfig
from genrestream.errors import UsageError

MAX_SIZE = 10_000_000  # a stranger's config must not fill the memory
Compression = Literal["log10_10000", "db"]


@dataclasses.dataclass(frozen=True)
class LogMelConfig:
    """A log-mel spectrogram with a fixed reference: the same sound gives the same features everywhere.

    Attributes:
        sample_rate: Rate of the waveform in Hz; all input is resampled to it.
        n_fft: Samples in one analysis window (Hann, periodic).
        hop_length: Samples from one frame to the next.
        n_mels: Mel bands (Slaney scale and area normalisation, 0 Hz to half the sample rate).
        n_samples: Samples in one chunk.
        n_frames: Frames kept of one chunk, from its start.
        compression: ``log10_10000`` is log10(1 + 10000 mel), the one of MusiCNN; ``db`` is 10 log10(mel) with
            reference 1, floored at -100 dB.
        level: To what loudness chunks are brought before; None to leave them as they are.
    """

    kind: ClassVar[str] = "log_mel"

    sample_rate: int = 16_000
    n_fft: int = 512
    hop_length: int = 256
    n_mels: int = 96
    n_samples: int = 48_000
    n_frames: int = 187
    compression: Compression = "log10_10000"
    level: LevelConfig | None = None

    def __post_init__(self) -> None:
        for name in ("sample_rate", "n_fft", "hop_length", "n_mels", "n_samples", "n_frames"):
            value = getattr(self, name)
            if not isinstance(value, int) or not 0 < value <= MAX_SIZE:
                raise UsageError(f"{name}={value!r} must be a positive integer, at most {MAX_SIZE}")
        _check_product(self, "n_fft", "n_mels")
        _check_product(self, "n_fft", "n_frames")
        _check_product(self, "n_mels", "n_frames")
        if self.n_frames > 1 + self.n_samples // self.hop_length:
            raise UsageError(
                f"n_frames={self.n_frames} must be at most 1 + n_samples // hop_length"
                f" = {1 + self.n_samples // self.hop_length}"
            )
        if self.compression not in ("log10_10000", "db"):
            raise UsageError(f"compression={self.compression!r} must be 'log10_10000' or 'db'")

    @property
    def chunk_s(self) -> float:
        """Length of one chunk in seconds."""
        return self.n_samples / self.sample_rate

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one chunk's features."""
        return self.n_frames, self.n_mels


@dataclasses.dataclass(frozen=True)
class MfccConfig(LogMelConfig):
    """Mel-frequency cepstral coefficients of that log-mel spectrogram in dB.

    Attributes:
        n_mfcc: Coefficients kept, from the 0th.
    """

    kind: ClassVar[str] = "mfcc"

    compression: Compression = "db"
    n_mfcc: int = 20

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.n_mfcc, int) or not 0 < self.n_mfcc <= self.n_mels:
            raise UsageError(f"n_mfcc={self.n_mfcc!r} must be from 1 to n_mels={self.n_mels}")
        _check_product(self, "n_mels", "n_mfcc")
        if self.compression != "db":
            raise UsageError(f"compression={self.compression!r} must be 'db' for MFCCs")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one chunk's features."""
        return self.n_frames, self.n_mfcc


@dataclasses.dataclass(frozen=True)
class TabularConfig:
    """The 57 columns of GTZAN's CSV files, means and variances over one chunk (see ``tabular/columns.py``).

    Attributes:
        sample_rate: Rate of the waveform in Hz; all input is resampled to it.
        n_samples: Samples in one chunk.
        level: To what loudness chunks are brought before; None to leave them as they are.
    """

    kind: ClassVar[str] = "tabular"

    sample_rate: int = 22_050
    n_samples: int = 66_150
    level: LevelConfig | None = None

    def __post_init__(self) -> None:
        for name, least in (("sample_rate", 8_000), ("n_samples", 2048)):
            value = getattr(self, name)
            if not isinstance(value, int) or not least <= value <= MAX_SIZE:
                raise UsageError(f"{name}={value!r} must be an integer from {least} to {MAX_SIZE}")

    @property
    def chunk_s(self) -> float:
        """Length of one chunk in seconds."""
        return self.n_samples / self.sample_rate

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one chunk's features."""
        return (57,)


FrontendConfig = LogMelConfig | MfccConfig | TabularConfig
FRONTENDS: dict[str, type[FrontendConfig]] = {
    config.kind: config for config in (LogMelConfig, MfccConfig, TabularConfig)
}


def _check_product(config: LogMelConfig, one: str, other: str) -> None:
    """Bound an array of two sizes, which the bound on each does not."""
    if (product := getattr(config, one) * getattr(config, other)) > MAX_SIZE:
        raise UsageError(f"{one} * {other}={product} must be at most {MAX_SIZE}")


def frontend_to_json(config: FrontendConfig) -> dict[str, Any]:
    """Return the config's fields, its kind first."""
    return {"kind": config.kind, **dataclasses.asdict(config)}


def frontend_from_json(fields: dict[str, Any]) -> FrontendConfig:
    """Return the config of such fields; the kind of the first checkpoints, which name none, is ``log_mel``.

    Raises:
        UsageError: The kind is unknown, or a value is impossible.
        TypeError: A field is unknown.
    """
    kind = fields.get("kind", LogMelConfig.kind)
    if kind not in FRONTENDS:
        raise UsageError(f"frontend kind={kind!r} must be one of {', '.join(FRONTENDS)}")
    fields = {name: value for name, value in fields.items() if name != "kind"}
    if isinstance(fields.get("level"), dict):
        fields["level"] = LevelConfig(**fields["level"])
    return FRONTENDS[kind](**fields)
