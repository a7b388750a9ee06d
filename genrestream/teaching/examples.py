"""The examples that a taught model keeps in its folder, so that one can be added without the music."""

import dataclasses
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from genrestream.errors import CheckpointError, first_line
from genrestream.teaching.groups import Origin

FILE = "examples.npz"
FORMAT = 1
ARRAYS = {"rows": (np.float16, 2), "place": (np.int32, 1), "has": (np.bool_, 2), "about": (np.uint8, 1)}


@dataclasses.dataclass(frozen=True, eq=False)
class Kept:
    """All that is known of the songs that a model was taught with.

    Attributes:
        names: Their paths below the folder.
        digests: Of their files' content.
        origins: Their artists and albums, as compared.
        genres: The genres.
        has: Whether each song has each genre, boolean, shape (n_songs, n_genres).
        rows: Frozen features of their chunks, float16, shape (n_rows, n_features).
        place: The song of each row, shape (n_rows,).
        multi_label: Whether a song may have several genres.
        n_chunks: Chunks used of a song, at most.
        base: The name of the model whose network it uses.
    """

    names: tuple[str, ...]
    digests: tuple[str, ...]
    origins: tuple[Origin, ...]
    genres: tuple[str, ...]
    has: np.ndarray
    rows: np.ndarray
    place: np.ndarray
    multi_label: bool
    n_chunks: int
    base: str

    def plus(self, name: str, digest: str, origin: Origin, labels: tuple[str, ...], rows: np.ndarray) -> "Kept":
        """Return these and one more."""
        return dataclasses.replace(
            self,
            names=(*self.names, name),
            digests=(*self.digests, digest),
            origins=(*self.origins, origin),
            has=np.concatenate([self.has, [[genre in labels for genre in self.genres]]]),
            rows=np.concatenate([self.rows, rows]),
            place=np.concatenate([self.place, np.full(len(rows), len(self.names), self.place.dtype)]),
        )


def save(kept: Kept, path: Path) -> None:
    """Write the examples' file."""
    plain = ("names", "digests", "origins", "genres", "multi_label", "n_chunks", "base")
    about = {"format": FORMAT} | {name: getattr(kept, name) for name in plain}
    text = np.frombuffer(json.dumps(about).encode(), np.uint8)
    with path.open("wb") as file:
        np.savez(file, rows=kept.rows, place=kept.place.astype(np.int32), has=kept.has.astype(bool), about=text)


def load(folder: Path, n_features: int) -> Kept:
    """Read the examples of a model.

    Args:
        folder: The model's folder.
        n_features: Of a chunk.

    Raises:
        CheckpointError: It keeps none, or they are damaged.
    """
    path = folder / FILE
    if not path.is_file():
        raise CheckpointError(f"{folder}: keeps no examples to add one to; teach it with 'genrestream teach FOLDER'")
    try:
        return _checked(_arrays(path), n_features)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{path}: is damaged ({first_line(error)}); teach the model again") from error


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays; nothing in the file is larger in memory than on the disk."""
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for name in ARRAYS:
            entry = archive.getinfo(f"{name}.npy")
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > path.stat().st_size:
                raise ValueError(f"{name} is compressed")
            arrays[name] = np.load(io.BytesIO(archive.read(entry)), allow_pickle=False)
    return arrays


def _checked(arrays: dict[str, np.ndarray], n_features: int) -> Kept:
    for name, (kind, n_axes) in ARRAYS.items():
        if arrays[name].dtype != kind or arrays[name].ndim != n_axes:
            raise ValueError(f"{name} is no array of {np.dtype(kind)} with {n_axes} axes")
    about: dict[str, Any] = json.loads(arrays["about"].tobytes())
    if about["format"] != FORMAT:
        raise ValueError(f"format {about['format']!r:.20} is another version's")
    names, genres = tuple(map(str, about["names"])), tuple(map(str, about["genres"]))
    kept = Kept(
        names=names,
        digests=tuple(map(str, about["digests"])),
        origins=tuple(Origin(*map(str, origin)) for origin in about["origins"]),
        genres=genres,
        has=arrays["has"],
        rows=arrays["rows"],
        place=arrays["place"],
        multi_label=bool(about["multi_label"]),
        n_chunks=int(about["n_chunks"]),
        base=str(about["base"]),
    )
    n_songs, n_rows = len(names), len(kept.place)
    if kept.has.shape != (n_songs, len(genres)) or kept.rows.shape != (n_rows, n_features):
        raise ValueError("its arrays do not fit together")
    if not n_songs == len(kept.digests) == len(kept.origins) or set(kept.place.tolist()) != set(range(n_songs)):
        raise ValueError("its songs do not fit together")
    if not np.isfinite(kept.rows).all() or not kept.has.any(axis=1).all() or not 1 <= kept.n_chunks <= 1000:
        raise ValueError("it has values that cannot be")
    return kept
