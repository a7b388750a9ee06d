"""What a stateful model's state is worth: the same weights, with the state carried and with each chunk alone.

Both are scored on the tracks that the run's folds hold out, by the mean vote, and compared by McNemar's exact test::

    python -m train.study.answers.alone runs/crnn-stateful --data ../shared/data/gtzan

A network that was trained without a state is another question: ``train.study.answers.paired``.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from genrestream.api import Classifier
from genrestream.errors import UsageError
from genrestream.inference.carried import Carried
from genrestream.inference.program import use_compile_cache
from genrestream.streaming.config import StreamConfig
from genrestream.streaming.session import Session
from train.command.entry import entry
from train.data.load import read_all
from train.evaluation import held_out
from train.evaluation.report.markdown import table
from train.evaluation.runs import find_system
from train.evaluation.scores import joined
from train.evaluation.scoring import score
from train.study.answers.paired import HEAD, cells


@dataclasses.dataclass(frozen=True)
class Config:
    """What to compare.

    Attributes:
        run: A run of folds, or a model, that is stateful.
        data: The folder of labelled tracks that it was trained on.
        seconds: After how many seconds to compare too, on the tracks that last for the most of them.
        output: Folder for the scores; by default alone in the run's folder.
    """

    run: tyro.conf.Positional[Path]
    data: Path
    seconds: tuple[float, ...] = (3, 6, 9, 30)
    output: Path | None = None


class Forgetful(Classifier):
    """A stateful model that begins again with each chunk."""

    def session(self, source: str = "stream", **options: Any) -> Session:
        """Return a session whose chunks are answered one by one."""

        def whole(chunk: np.ndarray, _: object = None) -> tuple[np.ndarray, object]:
            return self.program(chunk), ()

        following = Carried(self.card.frontend.n_samples, 0, whole, whole)
        return Session(self.card, self.program, StreamConfig(**options), source, following)


def main() -> None:
    """Run from the command line."""
    config = tyro.cli(Config, description=__doc__)
    use_compile_cache()
    parts = find_system(str(config.run), read_all(config.data).tracks).seeds[0]
    if not all(part.model.card.is_stateful for part in parts):
        raise UsageError(f"{config.run}: must be stateful; train it with --stateful")
    carried = held_out.scores(parts, config.output or config.run / "alone")
    alone = joined([score(Forgetful(part.model), part.tracks) for part in parts])
    long = np.array(carried.tracks)[carried.lengths_s() >= max(config.seconds)].tolist()
    rows: list[list[object]] = [["all tracks", *cells(carried, alone)]]
    for until_s in config.seconds if long else ():
        rows.append([f"after {until_s:g} s", *cells(carried.select(long), alone.select(long), until_s)])
    print("\n".join(table(("", "tracks", "state carried", "each chunk alone", *HEAD), rows)))


if __name__ == "__main__":
    entry(main)
