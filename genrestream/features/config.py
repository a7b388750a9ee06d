"""The front ends' configs, which are stored with the weights; ``frontend.py`` computes their features."""

import dataclasses
import math
from typing import Any, ClassVar, Literal, Self

from genrestream.audio.conditioning import LevelConfig
from genrestream.errors import UsageError

MAX_SIZE = 10_000_000  # a stranger's config must not fill the memory
Compression = Literal["log10_10000", "db"]


def _check_product(config: "LogMelConfig | PatchesConfig", one: str, other: str) -> None:
    """Check the size of an array with two axes: a bound on each axis is not enough."""
    if (product := getattr(config, one) * getattr(config, other)) > MAX_SIZE:
        raise UsageError(f"{one} * {other}={product} must be at most {MAX_SIZE}")


class _Frontend:
    """What all front ends have."""

    @property
    def chunk_s(self: Any) -> float:
        """Length of one chunk in seconds."""
        return self.n_samples / self.sample_rate


@dataclasses.dataclass(frozen=True)
class LogMelConfig(_Frontend):
    """A log-mel spectrogram with a fixed reference: the same sound gives the same features everywhere.

    Attributes:
        sample_rate: Rate of the waveform in Hz; all input is resampled to it.
        n_fft: Samples in one analysis window (Hann, periodic).
        hop_length: Samples from one frame to the next.
        n_mels: Mel bands (Slaney scale and area normalisation, 0 Hz to half the sample rate).
        n_samples: Samples in one chunk.
        n_frames: Frames kept of one chunk, from its start.
        compression: ``log10_10000`` is log10(1 + 10000 mel), as in MusiCNN; ``db`` is 10 log10(mel) with
            reference 1, floored at -100 dB.
        level: The loudness that chunks are set to first; None to leave them as they are.
        causal: Frames end with their newest sample, so that a stream's frames go on from chunk to chunk, as a stateful
            network needs; otherwise they are centred, with zeros beyond the chunk's ends.
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
    causal: bool = False

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
        if not isinstance(self.causal, bool):
            raise UsageError(f"causal={self.causal!r} must be true or false")
        if self.causal:
            self._check_causal()

    def _check_causal(self) -> None:
        if self.n_samples != self.n_frames * self.hop_length or self.hop_length > self.n_fft:
            raise UsageError(
                f"n_samples={self.n_samples} must be n_frames * hop_length={self.n_frames * self.hop_length} where"
                f" causal, and hop_length={self.hop_length} at most n_fft={self.n_fft}"
            )

    def causal_by(self, stride: int) -> Self:
        """Return this with causal frames, at the nearest hop where seconds and chunks are whole numbers of strides.

        Args:
            stride: Frames that a stateful network makes one.

        Raises:
            UsageError: There is no such hop.
        """
        most = math.gcd(self.sample_rate, self.n_samples)
        hops = [hop for hop in range(1, self.n_fft + 1) if most % (hop * stride) == 0]
        if not hops:
            raise UsageError(
                f"sample_rate={self.sample_rate} and n_samples={self.n_samples} must be multiples of {stride}, the"
                " frames that a stateful network makes one"
            )
        hop = min(hops, key=lambda hop: abs(hop - self.hop_length))
        return dataclasses.replace(self, causal=True, hop_length=hop, n_frames=self.n_samples // hop)

    def times(self, n_chunks: int) -> Self:
        """Return the front end of so many chunks in one; causal frames are those of the chunks one after another."""
        return dataclasses.replace(self, n_samples=n_chunks * self.n_samples, n_frames=n_chunks * self.n_frames)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one chunk's features."""
        return self.n_frames, self.n_mels

    @property
    def edges(self) -> tuple[int, int]:
        """How many frames at the chunk's start and end see zeros outside the chunk."""
        before, after = self.n_fft // 2, self.n_fft - self.n_fft // 2
        n_inside = (self.n_samples - after) // self.hop_length + 1
        return min(-(-before // self.hop_length), self.n_frames), max(0, self.n_frames - max(0, n_inside))


@dataclasses.dataclass(frozen=True)
class MfccConfig(LogMelConfig):
    """Mel-frequency cepstral coefficients of the log-mel spectrogram in dB.

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
class TabularConfig(_Frontend):
    """The 57 columns of GTZAN's CSV files, means and variances over one chunk (see ``tabular/columns.py``).

    Attributes:
        sample_rate: Rate of the waveform in Hz; all input is resampled to it.
        n_samples: Samples in one chunk.
        level: The loudness that chunks are set to first; None to leave them as they are.
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
    def shape(self) -> tuple[int, ...]:
        """Shape of one chunk's features."""
        return (57,)


@dataclasses.dataclass(frozen=True)
class PatchesConfig(_Frontend):
    """Log-mel patches as YAMNet's input: magnitudes, HTK's mel scale, log(mel + 0.001), one patch after another.

    Attributes:
        sample_rate: Rate of the waveform in Hz; all input is resampled to it.
        window_length: Samples in one analysis window (Hann, periodic).
        hop_length: Samples from one frame to the next.
        n_fft: Length of a window after zeros are added at its end.
        n_mels: Mel bands.
        low_hz: Where the lowest band begins.
        high_hz: Where the highest band ends.
        n_samples: Samples in one chunk.
        n_patches: Patches in one chunk.
        n_frames: Frames in one patch.
        level: The loudness that chunks are set to first; None to leave them as they are.
    """

    kind: ClassVar[str] = "patches"

    sample_rate: int = 16_000
    window_length: int = 400
    hop_length: int = 160
    n_fft: int = 512
    n_mels: int = 64
    low_hz: float = 125.0
    high_hz: float = 7_500.0
    n_samples: int = 48_000
    n_patches: int = 3
    n_frames: int = 96
    level: LevelConfig | None = None

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type is int and not (isinstance(value, int) and 0 < value <= MAX_SIZE):
                raise UsageError(f"{field.name}={value!r} must be a positive integer, at most {MAX_SIZE}")
        if not 0 <= self.low_hz < self.high_hz <= self.sample_rate / 2:
            raise UsageError(
                f"low_hz={self.low_hz} and high_hz={self.high_hz} must rise from 0 to {self.sample_rate / 2}"
            )
        if self.window_length > self.n_fft:
            raise UsageError(f"window_length={self.window_length} must be at most n_fft={self.n_fft}")
        if self.window_length + (self.n_patches * self.n_frames - 1) * self.hop_length > self.n_samples:
            raise UsageError(
                f"n_patches={self.n_patches} of n_frames={self.n_frames} must fit n_samples={self.n_samples}"
            )
        for one, other in (("n_fft", "n_mels"), ("n_fft", "n_frames")):
            _check_product(self, one, other)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one chunk's features."""
        return self.n_patches, self.n_frames, self.n_mels


@dataclasses.dataclass(frozen=True)
class PairConfig(_Frontend):
    """Two front ends for one chunk, for a network made of two networks.

    Attributes:
        first: The log-mel spectrogram.
        second: The patches.
        level: The loudness that chunks are set to before both; None to leave them as they are.
    """

    kind: ClassVar[str] = "pair"

    first: LogMelConfig = LogMelConfig()
    second: PatchesConfig = PatchesConfig()
    level: LevelConfig | None = None

    def __post_init__(self) -> None:
        for name in ("sample_rate", "n_samples"):
            one, other = getattr(self.first, name), getattr(self.second, name)
            if one != other:
                raise UsageError(f"{name}={one} of the first front end must equal that of the second, {other}")

    @property
    def sample_rate(self) -> int:
        """Rate of the waveform in Hz."""
        return self.first.sample_rate

    @property
    def n_samples(self) -> int:
        """Samples in one chunk."""
        return self.first.n_samples

    @property
    def shape(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of one chunk's features."""
        return self.first.shape, self.second.shape


FrontendConfig = LogMelConfig | MfccConfig | TabularConfig | PatchesConfig | PairConfig
FRONTENDS: dict[str, type[FrontendConfig]] = {
    config.kind: config for config in (LogMelConfig, MfccConfig, TabularConfig, PatchesConfig, PairConfig)
}


def frontend_to_json(config: FrontendConfig) -> dict[str, Any]:
    """Return the config's fields, its kind first."""
    fields = {"kind": config.kind, **dataclasses.asdict(config)}
    if isinstance(config, PairConfig):
        fields |= {"first": frontend_to_json(config.first), "second": frontend_to_json(config.second)}
    return fields


def frontend_from_json(fields: dict[str, Any]) -> FrontendConfig:
    """Return the config from its fields; without a kind, as in the first checkpoints, it is ``log_mel``.

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
    if kind == PairConfig.kind:
        fields |= {half: frontend_from_json(fields[half]) for half in ("first", "second")}
    return FRONTENDS[kind](**fields)
