"""``genrestream playlist``: an M3U8 file for each genre of a table."""

from genrestream.cli.library.options import PlaylistOptions
from genrestream.errors import UsageError
from genrestream.library.playlist import write_playlists
from genrestream.library.table import store
from genrestream.output.open_sinks import report
from genrestream.output.text import printable


def run(options: PlaylistOptions) -> int:
    """Write the playlists, and return the exit code: 1 if a file could not be listed.

    Raises:
        UsageError: No table is given, or it is not a genrestream table.
        OutputError: A playlist cannot be written.
    """
    if len(options.tables) != 1:
        raise UsageError("name one table, such as library.sqlite; 'genrestream scan' makes it")
    problems: list[str] = []
    written = write_playlists(store.rows(options.tables[0]), options.input, problems.append)
    for problem in problems:
        report(problem)
    for path, n in written.items():
        print(f"{printable(path)}: {n:,} file{'s' * (n != 1)}")
    if not written:
        print(f"no file has a genre of {options.input.min_probability:g} or more; --min-probability lowers it")
    return 1 if problems else 0
