"""The default model's training: genres and states as one linear layer on two frozen networks."""

import dataclasses
from pathlib import Path

import numpy as np

from genrestream.audio.conditioning import LevelConfig
from genrestream.errors import UsageError
from genrestream.features.config import LogMelConfig, PairConfig, PatchesConfig
from genrestream.inference import checkpoint
from genrestream.models import MusiCNNYAMNetConfig
from genrestream.teaching.fit import fit_linear, penalty_of
from genrestream.teaching.groups import artist_name
from train.augment.config import AugmentConfig
from train.data.cache import AudioCache
from train.data.splits import Split
from train.data.tracks import Track
from train.input.sampling import SamplingConfig, row_weights
from train.loop.card import card_of
from train.loop.config import Design, RunConfig
from train.transfer.frozen import FrozenPair, Views, all_rows
from train.transfer.held_out import say_held_out
from train.transfer.states import STATES, StatesConfig, fit_states

MIN_PROBABILITY = 0.45  # chosen by risk and coverage on the folds: see docs/results.md


@dataclasses.dataclass(frozen=True)
class PairHeadConfig:
    """How the linear layer is fitted.

    Attributes:
        musicnn_penalty: Of the squared weights on MusiCNN's features.
        embedding_penalty: Of those on YAMNet's embedding.
        logits_penalty: Of those on YAMNet's logits.
        more_share: Share of the loss for all datasets of --more together.
        genre_power: A genre of n tracks weighs in proportion to n to this power: 0 all genres alike, 1 all tracks.
        n_steps: Steps of the fit.
        level_db: Loudness to which chunks are brought, in dB below full scale.
    """

    musicnn_penalty: float = 0.4
    embedding_penalty: float = 0.6
    logits_penalty: float = 0.6
    more_share: float = 0.4
    genre_power: float = 0.5
    n_steps: int = 40
    level_db: float = -18.0

    def __post_init__(self) -> None:
        for name in ("musicnn_penalty", "embedding_penalty", "logits_penalty"):
            if not getattr(self, name) > 0:
                raise UsageError(f"--{name.replace('_', '-')} {getattr(self, name)}: must be positive")
        if not 0 <= self.more_share <= 1:
            raise UsageError(f"--more-share {self.more_share}: must be from 0 to 1")
        if self.n_steps < 1:
            raise UsageError(f"--n-steps {self.n_steps}: must be at least 1")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairRunConfig(RunConfig):
    """The training of the pair.

    Attributes:
        output: Folder of the run.
        augment: How augmented crops are changed.
        sampling: How much artists and tracks weigh.
        views: Which excerpts of each track are used.
        head: How the linear layer is fitted.
        states: How music is distinguished from other sounds.
    """

    output: Path = Path("runs/musicnn-yamnet")
    augment: AugmentConfig = AugmentConfig(codec=0.1, noise=0.35, noise_snr_db=(5.0, 40.0), distort=0.45)
    sampling: SamplingConfig = SamplingConfig(artist_power=0.5)
    views: Views = Views()
    head: PairHeadConfig = PairHeadConfig()
    states: StatesConfig = StatesConfig()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.views.n_chunks and not self.views.n_crops:
            raise UsageError("--n-chunks 0 --n-crops 0: one of them must be at least 1")

    @property
    def validates(self) -> bool:
        """The layer is fitted in one go, without validation tracks."""
        return False

    @property
    def design(self) -> Design:
        """What is trained."""
        frontend = PairConfig(LogMelConfig(), PatchesConfig(), LevelConfig(self.head.level_db))
        return Design("musicnn_yamnet", MusiCNNYAMNetConfig(), frontend)


def fit_pair(config: PairRunConfig, split: Split, cache: AudioCache, folder: Path) -> None:
    """Fit the layer to the training tracks and write the model."""
    head, seed = config.head, config.seed
    pair = FrozenPair(config.design.frontend.level)
    views = config.views
    good = all_rows(pair, split.train, cache, dataclasses.replace(views, n_poor=0), config.augment, seed)
    rows, place = good
    if views.n_poor:
        poor = all_rows(pair, split.train, cache, Views(0, 0, views.n_poor), config.augment, seed)
        rows, place = np.concatenate([rows, poor[0]]), np.concatenate([place, poor[1]])
    labels = np.array([split.genres.index(track.genre) for track in split.train])[place]
    penalties = (head.musicnn_penalty, head.embedding_penalty, head.logits_penalty)
    penalty = penalty_of(list(zip(pair.blocks.values(), penalties, strict=True)), pair.n_features)
    weights = domain_weights(split.train, place, config)
    kernel, bias = fit_linear(rows, labels, weights, penalty, len(split.genres), head.n_steps)
    states: tuple[str, ...] = ()
    if config.states.nonmusic:
        fold, n_folds = config.data.fold, config.data.n_folds
        # Without the poor copies: trained on noisy music, the layer calls more noise music.
        other_kernel, other_bias = fit_states(
            config.states, pair, split.train, good, cache, config.augment, seed, fold, n_folds
        )
        kernel, bias, states = np.hstack([kernel, other_kernel]), np.hstack([bias, other_bias]), STATES
    arrays = pair.weights | {"output.kernel": kernel, "output.bias": bias}
    licences = [text for model in pair.folders for text in (*model.glob("LICENSE*"), *model.glob("NOTICE*"))]
    card = card_of(config, split, {"pretrained": pair.provenance}, states=states, min_probability=MIN_PROBABILITY)
    checkpoint.write(folder / "model", card, arrays, licences)
    if split.test:
        plain = dataclasses.replace(views, n_chunks=max(1, views.n_chunks), n_crops=0, n_poor=0)
        rows, place = all_rows(pair, split.test, cache, plain, config.augment, seed)
        of_tracks = [rows[place == number] for number in range(len(split.test))]
        say_held_out(split.test, split.genres, of_tracks, kernel, bias)


def domain_weights(tracks: list[Track], place: np.ndarray, config: PairRunConfig) -> np.ndarray:
    """Return each row's weight: a share for each dataset, divided among its genres, artists and tracks.

    Args:
        tracks: The training tracks.
        place: The place of each row's track in ``tracks``, shape (n_rows,).
        config: The shares and powers.
    """
    weights = np.zeros(len(place))
    domains = np.array([track.domain for track in tracks])
    plain = [dataclasses.replace(track, artist=artist_name(track.artist) if track.artist else "") for track in tracks]
    for domain in np.unique(domains):
        own = np.flatnonzero(domains == domain)
        of_domain = np.isin(place, own)
        renumbered = np.searchsorted(own, place[of_domain])
        within = row_weights([plain[number] for number in own], renumbered, config.sampling)
        genres, labels = np.unique([tracks[number].genre for number in own], return_inverse=True)
        power = np.bincount(labels, minlength=len(genres)) ** config.head.genre_power
        within = within * power[labels][renumbered]
        share = 1.0
        if len(np.unique(domains)) > 1:
            is_first = domain == config.data.data.resolve().name
            share = 1 - config.head.more_share if is_first else config.head.more_share / (len(np.unique(domains)) - 1)
        weights[of_domain] = share * within / within.sum()
    return weights
