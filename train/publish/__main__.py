"""Publish a run's model: calibrate it with the run's folds and write their figures into its card.

First train the folds and the model of all tracks, and evaluate the folds::

    python -m train.cnn --data ../shared/data/gtzan --folds --output runs/cnn
    python -m train.evaluate runs/cnn --data ../shared/data/gtzan --output runs/cnn/report
    python -m train.publish runs/cnn --output checkpoints/cnn

The model in ``runs/cnn/all`` was trained on all tracks, so no track is left to score it on: the figures and the
calibration in its card come from the folds.
"""

import tyro

from train.command.entry import entry
from train.publish.run import Config, publish


def main() -> None:
    """Run from the command line."""
    published = publish(tyro.cli(Config, description=__doc__, prog="python -m train.publish"))
    card = published.card
    print(f"written: {published.path}, temperature {card.temperature:g}, sharpness {card.sharpness:g}")


if __name__ == "__main__":
    entry(main)
