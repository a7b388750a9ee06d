"""Reading a data set from a folder: genre folders, a table of tracks, GTZAN's names, or FMA."""

from pathlib import Path

from genrestream.audio.suffixes import music_suffixes
from genrestream.errors import AudioError, UsageError
from genrestream.inference.checkpoint import check_labels
from train.data.readers import fma, gtzan
from train.data.readers.tables import rows
from train.data.tracks import Dataset, Track

ADVICE = "give a folder that holds a folder of audio files for each genre, or a tracks.csv"

SPLITS = ("train", "validation", "test", "none")


def read(folder: Path) -> Dataset:
    """Find out what a folder holds and read it; nothing is decoded.

    Raises:
        UsageError: It is missing, empty, or has one genre only, or one that no label may be, or its list is damaged.
        AudioError: A file that its tracks.csv lists is missing.
    """
    if not folder.is_dir():
        raise UsageError(f"--data {folder}: is not a folder; {ADVICE}")
    if fma.is_here(folder):
        dataset = fma.read(folder)
    elif (folder / "tracks.csv").is_file():
        dataset = _from_table(folder)
    else:
        dataset = Dataset(tuple(_from_folders(folder)))
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
    tracks = []
    for number, row in enumerate(rows(folder / "tracks.csv", ("file", "genre")), 2):
        if not row["file"] or not row["genre"]:
            raise UsageError(f"{folder / 'tracks.csv'}: line {number} has no file or no genre; fill or remove it")
        if (split := row.get("split") or "none") not in SPLITS:
            raise UsageError(
                f"{folder / 'tracks.csv'}: line {number}: split {split} must be {', '.join(SPLITS)} or empty"
            )
        path = folder / row["file"]
        if not path.is_file():
            raise AudioError(f"{path}: listed in tracks.csv, but not there")
        name = row.get("track") or Path(row["file"]).with_suffix("").as_posix()
        tracks.append(Track(name, path, row["genre"], split, artist=row.get("artist") or ""))
    listed = folder / "duplicates.csv"
    pairs = rows(listed, ("track_a", "track_b")) if listed.is_file() else []
    return Dataset(tuple(tracks), tuple((row["track_a"], row["track_b"]) for row in pairs))


def _from_folders(folder: Path) -> list[Track]:
    return [
        Track(path.relative_to(folder).with_suffix("").as_posix(), path, genre.name)
        for genre in sorted(folder.iterdir())
        if genre.is_dir() and not genre.name.startswith(".")
        for path in sorted(genre.rglob("*"))
        if path.suffix.lower() in music_suffixes() and path.is_file()
    ]


def _check_names(tracks: tuple[Track, ...], folder: Path) -> None:
    seen: dict[str, Path] = {}
    for track in tracks:
        if track.name in seen:
            raise UsageError(
                f"{folder}: two tracks are named {track.name}: {seen[track.name]} and {track.path}; remove one"
            )
        seen[track.name] = track.path
