"""Removes DC offset and mains hum from a stream, causally and independently of how it is cut into blocks."""

import functools

import numpy as np

LOWEST_HZ = 25.0  # below it there is offset, handling noise and no music
MAINS_HZ = (50.0, 60.0)
NOTCH_WIDTH_HZ = 6.0
N_TOGETHER = 64  # samples that one row of a matrix product filters
N_RUNS = 15  # rows of one product: with 16 or more OpenBLAS takes all cores, which then wait for each other
N_PIECE = 4 * N_RUNS  # runs at once: so few that all arrays stay in the cache

Section = tuple[np.ndarray, np.ndarray]  # numerator and denominator of a biquad


class HumFilter:
    """A high-pass filter at 25 Hz and notches at 50 and 60 Hz (biquads after R. Bristow-Johnson's cookbook).

    The recursion runs as a state-space model over runs of samples, so that Python loops once for many.

    Args:
        n_channels: Channels of the stream.
        sample_rate: Its rate in Hz.
    """

    def __init__(self, n_channels: int, sample_rate: int):
        self._direct, self._observe, self._drive, self._powers, self._rest = _matrices(sample_rate)
        self._kept, self._added = _state_matrices(sample_rate)
        self._state = np.zeros((n_channels, len(self._rest)))

    def start(self, block: np.ndarray) -> np.ndarray:
        """Filter the first block; its mean is taken for the offset, as if that had been there all along.

        Otherwise the onset of an offset would be a click.
        """
        self._state = block.mean(axis=1, dtype=np.float64)[:, None] * self._rest
        return self.push(block)

    def push(self, block: np.ndarray) -> np.ndarray:
        """Return the filtered block, float32, shape (n_channels, n_samples)."""
        n_runs, n_left = divmod(block.shape[1], N_TOGETHER)
        runs = block[:, : n_runs * N_TOGETHER].reshape(len(block), n_runs, N_TOGETHER)
        filtered = np.empty(block.shape, np.float32)
        into = filtered[:, : n_runs * N_TOGETHER].reshape(runs.shape)
        for at in range(0, n_runs, N_PIECE):
            into[:, at : at + N_PIECE] = self._filtered(runs[:, at : at + N_PIECE])
        if n_left:
            last = block[:, -n_left:]
            observed = (self._state @ self._observe[:, :n_left]).astype(np.float32)
            filtered[:, -n_left:] = last @ self._direct[:n_left, :n_left] + observed
            self._state = self._state @ self._powers[n_left] + last @ self._drive[-n_left:]
        return filtered

    def _filtered(self, runs: np.ndarray) -> np.ndarray:
        states = self._states(runs.astype(np.float64) @ self._drive)
        return runs @ self._direct + (states @ self._observe).astype(np.float32)

    def _states(self, driven: np.ndarray) -> np.ndarray:
        """Return the state at the start of each run, given what each adds; both (n_channels, n_runs, order)."""
        states = np.empty_like(driven)
        for at in range(0, driven.shape[1], N_RUNS):
            part = driven[:, at : at + N_RUNS].reshape(len(driven), -1)
            n_states = part.shape[1] + len(self._rest)
            found = self._state @ self._kept[:, :n_states] + part @ self._added[: part.shape[1], :n_states]
            found = found.reshape(len(driven), -1, len(self._rest))
            states[:, at : at + N_RUNS], self._state = found[:, :-1], found[:, -1]
        return states


@functools.lru_cache(maxsize=8)
def _matrices(sample_rate: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return how inputs and state make the outputs and the next state of a run of n = ``N_TOGETHER`` samples.

    Returns:
        Inputs to outputs, float32, (n, n); state to outputs, (order, n); inputs to the next state, (n, order), of
        which a shorter run uses the last rows; the state's powers from 0 to n, (n + 1, order, order); and the state
        that a constant input of 1 leads to, (order,).
    """
    a, b, c, d = _state_space(sample_rate)
    n = N_TOGETHER
    powers = [np.eye(len(a))]
    for _ in range(n):
        powers.append(powers[-1] @ a)
    stacked = np.stack(powers)
    impulse = np.concatenate([[d], stacked[: n - 1] @ b @ c])
    delay = np.arange(n)[None, :] - np.arange(n)[:, None]  # from input (row) to output (column)
    direct = np.where(delay >= 0, impulse[np.maximum(delay, 0)], 0.0).astype(np.float32)
    observe, drive = (c @ stacked[:n]).T, (stacked[:n] @ b)[::-1]
    rest = np.linalg.solve(np.eye(len(a)) - a, b)
    return direct, observe, drive, stacked.transpose(0, 2, 1), rest


@functools.lru_cache(maxsize=8)
def _state_matrices(sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how the first state and what each run adds make those at the starts of ``N_RUNS`` runs and after them.

    Returns:
        From the first state, shape (order, (N_RUNS + 1) * order); from what the runs add, shape (N_RUNS * order,
        (N_RUNS + 1) * order).
    """
    over_a_run = _matrices(sample_rate)[3][N_TOGETHER]
    powers = [np.linalg.matrix_power(over_a_run, n) for n in range(N_RUNS + 1)]
    zero = np.zeros_like(over_a_run)
    rows = [[powers[after - run - 1] if after > run else zero for after in range(N_RUNS + 1)] for run in range(N_RUNS)]
    return np.hstack(powers), np.block(rows)


def _state_space(sample_rate: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return the sections in series as one state-space model: x' = a x + b u, y = c x + d u."""
    a, b, c, d = np.zeros((0, 0)), np.zeros(0), np.zeros(0), 1.0
    for numerator, denominator in _sections(sample_rate):
        a2 = np.array([[-denominator[1], -denominator[2]], [1.0, 0.0]])
        b2 = np.array([1.0, 0.0])
        c2 = numerator[1:] - numerator[0] * denominator[1:]
        a = np.block([[a, np.zeros((len(a), 2))], [np.outer(b2, c), a2]])
        b = np.concatenate([b, b2 * d])
        c = np.concatenate([numerator[0] * c, c2])
        d = numerator[0] * d
    return a, b, c, d


def _sections(sample_rate: int) -> list[Section]:
    """Return the biquads: a Butterworth high-pass filter and a notch for each mains frequency."""
    return [_biquad("high-pass", LOWEST_HZ, LOWEST_HZ * np.sqrt(2), sample_rate)] + [
        _biquad("notch", mains_hz, NOTCH_WIDTH_HZ, sample_rate) for mains_hz in MAINS_HZ
    ]


def _biquad(kind: str, centre_hz: float, width_hz: float, sample_rate: int) -> Section:
    turn = 2 * np.pi * centre_hz / sample_rate
    alpha = np.sin(turn) * width_hz / (2 * centre_hz)
    cosine = np.cos(turn)
    half = (1 + cosine) / 2
    numerator = np.array([half, -2 * half, half]) if kind == "high-pass" else np.array([1.0, -2 * cosine, 1.0])
    denominator = np.array([1 + alpha, -2 * cosine, 1 - alpha])
    return numerator / denominator[0], denominator / denominator[0]
