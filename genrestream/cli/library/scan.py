"""``genrestream scan``: a whole library into a table."""

import contextlib
from collections.abc import Iterable

from genrestream.cli.library.options import ScanOptions
from genrestream.cli.library.progress import Progress
from genrestream.library.config import ScanConfig
from genrestream.library.scan import Scan, Summary, roots_of, scan
from genrestream.library.table import store
from genrestream.live.signals import signals_received
from genrestream.output.open_sinks import report
from genrestream.output.text import printable

N_GENRES = 20  # lines of the summary


def run(options: ScanOptions) -> int:
    """Scan, and return the exit code: 0 if all went well, 1 if a file or folder failed.

    After Ctrl-C, SIGTERM or SIGHUP what was classified is in the table, and the code is 128 + the signal.

    Raises:
        UsageError: No folder is given, or the table is of another program, made with other settings, or in use.
        OutputError: The table cannot be written.
        CheckpointError: The model cannot be loaded.
    """
    config = options.input
    with signals_received(interrupts=True) as signals, Progress(config.quiet) as progress:
        summary = None
        with contextlib.suppress(KeyboardInterrupt):
            summary = _scanned(options, progress)
            signals.end()
        if summary is None or config.watch:  # a watch ends by a signal only
            progress.__exit__()
            if not config.quiet:
                report(f"stopped; what was classified is kept, and the same command goes on ({config.db})")
            return signals.exit_code
    if not config.quiet:
        _print(summary, config)
    return 1 if summary.n_failed or summary.n_problems else 0


def _scanned(options: ScanOptions, progress: Progress) -> Summary:
    config = options.input
    if config.ray:
        from genrestream.library.cluster.scan import scan_on_ray

        return scan_on_ray(options.folders, config, progress)
    if not config.watch:
        return scan(options.folders, config, progress, lambda _: None)
    from genrestream.library.watch import changes

    batches = changes(roots_of(options.folders))  # before the scan: what is added meanwhile is not missed
    return scan(options.folders, config, progress, lambda running: _watch(running, batches, config))


def _watch(running: Scan, batches: Iterable[set[str]], config: ScanConfig) -> None:
    """Classify what is added until a signal comes; the table is completed after it."""
    if not config.quiet:
        report("all is classified; waiting for files that are added or changed (Ctrl-C ends)")
    with contextlib.suppress(KeyboardInterrupt):
        for paths in batches:
            before = running.summary.n_classified + running.summary.n_known
            running.again(paths)
            n = running.summary.n_classified + running.summary.n_known - before
            if n and not config.quiet:
                report(f"{n:,} more file{'s' * (n != 1)} classified")


def _print(summary: Summary, config: ScanConfig) -> None:
    parts = {
        "classified": summary.n_classified, "unchanged": summary.n_unchanged,
        "with audio that was known": summary.n_known,
        "failed": summary.n_failed, "moved": summary.n_moved, "missing": summary.n_missing,
    }  # fmt: skip
    shown = [f"{count:,} {name}" for name, count in parts.items() if count] or ["no files"]
    print(f"{', '.join(shown)}; the table is {printable(config.db)}")
    counts = store.genres(config.db)
    for genre, count in counts.most_common(N_GENRES):
        print(f"  {printable(genre):<20} {count:>9,}  {count / counts.total():>6.1%}")
    if len(counts) > N_GENRES:
        print(f"  and {len(counts) - N_GENRES} more")
