"""Reading a dataset from a folder: genre folders, a table of tracks, GTZAN's names, or FMA."""

from collections import Counter
from pathlib import Path

from genrestream.audio.listing.suffixes import music_suffixes
from genrestream.errors import AudioError, UsageError
from genrestream.inference.checkpoint import check_labels
from genrestream.output.text import printable
from genrestream.teaching.groups import origin_of
from genrestream.teaching.tables import rows
from train.command.remote import local
from train.data import shards
from train.data.readers import fma, gtzan
from train.data.tracks import SIDES, Dataset, Track

ADVICE = "give a folder that holds a folder of audio files for each genre, or a tracks.csv"

SPLITS = (*SIDES, "none")


def read(folder: Path) -> Dataset:
    """Return the tracks that a folder holds, in any of the layouts; nothing is decoded.

    Raises:
        UsageError: It or its store cannot be read; it is missing or empty, has one genre only or one that cannot be a
            label, or its table is damaged.
        AudioError: A file that its tracks.csv lists is missing.
    """
    folder = local(folder)
    if not folder.is_dir():
        raise UsageError(f"--data {folder}: is not a folder; {ADVICE}")
    if shards.is_here(folder):
        raise UsageError(f"--data {folder}: holds shards, which are only to train on; give the folder of the music")
    if fma.is_here(folder):
        dataset = fma.read(folder)
    elif (folder / "tracks.csv").is_file():
        dataset = _from_table(folder)
    else:
        dataset = _from_folders(folder)
    if not dataset.tracks:
        raise UsageError(f"--data {folder}: holds no labelled audio; {ADVICE}")
    if len(dataset.genres) == 1:
        raise UsageError(f"--data {folder}: holds one genre only ({dataset.genres[0]}), must be at least two; {ADVICE}")
    try:
        check_labels(dataset.genres)
    except UsageError as error:
        raise UsageError(f"--data {folder}: {error}; rename the genre") from error
    dataset = gtzan.listed(dataset) if gtzan.is_gtzan(dataset) else dataset
    _check_names(dataset.tracks, folder)
    return dataset


def _from_table(folder: Path) -> Dataset:
    table = folder / "tracks.csv"
    tracks = [_track(folder, f"{table}: line {line}", row) for line, row in rows(table, ("file", "genre"))]
    listed = folder / "duplicates.csv"
    pairs = rows(listed, ("track_a", "track_b")) if listed.is_file() else []
    return Dataset(tuple(tracks), tuple((row["track_a"], row["track_b"]) for _, row in pairs))


def _track(folder: Path, place: str, row: dict[str, str]) -> Track:
    if not row["file"] or not row["genre"]:
        raise UsageError(f"{place} has no file or no genre; fill or remove it")
    if (split := row.get("split") or "none") not in SPLITS:
        raise UsageError(f"{place}: split {printable(split)} must be {', '.join(SPLITS)} or empty")
    path = folder / row["file"]
    if not _is_file(path):
        raise AudioError(f"{printable(str(path))}: listed in tracks.csv, but not there")
    name = row.get("track") or Path(row["file"]).with_suffix("").as_posix()
    return Track(name, path, row["genre"], split, artist=row.get("artist") or "")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name longer than the system takes
        return False


def _from_folders(folder: Path) -> Dataset:
    """Return the files of genre folders; a song that is there as MP3 and as FLAC is one recording."""
    paths = [
        (genre.name, path)
        for genre in sorted(folder.iterdir())
        if genre.is_dir() and not genre.name.startswith(".")
        for path in sorted(genre.rglob("*"))
        if path.suffix.lower() in music_suffixes() and path.is_file()
    ]
    stems = Counter(path.with_suffix("") for _, path in paths)
    tracks, first, pairs = list[Track](), dict[Path, str](), list[tuple[str, str]]()
    for genre, path in paths:
        stem = path.with_suffix("")
        name = (stem if stems[stem] == 1 else path).relative_to(folder).as_posix()
        origin = origin_of(path, path.relative_to(folder).as_posix())
        tracks.append(
            Track(name, path, genre, artist=origin.artist or (f"album {origin.album}" if origin.album else ""))
        )
        if first.setdefault(stem, name) != name:
            pairs.append((first[stem], name))
    return Dataset(tuple(tracks), tuple(pairs))


def _check_names(tracks: tuple[Track, ...], folder: Path) -> None:
    seen: dict[str, Path] = {}
    for track in tracks:
        if track.name in seen:
            raise UsageError(
                printable(
                    f"{folder}: two tracks are named {track.name}: {seen[track.name]} and {track.path}; remove one"
                )
            )
        seen[track.name] = track.path
