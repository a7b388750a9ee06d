"""Chunks to predictions: the session, the segments and the history. No thread, no terminal, no file."""
