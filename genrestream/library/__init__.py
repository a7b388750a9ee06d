"""A whole library: every file of folders into one table, tags and playlists from it."""
