"""Results for machines: which ones, and as JSON Lines, CSV or JSON."""
