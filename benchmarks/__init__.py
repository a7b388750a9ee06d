"""Measurements that docs/speed.md and docs/results.md quote; each module's docstring says how to run it."""
