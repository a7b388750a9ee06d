"""A model's folder on disk to one compiled function."""
