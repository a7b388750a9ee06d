"""``genrestream merge``: several tables into one."""

from genrestream.cli.library.options import MergeOptions
from genrestream.library.merge import merge
from genrestream.output.text import printable


def run(options: MergeOptions) -> None:
    """Join the tables.

    Raises:
        UsageError: No table is given, or one is not a genrestream table or of another model.
        OutputError: A table cannot be read or written.
    """
    n_read, n_rows = merge(options.tables, options.input.db)
    print(f"{n_read:,} rows read; {printable(options.input.db)} has {n_rows:,}")
