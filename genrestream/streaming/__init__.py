"""Chunks to predictions: the session, the vote and the segments. No thread, no terminal, no file."""
