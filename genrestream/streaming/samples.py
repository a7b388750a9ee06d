"""Samples that a program hands over: checked, and read like a file."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from genrestream.audio.formats import MAX_CHANNELS, SAMPLE_RATES
from genrestream.audio.pcm import planes
from genrestream.audio.reading.ending import Ending, EndKind
from genrestream.errors import OptionError, UsageError, check_number, first_line

BLOCK_S = 3.0


def block_of(samples: Any, sample_rate: Any) -> tuple[np.ndarray, int]:
    """Check samples and their rate.

    Args:
        samples: Shape (n_samples,) or (n_samples, n_channels); floats from -1 to 1, or integers of their type's full
            range.
        sample_rate: Their rate in Hz.

    Returns:
        float32 samples, shape (n_channels, n_samples), and the rate.

    Raises:
        UsageError: The samples have another shape or type, or the rate is impossible.
    """
    array = _array(samples)
    if array.ndim not in (1, 2) or (array.ndim == 2 and not 1 <= array.shape[1] <= MAX_CHANNELS):
        raise UsageError(
            f"samples of shape {array.shape} must be (n_samples,) or (n_samples, n_channels)"
            f" with at most {MAX_CHANNELS} channels"
        )
    rate = _rate(sample_rate)
    channels = array[None] if array.ndim == 1 else array.T
    return planes(channels, len(channels)), rate


def _array(samples: Any) -> np.ndarray:
    try:
        array = np.asarray(samples)
    except Exception as error:  # ragged lists, or an object of another library that may raise anything
        raise UsageError(f"samples must be an array of numbers: {first_line(error)}") from error
    if array.dtype.kind not in "uif":
        raise UsageError(f"samples of type {array.dtype} must be floats, signed integers or uint8")
    return array


def _rate(sample_rate: Any) -> int:
    bounds = f"from {SAMPLE_RATES[0]} to {SAMPLE_RATES[-1]} Hz"
    check_number("sample_rate", sample_rate, SAMPLE_RATES[0], SAMPLE_RATES[-1], bounds)
    if sample_rate != int(sample_rate):
        raise OptionError("sample_rate", sample_rate, f"must be a whole number {bounds}")
    return int(sample_rate)


class ArraySource:
    """Samples in memory, read like a file.

    Args:
        samples: As ``block_of`` takes them.
        sample_rate: Their rate in Hz.

    Attributes:
        name: ``array``.
        duration_s: Their length in seconds.
        problems: Always empty.
        ending: Always complete.
        title: Always empty.
        is_local: Always true.

    Raises:
        UsageError: As ``block_of`` raises.
    """

    def __init__(self, samples: Any, sample_rate: Any):
        self._samples, self._sample_rate = block_of(samples, sample_rate)
        self.name, self.problems, self.ending = "array", list[str](), Ending(EndKind.COMPLETE)
        self.duration_s, self.title = self._samples.shape[1] / self._sample_rate, ""
        self.is_local = True

    def __enter__(self) -> "ArraySource":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[tuple[np.ndarray, int]]:
        n_samples = round(BLOCK_S * self._sample_rate)
        for start in range(0, self._samples.shape[1], n_samples):
            yield self._samples[:, start : start + n_samples], self._sample_rate

    def close(self) -> None:
        """Do nothing: there is nothing to close."""
