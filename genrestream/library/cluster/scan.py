"""``genrestream scan --ray``: the pipeline on a Ray cluster."""

import logging
import math
import time
from collections.abc import Sequence
from typing import Any

from genrestream.errors import OutputError, UsageError, first_line
from genrestream.inference import checkpoint, shipped
from genrestream.library.cluster.places import files_below_all, place_of
from genrestream.library.cluster.stages import Decode, Infer, StageSettings, as_item
from genrestream.library.cluster.table import known_files
from genrestream.library.config import ScanConfig
from genrestream.library.scan import IN_ORDER, Summary, Watcher, marks, settings_of
from genrestream.library.table.names import to_text
from genrestream.library.table.track import Found
from genrestream.library.walk import Choice

try:
    import ray  # pyright: ignore[reportMissingImports]
    import ray.data  # pyright: ignore[reportMissingImports]
    from ray.exceptions import RayError  # pyright: ignore[reportMissingImports]
except ImportError as error:
    raise UsageError("--ray needs Ray; pip install 'genrestream[ray]'") from error

FILES_AT_ONCE = 16  # in a task, and in a Parquet file
MAX_BLOCKS = 20_000
GPU_BATCH = 256  # chunks in one call, without --batch


def scan_on_ray(folders: Sequence[str], config: ScanConfig, watcher: Watcher) -> Summary:
    """Scan folders of any filesystem on a Ray cluster into a folder of Parquet files.

    Files that have a row already are not classified again, so the same call resumes a run that was stopped.

    Args:
        folders: Paths that all machines have, or addresses that fsspec reads (``s3://``, ``gs://``, ``hdfs://``).
        config: How; ``ray`` is the cluster's address, or ``auto``.
        watcher: Takes the progress.

    Raises:
        UsageError: The table is no .parquet or was made in another way, there is no such cluster or model, or the
            model is stateful.
        OutputError: The pipeline failed, or the table cannot be read or written.
    """
    if not folders:
        raise UsageError("no folder; name what to scan, such as /shared/music or s3://bucket/music")
    if not config.db.endswith(".parquet"):
        raise UsageError(f"--db {config.db}: on Ray the table is a folder of Parquet files; end its name in .parquet")
    model = checkpoint.read(shipped.find(config.model))
    if model.card.is_stateful:
        raise UsageError(
            f"--model {config.model}: is {IN_ORDER}; on Ray a file's chunks have no order, scan without --ray"
        )
    output = place_of(config.db)
    known = known_files(output, settings_of(model, config), config.retry)
    summary, found = Summary(), list[Found]()

    def problem(_: str, line: str) -> None:
        summary.n_problems += 1
        watcher.problem(line)

    choice = Choice(config.exclude, config.follow_symlinks, config.part)
    for one in files_below_all(folders, choice, problem):
        summary.n_found += 1
        if known.get(to_text(one.path)) != (one.size, one.mtime_ns):
            found.append(one)
    summary.n_unchanged = summary.n_found - len(found)
    watcher.begin(len(found), summary.n_unchanged)
    if found:
        _run(found, config, output, marks(model), summary, watcher)
    return summary


def _run(
    found: list[Found], config: ScanConfig, output: str, its_marks: dict[str, str], summary: Summary, watcher: Watcher
) -> None:
    _connect(config.ray or "auto")
    n_gpus = ray.cluster_resources().get("GPU", 0)
    batch = config.batch or (GPU_BATCH if n_gpus else 1)
    n_most = config.jobs or max(1, int(n_gpus or ray.cluster_resources().get("CPU", 1)))
    settings = StageSettings(
        config.model, config.per_track, batch, output, f"{time.time_ns() // 1_000_000:013}", its_marks
    )
    n_blocks = min(MAX_BLOCKS, math.ceil(len(found) / FILES_AT_ONCE))
    try:
        files = ray.data.from_items([as_item(one) for one in found], override_num_blocks=n_blocks)
        # The two stages ask for different shares, or Ray would join them into one. On a CPU the network takes three
        # quarters of a file's time.
        decode: Any = Decode(settings).decoded
        chunks = files.map_batches(decode, batch_size=FILES_AT_ONCE, num_cpus=1 if n_gpus else 0.25)
        inferred: Any = chunks.map_batches(
            Infer,
            fn_constructor_args=(settings,),
            batch_size=FILES_AT_ONCE,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=n_most),
            num_gpus=1 if n_gpus else None,
            num_cpus=None if n_gpus else 0.75,
        )
        for row in inferred.iter_rows():
            summary.n_classified += row["n"] - row["n_failed"]
            summary.n_failed += row["n_failed"]
            watcher.advance(row["n"])
    except (RayError, OSError) as error:
        cause = getattr(error, "cause", None) or error  # what was raised in a stage, on another machine
        why = f"{type(cause).__name__}: {(str(cause).splitlines() or [''])[-1]}"
        line = f"the pipeline on Ray failed ({why}); what was classified is kept, run the same again"
        raise OutputError(f"{config.db}: {line}") from error


def _connect(address: str) -> None:
    if ray.is_initialized():
        return
    ray.data.DataContext.get_current().enable_progress_bars = False  # there is one of our own
    logging.getLogger("ray").setLevel(logging.ERROR)
    try:
        ray.init(address=None if address == "local" else address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"--ray {address}: there is no such cluster ({first_line(error)}); start one with 'ray start --head'"
        ) from error
