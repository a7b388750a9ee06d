"""Pre-training a transformer, and starting another training from it.

The run's folder is that of any training, with ``encoder.npz`` in place of the model: the weights by name, and the
names of the tracks that they follow from.
"""

import dataclasses
import io
import zipfile
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from genrestream.errors import UsageError
from genrestream.files import replacing
from train.command.disk import saving
from train.command.paths import address_of
from train.data import hosts
from train.data.cache import AudioCache
from train.data.splits import Split
from train.input.sampling import SamplingConfig
from train.loop.config import ScratchConfig, crops_of, identity, n_crops_of, n_steps, step_of
from train.loop.loop import train
from train.loop.run import shared_batches
from train.loop.sharding import gathered
from train.loop.step import Network
from train.pretrain.network import Masked, MaskedConfig, MaskedStep

FILE = "encoder.npz"
TRACKS = "tracks"
PREFIX, HEAD = "encoder.", "output."  # the head is not pre-trained


@dataclasses.dataclass(frozen=True, kw_only=True)
class PretrainConfig(ScratchConfig):
    """The pre-training of a transformer.

    Attributes:
        masked: What is predicted, and by what.
    """

    step_type: ClassVar[type[MaskedStep]] = MaskedStep

    masked: MaskedConfig = MaskedConfig()
    sampling: SamplingConfig = SamplingConfig("none", length_power=1.0, artist_power=1.0)

    def network(self, split: Split) -> Network:
        """Return the transformer, with the decoder."""
        encoder: Any = self.design.module(len(split.genres), self.seed)
        return Network(Masked(self.masked, encoder, nnx.Rngs(self.seed + 1)))

    def next_steps(self, last: Path) -> list[str]:
        """Return what to do with the encoder."""
        run, data = last.parent if self.folds else last, address_of(self.data.data) or self.data.data
        part = " --folds" if self.folds else f" --fold {self.data.fold}"
        same = f" --split {self.data.split}{part}" + " --no-validate" * (not self.data.validate)
        return [f"next: python -m train.transformer --data {data}{same} --init {run}"]


def pretrain(config: PretrainConfig, split: Split, cache: AudioCache, folder: Path) -> None:
    """Pre-train on random crops, whose labels are not used, and write the encoder."""
    crops, n_crops = crops_of(config, split, cache), n_crops_of(config, split, cache)
    step, total = step_of(config, split, n_crops), n_steps(config, n_crops)
    weights = train(
        step, shared_batches(config, crops, config.seed), total, config.loop, folder, identity(config, split)
    )
    names = np.array(sorted(track.name for track in split.train))
    kept = {
        name.removeprefix(PREFIX): array
        for name, array in gathered(weights).items()
        if name.startswith(PREFIX) and not name.startswith(PREFIX + HEAD)
    }
    with hosts.together():
        if jax.process_index() == 0:
            with saving(folder / FILE), replacing(folder / FILE) as file:
                np.savez(file, allow_pickle=False, **{TRACKS: names}, **kept)  # pyright: ignore[reportArgumentType]


def warm(network: Network, run: Path, fold: int | None, split: Split) -> Network:
    """Return a network with the weights of a pre-trained encoder; its head stays as it is.

    Args:
        network: The network to start.
        run: Folder of the pre-training, or with its folds' folders.
        fold: The fold that is held out; None for none.
        split: The tracks, of which no held-out one may have been pre-trained on.

    Raises:
        UsageError: There is no such encoder, it is of another network, or it was trained on a held-out track.
    """
    part = run / ("all" if fold is None else f"fold{fold}")
    path = (part if part.is_dir() else run) / FILE
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            weights = dict(arrays)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(f"--init {path}: cannot be read ({error}); make it with python -m train.pretrain") from error
    heard = set(weights.pop(TRACKS, np.array([])).tolist())
    if known := sorted(heard & {track.name for track in (*split.test, *split.validation)}):
        raise UsageError(f"--init {path}: was trained on {known[0]}, which is held out here; use the same folds")
    for arrays in (network.params, network.statistics):
        for name in [name for name in arrays if not name.startswith(HEAD)]:
            if name not in weights or weights[name].shape != arrays[name].shape:
                raise UsageError(f"--init {path}: is of another network ({name} differs); give the same sizes to both")
            arrays[name] = jnp.asarray(weights[name], jnp.float32)
    return network
