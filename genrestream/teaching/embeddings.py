"""The frozen network of a model: what its last layer sees of a song's chunks, kept on the disk by the song's content.

Chunks are those of the stream: cut, conditioned and set to one loudness by the same session.
"""

import functools
import hashlib
import io
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx

from genrestream.audio.source import AudioSource
from genrestream.errors import AudioError, GenrestreamError, OptionError
from genrestream.features.frontend import features
from genrestream.files import replacing, writing
from genrestream.inference.checkpoint import Checkpoint
from genrestream.inference.network import bind, load_weights
from genrestream.streaming.pipeline import named
from genrestream.streaming.session import MeasuredChunk, Session, StreamConfig

VERSION = 1  # of what is kept; another one makes kept features be computed again
ACCELERATOR_BATCH = 64  # chunks at once; on a CPU a batch is no faster, and one needs no memory
KERNEL, BIAS = "output.kernel", "output.bias"
N_DECODERS = 2


class _Same(nnx.Module):
    def __call__(self, x: Any) -> Any:
        return x


class Embedder:
    """A model's network without its last layer.

    Args:
        model: The model.
        name: How the user named it, for the error.

    Attributes:
        model: The model.
        weights: All its weights, those of the last layer included, by name.
        identity: A digest of all that the features follow from.

    Raises:
        OptionError: Its last layer is no linear one, or it is no network for genres of 3 s.
        CheckpointError: Its weights are damaged.
    """

    def __init__(self, model: Checkpoint, name: str):
        self.model, self.weights = model, load_weights(model)
        layer = self.weights.get(KERNEL)
        if layer is None or layer.ndim != 2 or layer.dtype != np.float32:
            raise OptionError("from", name, "has no linear last layer to replace; choose musicnn-yamnet or musicnn")
        before = {key: array for key, array in self.weights.items() if key not in (KERNEL, BIAS)}
        digest = hashlib.sha256(repr((VERSION, model.card.model, model.card.frontend)).encode())
        for key in sorted(before):
            digest.update(key.encode() + np.ascontiguousarray(before[key]).tobytes())
        self.identity = digest.hexdigest()
        network, frontend = bind(model.card), model.card.frontend

        def embeddings(weights: dict[str, Any], chunks: jax.Array) -> jax.Array:
            module = network(weights)
            module.output = _Same()
            return module(features(chunks, frontend))

        self._compiled, self._on_device = jax.jit(embeddings), jax.device_put(self.weights)
        self._batch = 1 if jax.default_backend() == "cpu" else ACCELERATOR_BATCH

    @property
    def n_features(self) -> int:
        """How many features a chunk has."""
        return len(self.weights[KERNEL])

    @property
    def states(self) -> tuple[np.ndarray, np.ndarray]:
        """The columns of the last layer, and their bias, for music, speech and noise; none where it has none."""
        n_logits = self.model.card.n_logits
        return self.weights[KERNEL][:, n_logits:], self.weights[BIAS][n_logits:]

    @property
    def kinds(self) -> tuple[np.ndarray, np.ndarray]:
        """The columns of the last layer, and their bias, for kinds of music that are not to be taught.

        They are the genres of the model, or, of a taught one, those of the model that it was taught from; none where
        several may hold at once. Their logits are calibrated.
        """
        card = self.model.card
        first = len(card.labels) - 1 if card.outside else 0
        kinds = slice(first, first if card.multi_label else card.n_logits)
        scale = np.float32(1.0 if card.outside else card.temperature)
        return self.weights[KERNEL][:, kinds] / scale, self.weights[BIAS][kinds] / scale

    def rows(self, chunks: np.ndarray) -> np.ndarray:
        """Return the features of chunks, shape (n_chunks, n_samples), as float16, shape (n_chunks, n_features)."""
        found = []
        for start in range(0, len(chunks), self._batch):
            part = chunks[start : start + self._batch]
            padded = np.concatenate([part, np.zeros((self._batch - len(part), part.shape[1]), np.float32)])
            found.append(np.asarray(self._compiled(self._on_device, padded))[: len(part)])
        return np.concatenate(found).astype(np.float16) if found else np.empty((0, self.n_features), np.float16)


def chunks_of(path: Path, model: Checkpoint, n_most: int) -> np.ndarray:
    """Return chunks of a song as the network receives them from the stream, without silence, spread over the song.

    Memory stays constant, however long the song is.

    Args:
        path: The file.
        model: The model that classifies it.
        n_most: Chunks at the most.

    Returns:
        Shape (n_chunks, n_samples), float32.

    Raises:
        AudioError: It cannot be decoded, or has no sound.
    """
    session = Session(model.card, _no_network, StreamConfig(), str(path))
    spaced = _Spaced(n_most)
    with AudioSource(path) as source:
        for block, sample_rate in source:
            with named(str(path)):
                chunks = session.chunks(block, sample_rate)
            spaced.take(chunks)
    spaced.take(session.last_chunks())
    if not spaced.kept:
        raise AudioError(f"{path}: no sound in it that is long and loud enough")
    return np.stack([spaced.kept[place] for place in spread(len(spaced.kept), n_most)])


def _no_network(_: np.ndarray) -> np.ndarray:
    raise AssertionError("chunks are only cut here")


class _Spaced:
    """Chunks that are spread over a song of unknown length: from ``n_most`` to twice as many of them."""

    def __init__(self, n_most: int):
        self.kept: list[np.ndarray] = []
        self._n_most, self._every, self._n_heard = n_most, 1, 0

    def take(self, measured: Iterable[MeasuredChunk]) -> None:
        for one in measured:
            if one.is_silent:
                continue
            if self._n_heard % self._every == 0:
                self.kept.append(np.float32(one.gain) * one.chunk.waveform)
            if len(self.kept) > 2 * self._n_most:  # keep every second of them, and from now on too
                self.kept, self._every = self.kept[::2], 2 * self._every
            self._n_heard += 1


def embedded(
    paths: Sequence[Path], digests: Sequence[str], embedder: Embedder, n_chunks: int, folder: Path | None
) -> Iterator[np.ndarray | GenrestreamError]:
    """Yield the features of each song, float16, shape (n_chunks, n_features), or why it has none.

    Args:
        paths: The files.
        digests: The digest of each one's content.
        embedder: The frozen network.
        n_chunks: Chunks of a song at the most.
        folder: Where features are kept; None to keep none.
    """
    names = [f"{embedder.identity} {n_chunks} {digest}" for digest in digests]
    stored = [_stored(folder, name) for name in names]
    missing = [number for number, rows in enumerate(stored) if rows is None]
    decode = functools.partial(_decoded, model=embedder.model, n_most=n_chunks)
    with _Ahead(decode, [paths[number] for number in missing]) as decoded:
        for name, rows in zip(names, stored, strict=True):
            if rows is None:
                chunks = next(decoded)
                if isinstance(chunks, GenrestreamError):
                    yield chunks
                    continue
                rows = embedder.rows(chunks)
                _store(folder, name, rows)
            yield rows


class _Ahead:
    """Apply a function to items in threads, few items ahead of what is taken: decoded songs need memory."""

    def __init__(self, function: Callable[[Any], Any], items: Iterable[Any]):
        self._function, self._items = function, iter(items)
        self._pool = ThreadPoolExecutor(N_DECODERS)

    def __enter__(self) -> Iterator[Any]:
        return self._taken()

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _taken(self) -> Iterator[Any]:
        waiting = [self._pool.submit(self._function, item) for item in itertools.islice(self._items, 2 * N_DECODERS)]
        while waiting:
            result = waiting.pop(0).result()
            waiting += [self._pool.submit(self._function, item) for item in itertools.islice(self._items, 1)]
            yield result


def _decoded(path: Path, model: Checkpoint, n_most: int) -> np.ndarray | GenrestreamError:
    try:
        return chunks_of(path, model, n_most)
    except AudioError as error:
        return error


def kept(folder: Path, identity: str, compute: Callable[[], np.ndarray]) -> np.ndarray:
    """Return an array from the folder, or compute it and keep it there.

    Args:
        folder: Where arrays are kept.
        identity: Text that determines the array; its digest is the file's name.
        compute: Returns it, as float16 if precision does not matter.
    """
    if (array := _stored(folder, identity)) is None:
        array = compute()
        _store(folder, identity, array)
    return array


def spread(n_chunks: int, n_most: int) -> list[int]:
    """Return the places of at most so many chunks, spread evenly over a track."""
    return np.unique(np.linspace(0, n_chunks - 1, min(n_most, n_chunks)).round().astype(int)).tolist()


def _file(folder: Path, identity: str) -> Path:
    return folder / f"{hashlib.sha256(identity.encode()).hexdigest()[:32]}.npy"


def _stored(folder: Path | None, identity: str) -> np.ndarray | None:
    if folder is None:
        return None
    try:
        return np.load(_file(folder, identity), allow_pickle=False)
    except (OSError, ValueError, EOFError):  # not there yet, or cut short
        return None


def _store(folder: Path | None, identity: str, array: np.ndarray) -> None:
    if folder is None:
        return
    body = io.BytesIO()
    np.save(body, array)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(_file(folder, identity)) as output:
            output.write(body.getvalue())
