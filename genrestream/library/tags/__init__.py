"""Genres into the files' own tags, and back."""
