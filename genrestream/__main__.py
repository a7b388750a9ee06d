"""``python -m genrestream`` is the ``genrestream`` command."""

from genrestream.cli.main import run

run()
