"""A run's scores of the tracks that its folds held out, kept on disk."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import genrestream
from genrestream.api import Classifier
from train.augment.distort import DISTORTIONS
from train.evaluation.calibrate import cross_fitted
from train.evaluation.runs import Part, key_of
from train.evaluation.scores import Scored, joined, load, save
from train.evaluation.scoring import score


@cache
def classifier(folder: Path) -> Classifier:
    """Return a model, loaded once."""
    return genrestream.load(folder)


def scores(parts: Sequence[Part], output: Path, hop_s: float = 3.0, distortion: str = "") -> Scored:
    """Return the union of the parts' scores; stored scores are used if nothing has changed.

    Args:
        parts: Models, each with the tracks that it is scored on.
        output: The report's folder; the scores are kept in ``scores`` there.
        hop_s: Seconds from one chunk's start to the next one's.
        distortion: A name in ``DISTORTIONS``; empty for none.
    """
    key = key_of(parts, hop_s, distortion)
    file = output / "scores" / f"{key[:16]}.npz"
    if (kept := load(file, key)) is not None:
        return kept
    scored = joined([
        score(
            classifier(part.model.path),
            part.tracks,
            hop_s,
            DISTORTIONS[distortion] if distortion else None,
            words=f"{part.model.path.parent.name}/{part.model.path.name} {distortion}".strip(),
        )
        for part in parts
    ])  # fmt: skip
    save(scored, file, key)
    return scored


def calibrated(scored: Scored, parts: Sequence[Part]) -> Scored:
    """Give each of several folds the calibration of the others; a single model keeps its own."""
    if len(parts) < 2:
        return scored
    decoded = set(scored.tracks)
    folds = [scored.select([track.name for track in part.tracks if track.name in decoded]) for part in parts]
    return joined(cross_fitted(folds))
