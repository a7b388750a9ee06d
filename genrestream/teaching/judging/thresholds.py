"""Under which probability an answer is unsure."""

import numpy as np

KEPT_SHARE = 0.8  # of the songs named rightly must be named still
LEAST, MOST = 0.45, 0.95  # the least is that of the default model
UNTRIED_QUANTILE = 0.1  # of the right answers' probabilities, where no unknown music was tried


def threshold(right: np.ndarray, unknown: np.ndarray) -> float:
    """Return the probability under which the answer is unsure.

    It separates songs that are named rightly from unknown music as well as one number can (Youden's index), but costs
    at most a fifth of the former. Where unknown music was not tried, it costs a tenth of them.

    Args:
        right: Probability of the answer for held-out songs that it is right for.
        unknown: The same for music of no known genre; may be empty.
    """
    if not len(right):
        return 0.5
    if not len(unknown):
        return _bounded(float(np.quantile(right, UNTRIED_QUANTILE)))
    places = np.unique(right[right <= np.quantile(right, 1 - KEPT_SHARE)])
    gains = [(right >= place).mean() - (unknown >= place).mean() for place in places]
    return _bounded(float(places[int(np.argmax(gains))]))


def thresholds_of(probs: np.ndarray, has: np.ndarray) -> list[float]:
    """Return for each tag the threshold with the best F1 on held-out songs, shapes (n_songs, n_genres)."""
    found = []
    for its, truth in zip(probs.T, has.T, strict=True):
        places = np.unique(its[truth])
        f1 = [2 * (truth & (its >= place)).sum() / (truth.sum() + (its >= place).sum()) for place in places]
        found.append(_rounded_down(float(places[int(np.argmax(f1))])))
    return found


def _bounded(probability: float) -> float:
    return min(MOST, max(LEAST, _rounded_down(probability)))


def _rounded_down(probability: float) -> float:
    return float(np.floor(100 * probability) / 100)
