"""The table's columns in Parquet."""

import itertools
from collections.abc import Iterable, Iterator
from typing import IO, Any

from genrestream.errors import UsageError
from genrestream.library.table.track import COLUMNS

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as error:
    raise UsageError("Parquet needs pyarrow; pip install 'genrestream[parquet]'") from error

ROWS_AT_ONCE = 1000
_SEGMENT = pa.struct(
    [("start", pa.float64()), ("end", pa.float64()), ("genre", pa.string()), ("confidence", pa.float64())]
)
_TYPES = {
    "size": pa.int64(), "mtime_ns": pa.int64(), "n_votes": pa.int32(), "missing": pa.bool_(),
    "genres": pa.list_(pa.string()), "segments": pa.list_(_SEGMENT),
    "probs": pa.map_(pa.string(), pa.float64()), "votes": pa.map_(pa.string(), pa.int32()),
    **dict.fromkeys(("duration_s", "classified_s", "probability", "silence", "no_music"), pa.float64()),
}  # fmt: skip
SCHEMA = pa.schema([(name, _TYPES.get(name, pa.string())) for name in COLUMNS])


def table(rows: Iterable[dict[str, Any]]) -> pa.Table:
    """Return rows of plain values as an Arrow table."""
    maps = ("probs", "votes")
    return pa.Table.from_pylist([row | {name: list(row[name].items()) for name in maps} for row in rows], SCHEMA)


def write_rows(file: IO[bytes], rows: Iterable[dict[str, Any]]) -> None:
    """Write rows of plain values."""
    remaining = iter(rows)
    with pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
        while some := list(itertools.islice(remaining, ROWS_AT_ONCE)):
            writer.write_table(table(some))


def rows(path: str) -> Iterator[dict[str, Any]]:
    """Yield rows as plain values.

    Raises:
        ValueError: It is not a Parquet file with our columns.
    """
    try:
        with pq.ParquetFile(path) as file:
            if missing := set(COLUMNS) - set(file.schema_arrow.names):
                raise ValueError(f"it has no column {min(missing)}")
            for batch in file.iter_batches(ROWS_AT_ONCE):
                yield from batch.to_pylist(maps_as_pydicts="strict")
    except pa.ArrowException as error:
        raise ValueError(str(error).splitlines()[0]) from error


KEYS = ["path", "size", "mtime_ns", "model_version", "error"]


def read_keys(file: IO[bytes], columns: list[str]) -> Iterator[tuple[Any, ...]]:
    """Yield some columns of each row."""
    for batch in pq.ParquetFile(file).iter_batches(ROWS_AT_ONCE, columns=columns):
        yield from zip(*(batch.column(name).to_pylist() for name in columns), strict=True)
