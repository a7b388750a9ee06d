"""``genrestream teach``: from a folder of music to a model's folder with its score and a page on it."""

import dataclasses
import datetime
import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track as progress
from threadpoolctl import threadpool_limits

from genrestream.errors import AudioError, CheckpointError, GenrestreamError, OptionError, UsageError
from genrestream.inference import checkpoint, shipped
from genrestream.inference.cache_folder import cache_folder
from genrestream.output.text import printable
from genrestream.teaching import examples as kept_examples
from genrestream.teaching.config import TeachConfig
from genrestream.teaching.embeddings import BIAS, KERNEL, Embedder, chunks_of, embedded
from genrestream.teaching.examples import Kept
from genrestream.teaching.groups import grouped, origin_of
from genrestream.teaching.judging.page import PAGE, write_page
from genrestream.teaching.judging.report import Report, judged
from genrestream.teaching.judging.scoring import MAX_NESTED, Examples, Layer, fitted
from genrestream.teaching.songs import OTHER_MUSIC, Song, Songs, check_genres, from_folders, from_table, once_each

Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True, eq=False)
class Taught:
    """A model that was taught.

    Attributes:
        path: Its folder.
        report: Its score.
        left_out: What of the music was not used, one line each.
    """

    path: Path
    report: Report
    left_out: tuple[str, ...]

    @property
    def page(self) -> Path:
        """The page on its score, with the songs that it gets wrong and those that look mislabelled."""
        return self.path / PAGE

    @property
    def name(self) -> str:
        """What ``--model`` takes."""
        return self.path.name if self.path == shipped.own_folder() / self.path.name else str(self.path)


def teach(config: TeachConfig, say: Say = lambda line: None) -> Taught:
    """Teach a model, or add an example to one.

    Args:
        config: What to teach.
        say: Takes what goes on, a line at a time.

    Raises:
        UsageError: There is not enough to learn from, or an option or table makes no sense.
        AudioError: The example to add cannot be decoded.
        CheckpointError: A model is damaged or cannot be written.
    """
    return _add(config, say) if config.add is not None else _teach(config, say)


def _teach(config: TeachConfig, say: Say) -> Taught:
    music, path = config.music, config.model
    _check_free(path, config.replace)
    songs = from_table(music, Path(config.labels)) if config.labels else from_folders(music)
    check_genres([song.labels for song in songs.songs], music, config.any_sound)
    embedder = Embedder(_base(config.from_), config.from_)
    say(f"listening to {len(songs.songs)} songs, {config.n_chunks} pieces of 3 s each at most")
    kept, left_out = _heard(config, songs, embedder)
    for line in left_out:
        say(f"left out: {printable(line)}")
    return _learn(kept, embedder, path, (*left_out,), say)


def _base(name: str) -> checkpoint.Checkpoint:
    try:
        return checkpoint.read(shipped.find(name))
    except OptionError as error:  # it is not --model that names this one
        raise OptionError("from", name, error.rule) from error


def _add(config: TeachConfig, say: Say) -> Taught:
    path, file = config.model, Path(str(config.add))
    if not (path / shipped.CARD_FILE).is_file():
        raise UsageError(f"--name {config.name}: no such model; teach it first with 'genrestream teach FOLDER'")
    embedder = Embedder(checkpoint.read(path), str(path))
    kept = kept_examples.load(path, embedder.n_features)
    if embedder.model.card.labels not in (kept.genres, (*kept.genres, OTHER_MUSIC)):
        raise CheckpointError(f"{path}: its card and its examples have other genres; teach the model again")
    _check_added(config, kept)
    digest = _digest(file)
    if digest in kept.digests:
        number = kept.digests.index(digest)
        genres = " + ".join(genre for genre, has in zip(kept.genres, kept.has[number], strict=True) if has)
        raise UsageError(f"--add {file}: is an example of {path.name} already ({printable(genres)})")
    rows = embedder.rows(chunks_of(file, embedder.model, kept.n_chunks))
    is_music = _is_music(rows, embedder)
    if not is_music.any():
        raise AudioError(f"{file}: no music in it")
    origin = origin_of(file, f"{config.folder[0]}/{file.name}")
    return _learn(
        kept.plus(f"{config.folder[0]}/{file.name}", digest, origin, config.folder, rows[is_music]),
        embedder, path, (), say,
    )  # fmt: skip


def _check_added(config: TeachConfig, kept: Kept) -> None:
    known = ", ".join(kept.genres)
    if not config.folder:
        raise UsageError(f"--add {config.add}: of which genre? write it after the file: one of {known}")
    if len(config.folder) > 1 and not kept.multi_label:
        raise UsageError(f"{' '.join(config.folder)}: a song of this model has one genre; choose one of {known}")
    for genre in config.folder:
        if genre not in kept.genres:
            raise UsageError(f"{genre}: is no genre of this model; choose one of {known}, or teach it again with it")


def _check_free(path: Path, replace: bool) -> None:
    """Make sure before any work that no other model is lost."""
    if not path.exists():
        return
    if not (path / kept_examples.FILE).is_file():
        raise UsageError(f"{path}: is there already, and is no model that was taught; choose another --name")
    if not replace:
        raise UsageError(f"{path}: was taught before; say --replace to teach it again, or choose another --name")


def _heard(config: TeachConfig, found: Songs, embedder: Embedder) -> tuple[Kept, list[str]]:
    """Return the features of all songs that can be used, and why others cannot."""
    left_out = list(found.left_out)
    readable, digests = list[Song](), list[str]()
    for song in found.songs:
        try:
            digests.append(_digest(song.path))
            readable.append(song)
        except AudioError as error:
            left_out.append(_shorter(error, config.music))
    used, lines = once_each(readable, digests, found.multi_label)
    left_out += lines
    songs, digests = [readable[number] for number in used], [digests[number] for number in used]
    console = Console(stderr=True)
    heard = embedded([song.path for song in songs], digests, embedder, config.n_chunks, cache_folder("embeddings"))
    bar = progress(heard, "listening", total=len(songs), console=console, disable=not console.is_terminal)
    rows, usable = list[np.ndarray](), list[int]()
    for number, its in enumerate(bar):
        if isinstance(its, GenrestreamError):
            left_out.append(_shorter(its, config.music))
            continue
        is_music = np.ones(len(its), bool) if config.any_sound else _is_music(its, embedder)
        if is_music.any():
            usable.append(number)
            rows.append(its[is_music])
        else:
            left_out.append(f"{songs[number].name}: no music in it; to teach other sound say --any-sound")
    songs, digests = [songs[number] for number in usable], [digests[number] for number in usable]
    try:
        genres = check_genres([song.labels for song in songs], config.music, config.any_sound)
    except UsageError as error:
        why = "".join(f"; {printable(line)}" for line in left_out[:3])
        raise UsageError(f"{error} ({len(left_out)} left out{why})" if left_out else str(error)) from error
    kept = Kept(
        names=tuple(song.name for song in songs),
        digests=tuple(digests),
        origins=tuple(origin_of(song.path, song.name) for song in songs),
        genres=genres,
        has=np.array([[genre in song.labels for genre in genres] for song in songs]),
        rows=np.concatenate(rows),
        place=np.repeat(np.arange(len(rows)), [len(its) for its in rows]),
        multi_label=found.multi_label,
        n_chunks=config.n_chunks,
        base=embedder.model.card.name,
    )
    return kept, left_out


def _shorter(error: GenrestreamError, folder: Path) -> str:
    """Return what an error says, with paths below the folder: the page tells nothing of the disk."""
    return str(error).replace(f"{folder}{os.sep}", "")


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:32]
    except OSError as error:
        raise AudioError(f"{path}: cannot be read ({(error.strerror or str(error)).lower()})") from error


def _is_music(rows: np.ndarray, embedder: Embedder) -> np.ndarray:
    """Return which chunks the model takes for music: others do not vote in the stream either."""
    kernel, bias = embedder.states
    if not len(bias):
        return np.ones(len(rows), bool)
    return (rows.astype(np.float32) @ kernel + bias).argmax(axis=1) == 0


def _learn(kept: Kept, embedder: Embedder, path: Path, left_out: tuple[str, ...], say: Say) -> Taught:
    base = embedder.model.card
    groups, words = grouped(kept.origins, kept.has)
    if not words:
        say("warning: the songs' artists and albums are not known, or a genre has one only; songs are held out one by"
            " one, so that an artist may be learned from and scored")  # fmt: skip
    kernel, bias = _kinds(kept, embedder)
    kinds = kept.rows.astype(np.float32) @ kernel + bias
    songs = Examples(kept.names, kept.has, kept.rows, kept.place, kinds, kept.multi_label)
    say(f"fitting {len(kept.rows):,} pieces of {len(kept.names)} songs in {len(kept.genres)} genres")
    sharpness = 0.0 if kept.multi_label else base.sharpness
    # Many small products: threads that wait for each other made them twenty times as slow on two busy cores.
    with threadpool_limits(1 if len(kept.rows) <= MAX_NESTED else None, "blas"):
        layer = fitted(songs, groups)
        report = judged(songs, kept.genres, groups, words, layer.strength, sharpness)
    _write(kept, embedder, layer, report, path, left_out)
    return Taught(path, report, left_out)


def _kinds(kept: Kept, embedder: Embedder) -> tuple[np.ndarray, np.ndarray]:
    """Return the layer that tells kinds of music, by which other music is recognised; without outputs for tags."""
    kernel, bias = embedder.kinds
    is_taught_without = embedder.model.card.labels == kept.genres  # an example is added: its own genres are no others
    n = 0 if kept.multi_label or is_taught_without else len(bias)
    return kernel[:, :n], bias[:n]


def _write(kept: Kept, embedder: Embedder, layer: Layer, report: Report, path: Path, left_out: Sequence[str]) -> None:
    base = embedder.model
    kernel, bias = embedder.states
    kinds_kernel, kinds_bias = _kinds(kept, embedder)
    order = np.argsort(layer.foreign, kind="stable") if layer.foreign.any() else np.arange(0)
    arrays = embedder.weights | {
        KERNEL: np.hstack([layer.kernel, kinds_kernel[:, order], kernel]).astype(np.float32),
        BIAS: np.hstack([layer.bias, kinds_bias[order], bias]).astype(np.float32),
    }
    n_foreign = int(layer.foreign.sum())
    card = dataclasses.replace(
        base.card,
        name=path.resolve().name,
        labels=(*kept.genres, OTHER_MUSIC) if n_foreign else kept.genres,
        multi_label=kept.multi_label,
        tree={},
        thresholds=report.thresholds,
        weights_of="",
        outside=(len(order) - n_foreign, n_foreign) if n_foreign else (),
        temperature=report.temperature,
        sharpness=report.sharpness,
        min_probability=report.min_probability,
        metrics={"taught": report.figures()},
        provenance=_provenance(kept, base.card),
    )
    with tempfile.TemporaryDirectory() as scratch:
        examples = Path(scratch) / kept_examples.FILE
        kept_examples.save(kept, examples)
        page = write_page(Path(scratch), card.name, report, left_out)
        licences = [text for kind in ("LICENSE*", "NOTICE*") for text in base.path.glob(kind)]
        checkpoint.write(path, card, arrays, [examples, page, *licences])


def _provenance(kept: Kept, base: checkpoint.Card) -> dict[str, Any]:
    """Return what a card tells of a taught model; nothing of it names a place on this disk."""
    before = {key: base.provenance[key] for key in ("licence", "pretrained", "weights") if key in base.provenance}
    return before | {
        "command": "genrestream teach",
        "from": kept.base,
        "taught": datetime.date.today().isoformat(),
        "n_songs": {genre: int(n) for genre, n in zip(kept.genres, kept.has.sum(axis=0), strict=True)},
    }
