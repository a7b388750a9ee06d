"""One row a file: the SQLite file that a scan writes, and the same rows as Parquet, JSON Lines and CSV."""
