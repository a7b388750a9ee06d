"""Tracks to batches, on grain."""
