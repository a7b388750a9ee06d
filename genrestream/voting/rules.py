"""The rules of the votes, and what a half-life may be: the command line needs them before NumPy is imported."""

from typing import Literal

from genrestream.errors import check_number

Rule = Literal["mean", "majority", "decay"]
TINY_S = 1e-9  # the shortest half-life, in seconds: in effect the last chunk alone counts


def check_half_life(half_life_s: float) -> None:
    """Make sure that a half-life is possible.

    Raises:
        OptionError: It is not.
    """
    check_number("half_life_s", half_life_s, TINY_S, 3600, "more than 0 and at most 3600 seconds")
