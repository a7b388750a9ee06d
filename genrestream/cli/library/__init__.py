"""The commands for a whole library: scan, tag, playlist, merge."""
