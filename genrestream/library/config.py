"""Options of scan, tag, playlist and merge."""

import dataclasses
import re

from genrestream.errors import OptionError, UsageError, check_number
from genrestream.inference.shipped import DEFAULT_MODEL

MAX_JOBS, MAX_BATCH, MAX_SHARDS = 1024, 8192, 100_000


def check_per_track(per_track: float) -> None:
    """Make sure that a part of a file can be so many seconds long.

    Raises:
        OptionError: It is neither 0, which stands for all of the file, nor from 1 s to a day.
    """
    if per_track != 0:
        check_number("per_track", per_track, 1, 86_400, "0 for all, or from 1 to 86400 seconds")


@dataclasses.dataclass(frozen=True)
class ScanConfig:
    """Which files are classified, how, and where the table is.

    Attributes:
        db: The table, one row a file: .sqlite, .parquet, .jsonl or .csv. The same command goes on where it stopped.
        model: Name of a shipped model ('genrestream models' lists them), or the path of a model's folder.
        per_track: Seconds to classify of each file, from its middle; 0 classifies all of it.
        jobs: Processes that decode and classify; all cores where not given.
        batch: Put so many chunks of many files into one call of one network, for a GPU or TPU; 0 gives each process a
            network of its own, which is faster on CPUs.
        retry: Try files again that failed before.
        prune: Delete the rows of files that are gone; without it they are kept, marked as missing.
        exclude: Leave out files and folders of this name or path, such as 'Podcasts' or '*/live/*.mp3'; may be given
            several times.
        follow_symlinks: Follow links to files and folders, each folder once.
        shard: Only part I of N of the files, such as 2/8, for N machines; 'genrestream merge' joins the tables.
        watch: Go on when all is classified, and classify files that are added or changed.
        ray: Classify on a Ray cluster: its address, auto for the one that runs here, or local. The table is a .parquet
            folder then.
        quiet: Print errors only.
    """

    db: str = "library.sqlite"
    model: str = DEFAULT_MODEL
    per_track: float = 30.0
    jobs: int | None = None
    batch: int = 0
    retry: bool = False
    prune: bool = False
    exclude: tuple[str, ...] = ()
    follow_symlinks: bool = False
    shard: str | None = None
    watch: bool = False
    ray: str | None = None
    quiet: bool = False

    def __post_init__(self) -> None:
        check_per_track(self.per_track)
        if self.jobs is not None:
            check_number("jobs", self.jobs, 1, MAX_JOBS, f"from 1 to {MAX_JOBS}")
        check_number("batch", self.batch, 0, MAX_BATCH, f"from 0 to {MAX_BATCH}")
        _ = self.part
        if self.ray and self.watch:
            raise UsageError("--ray and --watch: cannot be used together; run the scan again instead")
        if self.ray and self.prune:
            raise UsageError(
                "--ray and --prune: cannot be used together; leave out --prune, rows of files that are gone stay"
            )

    @property
    def part(self) -> tuple[int, int]:
        """The number of the part, from 0, and how many there are."""
        if self.shard is None:
            return 0, 1
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", self.shard)
        number, n = (int(found[1]), int(found[2])) if found else (0, 0)
        if not 1 <= number <= n <= MAX_SHARDS:
            raise OptionError("shard", self.shard, "must be I/N with I from 1 to N, such as 2/8")
        return number - 1, n


@dataclasses.dataclass(frozen=True)
class TagConfig:
    """Which files are tagged, and how.

    Attributes:
        min_probability: Write only genres that are at least as probable.
        overwrite: Replace genres that are there; without it only files without a genre are tagged.
        dry_run: Print what would be written, and change nothing.
        undo: Undo all that was written with this table, byte for byte.
        quiet: Print errors only.
    """

    min_probability: float = 0.6
    overwrite: bool = False
    dry_run: bool = False
    undo: bool = False
    quiet: bool = False

    def __post_init__(self) -> None:
        check_number("min_probability", self.min_probability, 0, 1, "from 0 to 1")


@dataclasses.dataclass(frozen=True)
class PlaylistConfig:
    """What is listed, and where.

    Attributes:
        output: Write the playlists into this folder; it is created if missing.
        min_probability: List only genres that are at least as probable.
        relative: Write paths relative to the folder of the playlists, for a library that is moved as a whole.
    """

    output: str = "playlists"
    min_probability: float = 0.6
    relative: bool = False

    def __post_init__(self) -> None:
        check_number("min_probability", self.min_probability, 0, 1, "from 0 to 1")


@dataclasses.dataclass(frozen=True)
class MergeConfig:
    """Where the merged table is written.

    Attributes:
        db: The joined table: .sqlite, .parquet, .jsonl or .csv. Its rows are kept.
    """

    db: str = "library.sqlite"
