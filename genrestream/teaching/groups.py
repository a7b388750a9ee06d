"""Which songs belong together, so that a score is honest: no artist or album is learned from and scored.

A song's artist is read from its file's tags, else its album. Where the tags say nothing, songs of one folder below the
genre's are taken for an album.
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import av
import av.error
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from genrestream.audio.source import AudioSource
from genrestream.errors import GenrestreamError

MAX_TAG = 200  # characters; a tag comes from anywhere
NOBODY = ("various", "various artists", "va", "unknown", "unknown artist", "")


class Origin(NamedTuple):
    """Where a song comes from, as far as known.

    Attributes:
        artist: Its artist as compared; empty where unknown.
        album: Its album, or the folder that stands for it; empty where unknown.
        stem: Its path without the suffix: the same song as MP3 and FLAC.
    """

    artist: str
    album: str
    stem: str


def artist_name(artist: str) -> str:
    """Return an artist's name as it is compared: without case, punctuation and a leading "the"."""
    letters = "".join(letter for letter in artist.casefold().removeprefix("the ") if letter.isalnum())
    return letters or artist


def tags_of(path: Path) -> dict[str, str]:
    """Return what a file's tags say of its artist and album, in small letters; nothing where it has none.

    A file that cannot be opened has none; whoever decodes it says why.
    """
    found: dict[str, str] = {}
    with contextlib.suppress(GenrestreamError, av.error.FFmpegError, OSError), AudioSource(path) as source:
        found = source.tags
    return {key: found[key][:MAX_TAG] for key in ("artist", "album_artist", "album") if found.get(key, "").strip()}


def origin_of(path: Path, name: str) -> Origin:
    """Return where a song comes from.

    Args:
        path: Its file.
        name: Its path below the folder of genres, with ``/``: ``rock/album/song.mp3``.
    """
    tags, place = tags_of(path), PurePosixPath(name)
    artists = (tags.get("album_artist", ""), tags.get("artist", ""))
    artist = next((one for one in artists if one.strip().casefold() not in NOBODY), "")
    folder = place.parent.as_posix() if len(place.parts) > 2 else ""  # below the genre's
    album = f"{tags['album'].strip().casefold()}" if "album" in tags else f"folder {folder}" if folder else ""
    return Origin(artist_name(artist) if artist else "", album, place.with_suffix("").as_posix())


def grouped(origins: Sequence[Origin], has: np.ndarray) -> tuple[np.ndarray, str]:
    """Return a group for each song, shape (n_songs,), and what keeps songs together, in words.

    Songs of an artist are kept together, else those of an album. Where a genre would have one group only, its songs
    cannot be held out so; then albums are kept together, or in the end single songs.

    Args:
        origins: Where each song comes from.
        has: Whether each song has each genre, boolean, shape (n_songs, n_genres).
    """
    by_artist = [
        (f"artist {one.artist}",) if one.artist else (f"album {one.album}",) if one.album else () for one in origins
    ]
    by_album = [(f"album {one.album} {one.artist}",) if one.album else () for one in origins]
    for keys, words in ((by_artist, "artist or album"), (by_album, "album")):
        groups = _linked([(*its, f"song {one.stem}") for its, one in zip(keys, origins, strict=True)])
        if any(keys) and _fewest(groups, has) > 1:
            return groups, words
    return _linked([(f"song {one.stem}",) for one in origins]), ""


def folds_of(groups: np.ndarray, has: np.ndarray, n_most: int) -> np.ndarray:
    """Return a fold for each song, shape (n_songs,): groups stay whole, and each genre is spread evenly.

    Args:
        groups: The group of each song.
        has: Whether each song has each genre, boolean, shape (n_songs, n_genres).
        n_most: Folds at the most; fewer where a genre has fewer groups. With one group of a genre, songs are groups.
    """
    if _fewest(groups, has) < 2:
        groups = np.arange(len(groups))
    n_folds = max(2, min(n_most, _fewest(groups, has)))
    names = np.unique(groups)
    counts = np.stack([has[groups == name].sum(axis=0) for name in names]) / np.maximum(1, has.sum(axis=0))
    order = np.argsort(-counts.sum(axis=1), kind="stable")  # large groups first, the small ones even them out
    filled, fold_of = np.zeros((n_folds, has.shape[1])), np.zeros(len(names), int)
    for number in order:
        fold = int(np.argmin((np.square(filled + counts[number]) - np.square(filled)).sum(axis=1)))
        filled[fold] += counts[number]
        fold_of[number] = fold
    return fold_of[np.searchsorted(names, groups)]


def _fewest(groups: np.ndarray, has: np.ndarray) -> int:
    """Return in how many groups the genre is that is in the fewest."""
    return min(len(np.unique(groups[its])) for its in has.T)


def _linked(keys: Sequence[tuple[str, ...]]) -> np.ndarray:
    """Return a group number for each song; songs that share a key, or are linked by others, are one group."""
    numbers: dict[str, int] = {}
    ends = [(song, len(keys) + numbers.setdefault(key, len(numbers))) for song, its in enumerate(keys) for key in its]
    n_nodes, (of, to) = len(keys) + len(numbers), np.array(ends).T
    graph = coo_array((np.ones(len(ends)), (of, to)), shape=(n_nodes, n_nodes))
    return connected_components(graph, directed=False)[1][: len(keys)]
