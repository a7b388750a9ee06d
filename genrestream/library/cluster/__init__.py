"""The same scan on a Ray cluster: files of any filesystem, rows into a folder of Parquet files."""
