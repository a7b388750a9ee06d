"""The one switch between gradients that are fast on a CPU and those that XLA derives, which GPU and TPU use."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

import jax

FAST = ("max_pool", "kernel", "bands", "computed_once")
_chosen: ContextVar[frozenset[str] | None] = ContextVar("fast gradients", default=None)


def is_fast(name: str) -> bool:
    """Whether the layers that are traced now use the fast form of this name: on a CPU, if `only_fast` says nothing."""
    chosen = _chosen.get()
    return jax.default_backend() == "cpu" if chosen is None else name in chosen


@contextlib.contextmanager
def only_fast(*names: str) -> Iterator[None]:
    """Use the fast forms of these names alone, on any device, for what is traced within; none for XLA's own gradients.

    Raises:
        ValueError: There is no such name.
    """
    if unknown := set(names) - set(FAST):
        raise ValueError(f"{', '.join(sorted(unknown))}: must be of {', '.join(FAST)}")
    before = _chosen.set(frozenset(names))
    try:
        yield
    finally:
        _chosen.reset(before)
