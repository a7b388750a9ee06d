"""``genrestream serve`` and ``genrestream history``."""
