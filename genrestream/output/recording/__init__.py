"""The input of a live run as audio files."""
