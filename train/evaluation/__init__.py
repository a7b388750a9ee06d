"""Models to figures to a report."""
