"""``genrestream tag``: the genres of a table into the files."""

from genrestream.cli.library.options import TagOptions
from genrestream.errors import UsageError
from genrestream.library.table import database, files
from genrestream.library.table.lock import locked
from genrestream.live.signals import signals_received
from genrestream.output.open_sinks import report
from genrestream.output.text import printable


def run(options: TagOptions) -> int:
    """Tag or untag, and return the exit code: 0 if all went well, 1 if a file was left alone for a fault.

    Raises:
        UsageError: No table is given, it is not a genrestream table, or mutagen is missing.
        OutputError: The table cannot be written.
    """
    from genrestream.library.tags.run import tag, undo  # mutagen

    config = options.input
    path = _table(options.tables)
    show = (lambda _: None) if config.quiet else _show
    with locked(path), database.opened(path, create=False) as opened, signals_received(interrupts=True) as signals:
        try:
            tally = undo(opened, show, report) if config.undo else tag(opened, config, show, report)
            signals.end()
        except KeyboardInterrupt:
            report("stopped; each file is either tagged or as it was, and --undo takes back what was done")
            return signals.exit_code
    counts = {
        "taken back": tally.n_undone,
        "would be tagged" if config.dry_run else "tagged": tally.n_written,
        "with a genre already (--overwrite replaces it)": tally.n_kept,
        f"without a genre of {config.min_probability:g} or more": tally.n_unsure,
        "left alone": tally.n_failed,
    }
    if not config.quiet:
        print(", ".join(f"{count:,} {name}" for name, count in counts.items() if count) or "nothing to do")
    return 1 if tally.n_failed else 0


def _show(change: str) -> None:
    print("\n".join(map(printable, change.split("\n  "))).replace("\n", "\n  "))


def _table(tables: tuple[str, ...]) -> str:
    if len(tables) != 1:
        raise UsageError("name one table, such as library.sqlite; 'genrestream scan' makes it")
    if not files.is_database(tables[0]):
        raise UsageError(
            f"{tables[0]}: tags need a .sqlite table, which keeps the log of what was written;"
            f" 'genrestream merge {tables[0]} --db library.sqlite' makes one"
        )
    return tables[0]
