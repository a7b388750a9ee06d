"""A picture of one stream over time."""
