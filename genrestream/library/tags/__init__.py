"""Genres written into the files' own tags, and the undo."""
