"""Signals that ask a live run to end, so that it can say what it knows and close its files."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def signals_received() -> Iterator[list[int]]:
    """Collect the signals that ask for an end instead of dying of them; the second of a kind kills as ever."""
    received: list[int] = []
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    handlers = {getattr(signal, name): signal.getsignal(getattr(signal, name)) for name in names}
    before = {signum: handler for signum, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}  # nohup

    def note(signum: int, _: FrameType | None) -> None:
        received.append(signum)
        signal.signal(signum, before[signal.Signals(signum)])

    for signum in before:
        signal.signal(signum, note)
    try:
        yield received
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
