"""The songs to learn from: the files of genre folders, or those that a table lists."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from genrestream.audio.listing.folders import search
from genrestream.audio.listing.suffixes import music_suffixes
from genrestream.errors import AudioError, UsageError
from genrestream.inference.card import check_labels
from genrestream.output.text import printable
from genrestream.teaching.tables import rows

MIN_SONGS = 4  # of a genre: half of them are held out, and half of the rest to choose the strength of the fit
OTHER_MUSIC = "other music"  # what a taught model calls music of none of its genres
STATES = (
    "silence",
    "speech",
    "noise",
    "nothing",
    "mix",
    "unsure",
    "no input",
    OTHER_MUSIC,
)  # what the stream says itself
ADVICE = "give a folder that holds a folder of music for each genre"
SEPARATOR = ";"  # between the genres of a file in a table


@dataclasses.dataclass(frozen=True)
class Song:
    """A song to learn from.

    Attributes:
        name: Its path below the folder, with ``/``.
        path: Its file.
        labels: Its genres; one, where only one may hold.
    """

    name: str
    path: Path
    labels: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Songs:
    """The songs of a folder.

    Attributes:
        songs: The songs, by name.
        left_out: What is not used, one line each.
    """

    songs: tuple[Song, ...]
    left_out: tuple[str, ...] = ()

    @property
    def multi_label(self) -> bool:
        """Whether a song may have several genres."""
        return any(len(song.labels) != 1 for song in self.songs)


def from_folders(folder: Path) -> Songs:
    """Return the songs of a folder that holds a folder for each genre.

    Raises:
        UsageError: The folder cannot be read.
    """
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read ({(error.strerror or str(error)).lower()}); {ADVICE}") from error
    songs, left_out = list[Song](), list[str]()
    for genre in entries:
        if not genre.is_dir() or genre.name.startswith("."):
            continue
        try:
            found = search(str(genre))
        except AudioError as error:
            left_out.append(str(error).partition(";")[0])
            continue
        left_out += found.problems
        songs += [Song(Path(file).relative_to(folder).as_posix(), Path(file), (genre.name,)) for file in found.files]
    loose = [one for one in entries if one.suffix.lower() in music_suffixes() and one.is_file()]
    if loose:
        left_out.append(f"{folder}: {len(loose)} files beside the genre folders, such as {loose[0].name}")
    return Songs(tuple(songs), tuple(left_out))


def from_table(folder: Path, table: Path) -> Songs:
    """Return the songs that a table lists.

    Raises:
        UsageError: The table cannot be read, or names a file that is not there or outside the folder.
    """
    labels: dict[str, dict[str, None]] = {}
    for line, row in rows(table, ("file", "genre"), form="write a table of file and genre as UTF-8 text with commas"):
        genres = [genre.strip() for genre in row["genre"].split(SEPARATOR) if genre.strip()]
        if not row["file"] or not genres:
            raise UsageError(f"{table}: line {line} has no {'genre' if row['file'] else 'file'}; fill or remove it")
        name = row["file"].replace("\\", "/")
        if not _is_inside(folder, name):
            raise UsageError(
                f"{table}: line {line}: {printable(name)[:200]} is no file in {folder}; correct or remove it"
            )
        labels.setdefault(Path(name).as_posix(), {}).update(dict.fromkeys(genres))
    return Songs(tuple(Song(name, folder / name, tuple(its)) for name, its in sorted(labels.items())))


def _is_inside(folder: Path, name: str) -> bool:
    try:
        path = (folder / name).resolve()
        return path.is_relative_to(folder.resolve()) and path.is_file()
    except (OSError, ValueError):  # a name longer than the system takes, or with a NUL
        return False


def once_each(songs: Sequence[Song], digests: Sequence[str], multi_label: bool) -> tuple[list[int], list[str]]:
    """Return which songs to use, so that no file is used twice, and a line for each that is not.

    Args:
        songs: The songs.
        digests: The digest of each one's content.
        multi_label: Whether a song may have several genres; then copies with other genres contradict each other, too.
    """
    first: dict[str, int] = {}
    labels: dict[str, set[frozenset[str]]] = {}
    for number, (song, digest) in enumerate(zip(songs, digests, strict=True)):
        first.setdefault(digest, number)
        labels.setdefault(digest, set()).add(frozenset(song.labels))
    used, lines = [], []
    for number, (song, digest) in enumerate(zip(songs, digests, strict=True)):
        twin = songs[first[digest]]
        if len(labels[digest]) > 1:
            if number == first[digest]:
                genres = " and ".join(sorted({" + ".join(sorted(its)) for its in labels[digest]}))
                several = "" if multi_label else "; to give a song several genres use a table (--labels)"
                lines.append(f"{song.name}: the same file is in {genres}, so neither is used{several}")
        elif number == first[digest]:
            used.append(number)
        else:
            lines.append(f"{song.name}: the same file as {twin.name}")
    return used, lines


def check_genres(labels: Sequence[Sequence[str]], place: Path, any_sound: bool) -> tuple[str, ...]:
    """Return the genres, sorted, after making sure that they can be taught.

    Args:
        labels: The genres of each song.
        place: What to name in an error.
        any_sound: Whether the model will take all sound for music.

    Raises:
        UsageError: There are fewer than two, one has too few songs, or one has a name that the stream uses itself.
    """
    counts = Counter(label for its in labels for label in its)
    genres = tuple(sorted(counts))
    if not genres:
        raise UsageError(f"{place}: holds no music to learn from; {ADVICE}")
    if len(genres) == 1:
        raise UsageError(f"{place}: holds one genre only ({printable(genres[0])}), must be at least two; {ADVICE}")
    try:
        check_labels(genres)
    except UsageError as error:
        raise UsageError(f"{place}: {error}; rename the genre") from error
    for genre in genres:
        if genre.lower() in STATES and not (any_sound and genre.lower() in ("speech", "noise")):
            hint = " (or use --any-sound)" if genre.lower() in ("speech", "noise") else ""
            raise UsageError(
                f"{place}: the genre {genre} has the name of what genrestream says itself; rename it{hint}"
            )
    least = min(genres, key=lambda genre: counts[genre])
    if counts[least] < MIN_SONGS:
        songs = "song" if counts[least] == 1 else "songs"
        raise UsageError(
            f"{place}: {least} has {counts[least]} {songs} to learn from, each genre needs at least {MIN_SONGS}, better"
            " 15; add some"
        )
    return genres
