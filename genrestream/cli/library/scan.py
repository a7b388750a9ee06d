"""``genrestream scan``: a whole library into a table."""

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
        UsageError: No folder is given, or the table is another program's, made in another way, or in use.
        OutputError: The table cannot be written.
        CheckpointError: The model cannot be loaded.
    """
    config = options.input
    if config.watch:
        import genrestream.library.watch  # noqa: F401 - says now where watchfiles is missing
    with signals_received(interrupts=True) as signals, Progress(config.quiet) as progress:
        try:
            if config.ray:
                from genrestream.library.cluster.scan import scan_on_ray

                summary = scan_on_ray(options.folders, config, progress)
            else:

                def then(running: Scan) -> None:
                    if config.watch:
                        from genrestream.library.watch import changes

                        _watch(running, changes(roots_of(options.folders)), config)

                summary = scan(options.folders, config, progress, then)
            signals.end()
        except KeyboardInterrupt:
            progress.__exit__()
            if not config.quiet:
                report(f"stopped; what was classified is kept, and the same command goes on ({config.db})")
            return signals.exit_code
    if not config.quiet:
        _print(summary, config)
    return 1 if summary.n_failed or summary.n_problems else 0


def _watch(running: Scan, batches: Iterable[set[str]], config: ScanConfig) -> None:
    if not config.quiet:
        report("all is classified; waiting for files that are added or changed (Ctrl-C ends)")
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
