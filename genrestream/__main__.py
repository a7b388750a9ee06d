"""``python -m genrestream`` is the ``genrestream`` command."""

from genrestream.cli import run

run()
