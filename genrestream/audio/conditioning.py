"""Input conditioning: turns blocks from a file or device into one clean mono waveform and chunks of one loudness.

::

    block -> offset and hum removed, channel by channel -> channels mixed by their content -> mono     (Conditioner)
    mono, resampled -> chunks -> each raised or lowered to one loudness by the last seconds            (Leveller)

Both are causal and depend on the samples only, not on the size of the blocks: live and from a file they do the same.
"""

import collections
import dataclasses

import numpy as np

from genrestream.audio.downmix import Downmix
from genrestream.audio.formats import Channel
from genrestream.audio.hum import HumFilter
from genrestream.audio.level import FULL_SCALE
from genrestream.errors import AudioError, OptionError

LOUDEST = 100.0  # 40 dB over full scale is no audio: another format, or integers as floats
CLIPPED_SHARE = 0.001  # of the samples; more of them at full scale is worth a note
FRAME_S = 0.1  # the loudness is the mean over frames of this length
BATCH_S = 0.05  # the least that is processed at once
START_S = 0.5  # held back at a stream's start to measure offset and channels


@dataclasses.dataclass(frozen=True)
class LevelConfig:
    """The loudness that chunks are set to before the front end; part of the front end's config.

    Attributes:
        target_db: The target loudness (RMS), in dB relative to full scale.
        window_s: Seconds before a chunk's end over which its loudness is measured.
        max_gain_db: The largest gain, in dB.
    """

    target_db: float = -18.0
    window_s: float = 15.0
    max_gain_db: float = 60.0

    def __post_init__(self) -> None:
        for name, least, most in (("target_db", -60, 0), ("window_s", 0.1, 600), ("max_gain_db", 0, 100)):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not least <= value <= most:
                raise OptionError(name, value, f"must be from {least} to {most}")


class Conditioner:
    """Removes offset and hum from a stream and mixes it to mono.

    Args:
        channel: Which channel to use, or ``auto``; see ``Downmix``.
    """

    def __init__(self, channel: Channel = "auto"):
        self._channel = channel
        self._part: _OneFormat | None = None
        self._n_samples = self._n_clipped = 0
        self._notes: list[str] = []  # on the parts before

    def push(self, block: np.ndarray, sample_rate: int) -> list[tuple[np.ndarray, int]]:
        """Take a block and return the mono pieces that became ready, each with its rate.

        Args:
            block: float32, shape (n_channels, n_samples).
            sample_rate: Its rate in Hz; where the format changes, the stream starts again.

        Raises:
            AudioError: A sample is NaN, infinite or far beyond full scale, or there is no such channel.
        """
        peak = float(max(block.max(initial=0), -block.min(initial=0)))
        if not np.isfinite(peak):
            raise AudioError("a sample is NaN or infinite; decode or record it again")
        if peak > LOUDEST:
            raise AudioError(f"a sample is {peak:g}, full scale is 1; give floats from -1 to 1, or integers")
        pieces = []
        if self._part is None or self._part.format != (len(block), sample_rate):
            pieces = self.flush()
            self._part = _OneFormat(len(block), sample_rate, self._channel)
        self._n_samples += block.size
        if peak >= FULL_SCALE:
            self._n_clipped += int((np.abs(block) >= FULL_SCALE).sum())
        return pieces + [(mono, sample_rate) for mono in self._part.push(block)]

    def flush(self) -> list[tuple[np.ndarray, int]]:
        """Return what was held back, and start again."""
        if self._part is None:
            return []
        pieces = [(mono, self._part.format[1]) for mono in self._part.flush()]
        self._notes, self._part = self._all_notes(), None
        return pieces

    @property
    def notes(self) -> tuple[str, ...]:
        """What a listener should know of the input, one line each: how channels were mixed, whether it clips."""
        notes = self._all_notes()
        if self._n_clipped > CLIPPED_SHARE * max(1, self._n_samples):
            notes = [*notes, f"clipped: {self._n_clipped / self._n_samples:.1%} of the samples are at full scale"]
        return tuple(notes)

    def _all_notes(self) -> list[str]:
        note = self._part.note if self._part else ""
        return [*self._notes, note] if note and note not in self._notes else self._notes


class _OneFormat:
    """The filter and the mix of a part of a stream that has one rate and one number of channels.

    Small blocks are gathered, since each step costs the same for ten samples as for a thousand.
    """

    def __init__(self, n_channels: int, sample_rate: int, channel: Channel):
        self.format = n_channels, sample_rate
        self._filter = HumFilter(n_channels, sample_rate)
        self._downmix = Downmix(n_channels, sample_rate, channel)
        self._n_start = round(START_S * sample_rate)
        self._n_batch = round(BATCH_S * sample_rate)
        self._waiting: list[np.ndarray] = []
        self._n_waiting = 0
        self._is_new = True

    @property
    def note(self) -> str:
        """How the channels are mixed, where that is worth a note."""
        return self._downmix.note

    def push(self, block: np.ndarray) -> list[np.ndarray]:
        """Take a block and return the mono pieces that became ready."""
        self._waiting.append(block)
        self._n_waiting += block.shape[1]
        return self.flush() if self._n_waiting >= (self._n_start if self._is_new else self._n_batch) else []

    def flush(self) -> list[np.ndarray]:
        """Return the mono pieces of what waits; the stream's first half second is judged as a whole."""
        if not self._n_waiting:
            return []
        block, pieces = np.concatenate(self._waiting, axis=1), []
        self._waiting, self._n_waiting = [], 0
        if self._is_new:
            self._is_new = False
            start, block = block[:, : self._n_start], block[:, self._n_start :]
            filtered = self._filter.start(start)
            self._downmix.start(filtered)
            pieces.append(self._downmix.push(filtered))
        if block.shape[1]:
            pieces.append(self._downmix.push(self._filter.push(block)))
        return pieces


class Leveller:
    """Measures the loudness of a mono stream and returns the gain for each chunk.

    Args:
        config: The target loudness.
        sample_rate: The stream's rate in Hz.
        hold_db: By how much the last gain may be wrong and is still kept.
    """

    def __init__(self, config: LevelConfig, sample_rate: int, hold_db: float = 0.0):
        self._config, self._frame, self._hold_db = config, round(FRAME_S * sample_rate), hold_db
        self._n_window = round(config.window_s / FRAME_S)
        self.reset(0)

    def push(self, waveform: np.ndarray) -> None:
        """Take samples."""
        samples = np.concatenate([self._rest, waveform])
        n_frames = len(samples) // self._frame
        frames = samples[: n_frames * self._frame].reshape(n_frames, self._frame)
        self._powers.extend(np.mean(np.square(frames, dtype=np.float64), axis=1))
        self._rest = samples[n_frames * self._frame :]

    def gain(self, end: int) -> float:
        """Return the factor for the chunk that ends at sample ``end`` of the stream, and forget older loudness.

        Calls must be in the order of the chunks.
        """
        n_before = max(0, (end - self._start) // self._frame - self._first)
        while n_before > self._n_window:
            self._powers.popleft()
            self._first, n_before = self._first + 1, n_before - 1
        if not n_before:
            return 1.0
        power = sum(self._powers[frame] for frame in range(n_before)) / n_before
        gain = level_gain(power, self._config)
        if not self._held or abs(20 * np.log10(gain / self._held)) > self._hold_db:
            self._held = gain
        return self._held

    def reset(self, start: int) -> None:
        """Forget all, after a gap; the next sample is number ``start`` of the stream."""
        self._powers: collections.deque[float] = collections.deque()
        self._rest = np.empty(0, np.float32)
        self._start, self._first, self._held = start, 0, 0.0


def level_gain(power: float, config: LevelConfig) -> float:
    """Return the factor that brings a mean power to the target, at most ``max_gain_db``; 1 for exact silence."""
    gain_db = min(config.max_gain_db, config.target_db - 10 * np.log10(power)) if power > 0 else 0.0
    return float(10 ** (gain_db / 20))
