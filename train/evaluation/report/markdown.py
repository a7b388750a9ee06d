"""Markdown tables, and numbers as text."""

from collections.abc import Iterable, Sequence


def table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> list[str]:
    """Return a Markdown table, and an empty line after it."""
    lines = [_row(head), _row("---" for _ in head)] if isinstance(head, Sequence) else []
    return [*lines, *(_row(row) for row in rows), ""]


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def interval(ends: Sequence[float]) -> str:
    """Return an interval as text."""
    return f"[{ends[0]:.3f}, {ends[1]:.3f}]"


def p_value(p: float) -> str:
    """Return a p-value as text, two digits of it."""
    return "< 0.0001" if p < 1e-4 else f"{p:.2g}"
