"""Training on the tabular features of chunks, which are computed once and shared by all folds."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import grain
import jax
import numpy as np
from flax import nnx

from genrestream.audio.conditioning import LevelConfig
from genrestream.errors import UsageError
from genrestream.features.config import TabularConfig
from genrestream.features.frontend import features
from genrestream.features.tabular.columns import COLUMNS
from genrestream.models import MLP, MLPConfig
from train.augment.config import OFF, AugmentConfig
from train.augment.waveform import as_loud_as, augmented
from train.data.cache import AudioCache
from train.data.splits import Split
from train.data.tracks import Track
from train.input import batching, examples
from train.input.sampling import row_weights
from train.loop.card import export
from train.loop.config import Design, RunConfig, identity, n_steps
from train.loop.loop import LoopConfig, Validation, train
from train.loop.optimizer import StepConfig
from train.loop.run import EVALUATION_BATCH, shared_batches
from train.loop.step import Network, Step
from train.tabular.columns import OFFSETS, Columns
from train.tabular.table import read_table

CHUNKS_AT_ONCE = 8
FRONTEND = TabularConfig(level=LevelConfig())


@dataclasses.dataclass(frozen=True)
class Preset:
    """One of system A's networks: units of its hidden layers, its optimizer, and its learning rate."""

    n_units: tuple[int, ...]
    optimizer: Literal["adam", "sgd", "rmsprop"]
    learning_rate: float


PRESETS = {
    "M1": Preset((256, 128, 64), "adam", 1e-3),
    "M2": Preset((512, 256, 128, 64), "adam", 1e-3),
    "M3": Preset((512, 256, 128, 64), "sgd", 0.05),
    "M4": Preset((1024, 512, 256, 128, 64), "rmsprop", 1e-3),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class TabularRunConfig(RunConfig):
    """The training of an MLP.

    The augmentations of the waveform make the copies of each chunk; pitch, tempo and SpecAugment do not apply.

    Attributes:
        output: Folder of the run.
        preset: Sizes, optimizer and learning rate of system A; replaces the options for these.
        model: Sizes of the network.
        train_hop_s: Seconds from one training chunk to the next.
        n_copies: Augmented copies of each training chunk, besides the chunk itself.
        table: A table by ``train.tabular.extract``, chunks 3 s apart, to read instead of computing; has no copies, and
            its chunks are as loud as they come, so that the model's answers depend on the gain.
    """

    output: Path = Path("runs/mlp")
    preset: Literal["M1", "M2", "M3", "M4"] | None = None
    model: MLPConfig = MLPConfig(n_units=(256, 128), dropout=0.4)
    step: StepConfig = StepConfig(batch_size=64, weight_decay=0.1)
    loop: LoopConfig = LoopConfig(n_epochs=12)
    train_hop_s: float = 1.5
    n_copies: int = 3
    table: Path | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.train_hop_s > 0:
            raise UsageError(f"--train-hop-s {self.train_hop_s}: must be positive")
        if self.n_copies < 0:
            raise UsageError(f"--n-copies {self.n_copies}: must not be negative")

    @property
    def design(self) -> Design:
        """What is trained."""
        model = self.model
        if self.preset:
            model = dataclasses.replace(model, n_units=PRESETS[self.preset].n_units)
        return Design("mlp", model, TabularConfig() if self.table else FRONTEND)

    @property
    def rule(self) -> StepConfig:
        """How the weights are changed."""
        if not self.preset:
            return self.step
        preset = PRESETS[self.preset]
        return dataclasses.replace(self.step, optimizer=preset.optimizer, learning_rate=preset.learning_rate)


@dataclasses.dataclass(frozen=True, eq=False)
class Rows:
    """The features of chunks: columns of shape (n_rows, 57), label, weight (0 of silence), and number of the track."""

    columns: np.ndarray
    label: np.ndarray
    weight: np.ndarray
    track: np.ndarray


class TabularTrainer:
    """Fits MLPs; keeps the features of each track for the next fold."""

    def __init__(self) -> None:
        self._given: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._known: dict[Any, tuple[np.ndarray, np.ndarray]] = {}
        self._compute: Callable[[np.ndarray], jax.Array] = jax.jit(lambda chunks: features(chunks, FRONTEND))

    def __call__(self, config: TabularRunConfig, split: Split, cache: AudioCache, folder: Path) -> None:
        """Train a network on the chunks of the training tracks, and write its model."""
        design = config.design
        if config.table:
            self._given = rows_by_track(config.table, split)
        augmentations = [OFF, *[config.augment] * config.n_copies]
        rows = self.rows(split.train, split.genres, cache, config.train_hop_s, augmentations, config.seed)
        module: Any = design.module(len(split.genres), config.seed)
        standardise(module, rows.columns[rows.weight > 0])
        weights = row_weights(split.train, rows.track, config.sampling).astype(np.float32)
        rows = dataclasses.replace(rows, weight=rows.weight * weights)
        columns = examples.rows(standardised(module, rows.columns), rows.label, rows.weight)
        n = n_steps(config, len(columns))
        augment = dataclasses.replace(OFF, mixup=config.augment.mixup)
        network = Network(module, forward=lambda module, x: module.dense(x))  # the inputs are standardised already
        step = Step(network, None, len(split.genres), augment, config.rule, n, config.seed)
        validation = self.validation(module, split.validation, split.genres, cache)
        weights = train(
            step,
            shared_batches(config, columns, config.seed),
            n,
            config.loop,
            folder,
            identity(config, split),
            validation,
        )
        export(folder / "model", config, split, weights)

    def validation(
        self, module: MLP, tracks: Sequence[Track], genres: Sequence[str], cache: AudioCache
    ) -> Validation | None:
        """Return the chunks of the validation tracks as a stream cuts them; None where there are no tracks."""
        if not tracks:
            return None
        rows = self.rows(tracks, genres, cache, FRONTEND.chunk_s)
        columns = {"inputs": standardised(module, rows.columns), "weight": rows.weight, "track": rows.track}
        elements = [{name: values[row] for name, values in columns.items()} for row in range(len(rows.label))]
        batches = batching.once(grain.MapDataset.source(elements), EVALUATION_BATCH)
        return Validation(batches, np.array([genres.index(track.genre) for track in tracks]))

    def rows(
        self,
        tracks: Sequence[Track],
        genres: Sequence[str],
        cache: AudioCache,
        hop_s: float,
        augmentations: Sequence[AugmentConfig] = (OFF,),
        seed: int = 0,
    ) -> Rows:
        """Return the features of the tracks' chunks, hop_s apart, once for each augmentation."""
        parts = [self._of_track(track, cache, hop_s, tuple(augmentations), seed) for track in tracks]
        number = np.repeat(np.arange(len(tracks)), [len(columns) for columns, _ in parts])
        label = np.array([genres.index(track.genre) for track in tracks], np.int32)[number]
        columns, weight = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return Rows(columns, label, weight, number.astype(np.int32))

    def _of_track(
        self, track: Track, cache: AudioCache, hop_s: float, augmentations: tuple[AugmentConfig, ...], seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        if self._given:
            return self._given[track.name]
        key = (track.name, hop_s, augmentations, seed)
        if key not in self._known:
            rng = np.random.default_rng([seed, *track.name.encode()])
            chunks: Any = examples.chunks([track], [track.genre], cache, FRONTEND, hop_s)
            elements = list(chunks)
            waveforms = [
                as_loud_as(element["inputs"], augmented(element["inputs"], FRONTEND.sample_rate, rng, augmentation))
                for augmentation in augmentations
                for element in elements
            ]
            weights = np.array([element["weight"] for element in elements] * len(augmentations), np.float32)
            self._known[key] = self._columns(np.stack(waveforms)), weights
        return self._known[key]

    def _columns(self, waveforms: np.ndarray) -> np.ndarray:
        """Compute the features of chunks in groups of one size, so that one compiled program serves any number."""
        missing = np.zeros((-len(waveforms) % CHUNKS_AT_ONCE, waveforms.shape[1]), np.float32)
        batches = np.concatenate([waveforms, missing]).reshape(-1, CHUNKS_AT_ONCE, waveforms.shape[1])
        return np.concatenate([np.asarray(self._compute(batch)) for batch in batches])[: len(waveforms)]


def rows_by_track(path: Path, split: Split) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return each track's features and weights, from a table.

    Raises:
        UsageError: It cannot be read, or lacks a track.
    """
    table = read_table(path, split.genres, COLUMNS)
    places: dict[str, list[int]] = {}
    for place, name in enumerate(table.tracks):
        places.setdefault(name, []).append(place)
    for track in [*split.train, *split.validation]:
        if track.name not in places:
            raise UsageError(f"{path}: has no row of {track.name}; write it again with train.tabular.extract")
    rms = table.values[:, COLUMNS.index("rms_mean")]
    is_sound = 20 * np.log10(np.maximum(rms, 1e-12)) >= examples.SILENCE_DB
    return {
        name: (table.values[rows].astype(np.float32), is_sound[rows].astype(np.float32))
        for name, rows in places.items()
    }


def standardise(module: MLP, columns: np.ndarray) -> None:
    """Set the network's input norm by the training rows: logarithm of positive columns, mean 0, variance 1."""
    prepared = Columns().fit(columns)
    values = prepared.transform(columns)
    scale = 1 / np.where(values.std(axis=0) > 0, values.std(axis=0), 1)
    scale[[COLUMNS.index(name) for name in OFFSETS]] = 0
    norm: Any = module.input_norm
    arrays = {"is_log": prepared.is_log_, "floor": prepared.floor_, "mean": values.mean(axis=0), "scale": scale}
    for name, array in arrays.items():
        variable: nnx.Variable = getattr(norm, name)
        variable.set_value(jax.numpy.asarray(array, jax.numpy.float32))


def standardised(module: MLP, columns: np.ndarray) -> np.ndarray:
    """Return the columns as the network's input norm makes them."""
    return np.asarray(module.input_norm(jax.numpy.asarray(columns)))
