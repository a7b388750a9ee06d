"""Train the default model: genres, and music against speech and noise, on frozen MusiCNN and YAMNet.

The features of all chunks are computed once and kept beside the decoded audio; then a fold takes a minute::

    python -m train.musicnn_yamnet --data ../shared/data/gtzan
    python -m train.musicnn_yamnet --data ../shared/data/gtzan --more ../shared/data/songs --folds --no-validate
    python -m train.study.nonmusic runs/nonmusic    # speech and noise from Debian's packages, for --nonmusic
"""

from train.loop.run import main
from train.transfer.pair import PairRunConfig, fit_pair

if __name__ == "__main__":
    main(PairRunConfig, fit_pair)
