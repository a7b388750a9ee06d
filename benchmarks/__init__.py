"""Measurements that stand in the README; each module's docstring says how to run it."""
