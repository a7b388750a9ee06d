"""FMA (Defferrard et al. 2017): its table of tracks, folder layout, official split and known broken files.

::

    fma/fma_metadata/tracks.csv            # or fma/tracks.csv
    fma/fma_small/000/000002.mp3           # or fma_medium, fma_large
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from genrestream.errors import UsageError
from genrestream.teaching.tables import table
from train.data.tracks import Dataset, Track

SUBSETS = {"fma_small": ("small",), "fma_medium": ("small", "medium"), "fma_large": ("small", "medium", "large")}
MAX_MB = 1000  # its table of 106,574 tracks has 260
SPLITS = {"training": "train", "validation": "validation", "test": "test"}
COLUMNS = {"subset": ("set", "subset"), "split": ("set", "split"), "genre": ("track", "genre_top"),
           "artist": ("artist", "name")}  # fmt: skip
# Clips that are 0 to 27 s long instead of 30: github.com/mdeff/fma, issue 8 and its wiki.
BROKEN = frozenset([
    1486, 5574, 65753, 80391, 98558, 98559, 98560, 98565, 98566, 98567, 98568, 98569, 98571, 99134, 105247, 108924,
    108925, 126981, 127336, 133297, 143992,
])  # fmt: skip


def is_here(folder: Path) -> bool:
    """Whether the folder is FMA's, or one of its audio folders."""
    return bool(_audio_folders(folder))


def read(folder: Path) -> Dataset:
    """Read the tracks of the subset whose audio is there.

    Raises:
        UsageError: Two subsets are there, or the table is missing or damaged.
    """
    folders = _audio_folders(folder)
    if len(folders) > 1:
        raise UsageError(f"--data {folder}: holds {' and '.join(one.name for one in folders)}; name one of them")
    audio, listed = folders[0], _listed(folder)
    if listed is None:
        raise UsageError(f"--data {folder}: FMA's tracks.csv is not here; unpack fma_metadata.zip beside {audio.name}")
    tracks, n_broken, n_unlabelled, n_cut = [], 0, 0, 0
    for number, row in _rows(listed):
        if not row:
            n_cut += 1
        elif row["subset"] not in SUBSETS[audio.name]:
            continue
        elif number in BROKEN:
            n_broken += 1
        elif not row["genre"]:
            n_unlabelled += 1
        else:
            path = audio / f"{number:06d}"[:3] / f"{number:06d}.mp3"
            split = SPLITS.get(row["split"], "none")
            tracks.append(Track(f"{number:06d}", path, row["genre"], split, artist=row["artist"]))
    left_out = {"known broken files": n_broken, "tracks without a top genre": n_unlabelled, "rows that are cut": n_cut}
    return Dataset(tuple(tracks), left_out=tuple(f"{n} {what}" for what, n in left_out.items() if n))


def _audio_folders(folder: Path) -> list[Path]:
    if folder.name in SUBSETS:
        return [folder]
    return [folder / name for name in SUBSETS if (folder / name).is_dir()]


def _listed(folder: Path) -> Path | None:
    for place in (folder, folder / "fma_metadata", folder.parent, folder.parent / "fma_metadata"):
        if (place / "tracks.csv").is_file() and _is_fma(place / "tracks.csv"):
            return place / "tracks.csv"
    return None


def _is_fma(file: Path) -> bool:
    with file.open(encoding="utf-8-sig", errors="replace") as lines:
        return {"track", "set", "artist"} <= set(lines.readline(10_000).strip().split(","))


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each track's number and the columns that we use, or none where the row is cut short."""
    with table(file, MAX_MB) as lines:
        reader = csv.reader(lines)
        # Of the three lines of the header the first two name a column, the third the rows.
        header = list(zip(next(reader, []), next(reader, []), strict=False))
        next(reader, None)
        try:
            places = {name: header.index(column) for name, column in COLUMNS.items()}
        except ValueError as error:
            raise UsageError(f"{file}: does not have FMA's columns ({error}); unpack fma_metadata.zip again") from error
        for row in reader:
            if row and row[0].isdecimal() and len(row[0]) < 10:
                is_whole = len(row) > max(places.values())
                yield int(row[0]), {name: row[place] for name, place in places.items()} if is_whole else {}
