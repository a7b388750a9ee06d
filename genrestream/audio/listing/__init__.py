"""Which inputs a name stands for: the music in a folder, the entries of a playlist."""
