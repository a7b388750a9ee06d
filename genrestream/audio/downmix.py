"""Several channels to one, by what they carry: dead channels do not count, and channels that cancel are turned round.

Every 0.1 s the weights follow the channels' powers and correlations over the last seconds, always of what came before,
so a stream gives the same waveform however it is cut into blocks.
"""

import numpy as np

from genrestream.audio.formats import CHANNELS, Channel, check_channel
from genrestream.errors import AudioError

FRAME_S = 0.1
MEMORY_S = 3.0  # time constant of the powers and correlations
OPPOSED = -0.5  # correlation below which a channel is turned round
DEAD = 1e-3  # share of the loudest channel's power (-30 dB) below which a channel counts as dead


class Downmix:
    """Mixes a stream of one format to mono.

    ``auto`` weighs each channel by its share of the power, so two alike channels give their mean, and one microphone
    among 32 silent inputs gives that microphone. A channel that runs against the loudest one is turned round.

    Args:
        n_channels: Channels of the stream.
        sample_rate: Its rate in Hz.
        channel: How to mix: ``auto``, ``mid``, ``left``, ``right``, or a channel's number from 1.

    Raises:
        AudioError: The stream has no such channel.
    """

    def __init__(self, n_channels: int, sample_rate: int, channel: Channel = "auto"):
        self._n_channels, self._note = n_channels, ""
        self._frame = round(FRAME_S * sample_rate)
        self._keep = np.exp(-FRAME_S / MEMORY_S)
        self._products = np.zeros((n_channels, n_channels))  # running means of the products of every two channels
        self._totals = np.zeros((n_channels, n_channels))  # the same over the whole stream
        self._loudest, self._is_turned = 0, np.zeros(n_channels, bool)
        self._held = np.empty((n_channels, 0), np.float32)  # samples of the frame that is not complete yet
        self._fixed = self._fixed_weights(channel)
        self._weights = np.full(n_channels, 1 / n_channels, np.float32)

    def start(self, block: np.ndarray) -> None:
        """Choose the first weights by the start of the stream, shape (n_channels, n_samples); push it after."""
        if self._fixed is None:
            self._follow(_products(block[None])[0], fresh=True)

    def push(self, block: np.ndarray) -> np.ndarray:
        """Take a block, float32, shape (n_channels, n_samples), and return its mono samples."""
        if self._fixed is not None:
            return self._fixed @ block
        n_held = self._held.shape[1]
        held = np.concatenate([self._held, block], axis=1)
        n_frames = held.shape[1] // self._frame
        frames = held[:, : n_frames * self._frame].reshape(len(held), n_frames, self._frame).transpose(1, 0, 2)
        weights = []
        for products in _products(frames):
            weights.append(self._weights)
            self._follow(products)
        by_frame = np.array(weights, np.float32).reshape(n_frames, 1, len(held))
        mono = (by_frame @ frames).reshape(-1)
        self._held = held[:, n_frames * self._frame :]
        return np.concatenate([mono, self._weights @ self._held])[n_held:]

    def _follow(self, products: np.ndarray, fresh: bool = False) -> None:
        """Follow the channels' powers and correlations with a frame's, and choose the weights of the next frame."""
        kept = 0.0 if fresh else self._keep
        self._products = kept * self._products + (1 - kept) * products
        self._totals += products
        powers = self._products.diagonal()
        loudest = int(powers.argmax())
        if powers[self._loudest] < powers[loudest] / 2:
            self._loudest = loudest
        limit = np.where(self._is_turned, 0.0, OPPOSED)  # once turned it stays so until the channels agree again
        self._is_turned = _correlation(self._products, self._loudest) < limit
        total = powers.sum()
        shares = powers / total if total > 0 else np.full(len(powers), 1 / len(powers))
        self._weights = np.where(self._is_turned, -shares, shares).astype(np.float32)

    @property
    def note(self) -> str:
        """How the channels are mixed where that is not close to their mean, in words; empty otherwise."""
        if self._fixed is not None:
            return self._note
        powers = np.diag(self._totals)
        is_alive = powers > DEAD * powers.max()
        n_turned = int((is_alive & (_correlation(self._totals, int(powers.argmax())) < OPPOSED)).sum())
        if n_turned:
            return f"{n_turned} of {len(powers)} channels in antiphase, turned round"
        if 0 < 2 * is_alive.sum() <= len(powers):
            return f"{is_alive.sum()} of {len(powers)} channels with sound, the others left out"
        return ""

    def _fixed_weights(self, channel: Channel) -> np.ndarray | None:
        check_channel(channel)
        if self._n_channels == 1 and channel in CHANNELS:
            return np.ones(1, np.float32)
        if channel == "auto":
            return None
        if channel == "mid":
            return np.full(self._n_channels, 1 / self._n_channels, np.float32)
        number = {"left": 1, "right": 2}.get(str(channel)) or int(channel)
        if number > self._n_channels:
            raise AudioError(f"has no channel {number}, only {self._n_channels}; choose another with --channel")
        self._note = f"channel {number} of {self._n_channels}"
        return np.eye(self._n_channels, dtype=np.float32)[number - 1]


def _correlation(products: np.ndarray, channel: int) -> np.ndarray:
    """Return each channel's correlation with one of them, 0 for a dead one, from the products of every two."""
    powers = np.diag(products)
    correlation = products[channel] / np.sqrt(np.maximum(powers * powers[channel], 1e-30))
    return np.where(powers > DEAD * powers[channel], correlation, 0.0)


def _products(frames: np.ndarray) -> np.ndarray:
    """Return the mean products of every two channels in each frame, (n_frames, n_channels, n_samples) to float64."""
    exact = frames.astype(np.float64)
    return exact @ exact.transpose(0, 2, 1) / max(1, frames.shape[2])
