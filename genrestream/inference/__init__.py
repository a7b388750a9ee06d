"""Turns a model's folder on disk into one compiled function."""
