"""The page on a taught model: one HTML file without scripts, which needs no network."""

import html
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from genrestream.output.text import printable
from genrestream.teaching.judging.report import Report, Share

PAGE = "report.html"
MAX_ROWS = 200  # of a list of songs
STYLE = """
:root { color-scheme: light dark; --line: #8884; --bar: #3a78c9; --faint: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.figure { font-size: 2.4rem; font-weight: 600; margin: .6rem 0 0; } .note { opacity: .75; margin-top: .2rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: .6rem 0; }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.name { overflow-wrap: anywhere; } .matrix td { min-width: 3rem; text-align: center; padding: .25rem .5rem; }
.matrix td:first-child { text-align: left; }
.bar { background: var(--faint); width: 8rem; height: .7rem; display: inline-block; border-radius: .35rem; }
.bar i { background: var(--bar); height: 100%; display: block; border-radius: .35rem; }
code { background: var(--faint); padding: .1rem .3rem; border-radius: .2rem; }
"""


def write_page(folder: Path, name: str, report: Report, left_out: Sequence[str]) -> Path:
    """Write the page into a folder and return its path.

    Args:
        folder: Where to.
        name: The model's name.
        report: Its figures.
        left_out: What of the music was not used, one line each.
    """
    path = folder / PAGE
    body = [_head(name, report), _genres(report), _unsure(report), _doubts(report), _wrong(report), _left_out(left_out)]
    title = f"{_text(name)}: what it learned"
    path.write_text(
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{STYLE}</style></head><body>\n{''.join(body)}</body></html>\n",
        encoding="utf-8",
        errors="backslashreplace",
    )
    return path


def _text(text: str) -> str:
    return html.escape(printable(text))


def _table(head: Iterable[str], rows: Iterable[Iterable[str]], kind: str = "") -> str:
    """Return a table; cells are HTML, and those that are numbers stand at the right."""
    lines = [f"<tr>{''.join(_cell('th', cell) for cell in head)}</tr>"]
    lines += [f"<tr>{''.join(_cell('td', cell) for cell in row)}</tr>" for row in rows]
    return f'<div class="wide"><table class="{kind}">{"".join(lines)}</table></div>\n'


def _cell(tag: str, text: str) -> str:
    is_number = text.replace(".", "", 1).isdigit()
    return f'<{tag} class="{"number" if is_number else "name"}">{text}</{tag}>'


def _bar(share: Share) -> str:
    return f'<span class="bar"><i style="width:{100 * share.value:.0f}%"></i></span>'


def _head(name: str, report: Report) -> str:
    share, (low, high) = report.accuracy, report.accuracy.interval
    right = "with all genres right and no other" if report.multi_label else "named rightly"
    apart = (
        f"Each song was judged by a layer that learned from other songs only, none of them of its {report.held_out}"
        if report.held_out
        else "Each song was judged by a layer that learned from other songs only, but perhaps from some of its artist:"
        " artists are not known here, or a genre has one only, so that the figure may flatter"
    )
    return (
        f"<h1>{_text(name)}</h1><p class='note'>{len(report.names)} songs, {len(report.genres)} genres</p>"
        f"<p class='figure'>{share.value:.0%}</p>"
        f"<p class='note'>of the held-out songs {right}: {share.n_right} of {share.n}, 95 % interval {low:.0%} to"
        f" {high:.0%}.<br>{apart} ({report.n_folds} parts). Calibration error {report.calibration_error:.2f}.</p>\n"
    )


def _genres(report: Report) -> str:
    recall, precision = report.recall, report.precision
    rows = [
        [
            _text(genre), str(recall[genre].n), f"{recall[genre].value:.0%} {_bar(recall[genre])}",
            "{:.0%} to {:.0%}".format(*recall[genre].interval),
            f"{precision[genre].value:.0%}" if precision[genre].n else "never called so",
        ]
        for genre in report.genres
    ]  # fmt: skip
    lines = [
        "<h2>By genre</h2>",
        _table(("genre", "songs", "of these called so", "95 % interval", "of those called so, right"), rows),
    ]
    if not report.multi_label:
        counts = np.zeros((len(report.genres),) * 2, int)
        np.add.at(counts, (report.has.argmax(axis=1), report.answers.argmax(axis=1)), 1)
        names = [_text(genre) for genre in report.genres]
        cells = [[name, *(str(n) if n else "" for n in row)] for name, row in zip(names, counts, strict=True)]
        lines += ["<h2>What is called what</h2>", _table(("is ↓ called →", *names), cells, "matrix")]
    return "".join(lines)


def _unsure(report: Report) -> str:
    if report.multi_label:
        rows = [[_text(genre), f"{report.thresholds[genre]:.2f}"] for genre in report.genres]
        return "<h2>When a genre is named</h2>" + _table(("genre", "from this probability"), rows)
    unknown = report.unknown_named
    tried = (
        f"Music of a genre that it does not know was tried by leaving out each genre in turn: {unknown.value:.0%} of it"
        f" ({unknown.n_right} of {unknown.n}) is named nevertheless."
        if unknown.n
        else "Music of a genre that it does not know could not be tried: that takes three genres."
    )
    return (
        f"<h2>When it is unsure</h2><p>Under a probability of {report.min_probability:.2f} the answer is"
        f" <i>unsure</i>. {report.named.value:.0%} of the held-out songs ({report.named.n_right} of {report.named.n})"
        f" are named. {tried}</p>\n"
    )


def _doubts(report: Report) -> str:
    if not report.doubts:
        return "<h2>Songs that look mislabelled</h2><p>None.</p>\n"
    rows = []
    for doubt in report.doubts[:MAX_ROWS]:
        genre, other = _text(report.genres[doubt.genre]), _text(report.genres[doubt.sounds_like])
        if report.multi_label:
            other = f"without {genre}" if report.has[doubt.song, doubt.genre] else f"with {genre}"
        name = _text(report.names[doubt.song])
        rows.append([name, _text(report.words(report.has[doubt.song])), other, f"{doubt.probability:.2f}"])
    return (
        "<h2>Songs that look mislabelled</h2><p class='note'>Found by confident learning: another genre is as"
        " probable as in that genre's own songs. Listen to them; move those that are wrong, and teach again.</p>"
        + _table(("song", "is in", "sounds like", "probability"), rows) + _more(len(report.doubts))
    )  # fmt: skip


def _wrong(report: Report) -> str:
    rows = []
    for song in report.wrong[:MAX_ROWS]:
        answer = report.answers[song]
        probability = f"{report.probs[song].max():.2f}"
        rows.append([_text(report.names[song]), _text(report.words(report.has[song])), _text(report.words(answer)),
                     probability])  # fmt: skip
    if not rows:
        return "<h2>Songs that it gets wrong</h2><p>None.</p>\n"
    return (
        "<h2>Songs that it gets wrong</h2>"
        + _table(("song", "is in", "called", "probability"), rows) + _more(len(report.wrong))
    )  # fmt: skip


def _left_out(lines: Sequence[str]) -> str:
    if not lines:
        return ""
    items = "".join(f"<li>{_text(line)}</li>" for line in lines[:MAX_ROWS])
    return f"<h2>Left out</h2><ul>{items}</ul>{_more(len(lines))}\n"


def _more(n: int) -> str:
    return f"<p class='note'>and {n - MAX_ROWS} more</p>\n" if n > MAX_ROWS else ""
