"""Train the MLP on the 57 tabular features of 3 s chunks (system A), and its four presets.

The features are computed once, 60 chunks a second on one core, or read from a table that ``train.tabular.extract``
wrote; after that an epoch takes a second::

    python -m train.mlp --data ../shared/data/gtzan                                   # one fold, validated
    python -m train.mlp --data ../shared/data/gtzan --folds --no-validate             # five folds and all
    python -m train.mlp --data ../shared/data/gtzan --table runs/features_3_sec.csv   # features that are there already
    python -m train.mlp --data ../shared/data/gtzan --preset M1 --output runs/m1      # 256-128-64, Adam
    python -m train.mlp --data ../shared/data/gtzan --preset M2 --output runs/m2      # 512-256-128-64, Adam
    python -m train.mlp --data ../shared/data/gtzan --preset M3 --output runs/m3      # the same, SGD
    python -m train.mlp --data ../shared/data/gtzan --preset M4 --output runs/m4      # 1024-512-256-128-64, RMSProp
"""

from train.loop.run import main
from train.tabular.training import TabularRunConfig, TabularTrainer

if __name__ == "__main__":
    main(TabularRunConfig, TabularTrainer())
