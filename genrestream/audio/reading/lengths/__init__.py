"""What a header says of its file's length, in bytes and in seconds, compared with what is there."""
