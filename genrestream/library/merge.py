"""Several tables into one: of shards, of machines, or of one in another format."""

from collections.abc import Iterator

from genrestream.errors import UsageError
from genrestream.library.table import store
from genrestream.library.table.database import Database
from genrestream.library.table.names import absolute
from genrestream.library.table.track import Track

ROWS_AT_ONCE = 1000


def merge(tables: tuple[str, ...], into: str) -> tuple[int, int]:
    """Put the rows of tables into one. Of two rows on a file the one that was classified stays, or else the later one.

    Args:
        tables: Their paths, the least important first.
        into: The table to write; its rows are kept.

    Returns:
        How many rows were read, and how many there are now.

    Raises:
        UsageError: One is not a genrestream table, or was made with another model.
        OutputError: One cannot be read, or the table cannot be written.
    """
    if not tables:
        raise UsageError("no table; name those to join, such as part1.sqlite part2.sqlite")
    if absolute(into) in map(absolute, tables):
        raise UsageError(f"--db {into}: is one of the tables to join; name another one")
    with store.opened(into) as database:
        n_read = sum(_take(database, table) for table in tables)
        (n_rows,) = database.sql.execute("SELECT count(*) FROM tracks").fetchone()
        return n_read, n_rows


def _take(database: Database, table: str) -> int:
    settings = store.settings(table)
    n = 0
    if settings:
        database.check_settings(settings)
    models = {model for (model,) in database.sql.execute("SELECT DISTINCT model_version FROM tracks LIMIT 2")}

    def better(rows: Iterator[Track]) -> Iterator[Track]:
        nonlocal n
        for row in rows:
            n += 1
            models.add(row.model_version)
            if len(models) > 1:
                raise UsageError(f"{table}: was made with another model ({row.model}); join tables of one model")
            before = database.get(row.path)
            if before is None or before.missing or before.error or not (row.error or row.missing):
                yield row

    database.put_all(better(store.rows(table)))
    return n
