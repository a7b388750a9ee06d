"""Predictions to people and machines: screens, lines, records, plots, segments, recordings."""
