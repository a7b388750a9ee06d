"""Why an input could not be opened or read, in words: FFmpeg's numbers, addresses and jargon left out."""

import av.error

WORDS = {
    "Failed to resolve hostname": "no such host; check the address and the network",
    "Stream ends prematurely": "the connection was closed",
    "moov atom not found": "is cut short: its table of contents, which stands at the end, is missing",
}


def cause(error: Exception) -> str:
    """Return an exception's reason."""
    for logged, words in WORDS.items():
        if logged in log(error):
            return words
    if isinstance(error, av.error.InvalidDataError):
        return "is not audio that FFmpeg can decode"
    if isinstance(error, av.error.EOFError):  # FFmpeg's words, "End of file", tell a listener nothing
        return "ends too early: it is cut short, or is not audio"
    if isinstance(error, av.error.FFmpegError | OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return str(error)


def log(error: Exception) -> str:
    """Return the last thing that FFmpeg logged before the error: the module that said it, and what."""
    said = getattr(error, "log", None)
    return f"{said[1]}: {said[2]}" if said else ""
