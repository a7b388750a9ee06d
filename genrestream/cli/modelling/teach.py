"""``genrestream teach``: a model of the user's own genres, from a folder of music."""

import sys

from genrestream.api import load
from genrestream.cli.exits import INTERRUPTED
from genrestream.files import writing
from genrestream.inference.program import use_compile_cache
from genrestream.live.config import ListenConfig
from genrestream.output.open_sinks import STDOUT, STDOUT_REMEDY, report
from genrestream.output.text import printable
from genrestream.teaching.config import TeachConfig
from genrestream.teaching.judging.report import Report
from genrestream.teaching.teach import Taught, teach

MAX_DOUBTS = 5  # that are named here; the page names all


def run(options: TeachConfig) -> int:
    """Teach the model, and print its score, its place and the next command.

    Raises:
        UsageError: There is not enough to learn from, or an option or table makes no sense.
        AudioError: The example to add cannot be decoded.
        CheckpointError: A model is damaged or cannot be written.
        OutputError: Standard output cannot be written.
    """
    use_compile_cache()
    try:
        taught = teach(options, report)
        load(taught.path).session(hop_s=ListenConfig().stream.hop_s)  # compiled now, so that 'listen' is ready at once
    except KeyboardInterrupt:
        report("interrupted; no model was written, and what was computed is kept for the next try")
        return INTERRUPTED
    with writing(STDOUT, STDOUT_REMEDY):
        print("\n".join(lines(taught)))
        sys.stdout.flush()
    return 0


def lines(taught: Taught) -> list[str]:
    """Return what is printed of a taught model."""
    found = taught.report
    apart = f"none learned from with its {found.held_out}" if found.held_out else "held out one by one"
    right = "all genres right" if found.multi_label else "accuracy"
    return [
        f"held-out {right} {found.accuracy} songs, {apart}",
        *(f"  {printable(genre)} {share}" for genre, share in found.recall.items()),
        *_unsure(found),
        *_doubts(found),
        f"model: {printable(str(taught.path))}",
        f"page: {printable(str(taught.page))}",
        f"next: genrestream listen --model {_quoted(taught.name)}",
    ]


def _unsure(found: Report) -> list[str]:
    if found.multi_label:
        return []
    line = f"unsure under {found.min_probability:.2f}: {found.named.value:.0%} of the held-out songs are named"
    if found.unknown_named.n:
        return [f"{line}, and {found.unknown_named.value:.0%} of music of another genre (each left out in turn)"]
    return [f"{line}; other music was not tried, that takes three genres"]


def _doubts(found: Report) -> list[str]:
    shown = [
        f"  {printable(found.names[doubt.song])}: sounds like {printable(found.genres[doubt.sounds_like])}"
        f" ({doubt.probability:.2f})"
        for doubt in found.doubts[:MAX_DOUBTS]
        if not found.multi_label
    ]
    if not found.doubts:
        return []
    n = len(found.doubts)
    more = f", the first {len(shown)}" if shown and n > len(shown) else ""
    return [f"{n} song{'s look' if n > 1 else ' looks'} mislabelled{more}{':' if shown else ' (see the page)'}", *shown]


def _quoted(name: str) -> str:
    return f"'{printable(name)}'" if any(letter.isspace() for letter in name) else printable(name)
