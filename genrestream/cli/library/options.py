"""Options of the library commands."""

import dataclasses

from genrestream.library.config import MergeConfig, PlaylistConfig, ScanConfig, TagConfig


def _positional() -> tuple[str, ...]:
    return dataclasses.field(default=(), metadata={"positional": True})


@dataclasses.dataclass(frozen=True)
class ScanOptions:
    """Classify a whole library into a table; run it again to continue.

    Attributes:
        folders: Folders and files.
        input: What is classified, and where the table is.
    """

    folders: tuple[str, ...] = _positional()
    input: ScanConfig = dataclasses.field(default_factory=ScanConfig)


@dataclasses.dataclass(frozen=True)
class TagOptions:
    """Write the genres of a table into the files' tags.

    Attributes:
        tables: The table, a .sqlite file.
        input: Which files are tagged, and how.
    """

    tables: tuple[str, ...] = _positional()
    input: TagConfig = dataclasses.field(default_factory=TagConfig)


@dataclasses.dataclass(frozen=True)
class PlaylistOptions:
    """Write a playlist (M3U8) for each genre of a table.

    Attributes:
        tables: The table.
        input: What is listed, and where.
    """

    tables: tuple[str, ...] = _positional()
    input: PlaylistConfig = dataclasses.field(default_factory=PlaylistConfig)


@dataclasses.dataclass(frozen=True)
class MergeOptions:
    """Join tables into one, or turn one into another format.

    Attributes:
        tables: The tables: .sqlite, .parquet, .jsonl or .csv.
        input: Where the merged table is written.
    """

    tables: tuple[str, ...] = _positional()
    input: MergeConfig = dataclasses.field(default_factory=MergeConfig)
