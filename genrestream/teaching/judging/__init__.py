"""Judging a taught model: its score on held-out songs, its doubts, and a page on both."""
