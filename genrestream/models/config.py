"""The base of the networks' configs, which checks every field."""

import dataclasses
from typing import get_args

from genrestream.errors import UsageError

MAX_UNITS, MAX_LAYERS = 100_000, 16  # a stranger's config must not fill the memory


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Base of the networks' configs, which checks each field by its type.

    Raises:
        UsageError: A size is not positive or too large, a rate is not from 0 to below 1, or a choice is unknown.
    """

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(field.default, float):
                if not isinstance(value, int | float) or not 0 <= value < 1:
                    raise UsageError(f"{field.name}={value!r} must be at least 0 and below 1")
            elif isinstance(field.default, bool | str):
                choices = get_args(field.type) or (False, True)
                if value not in choices or type(value) is not type(field.default):
                    raise UsageError(f"{field.name}={value!r} must be one of {', '.join(map(str, choices))}")
            else:
                _check_sizes(field.name, value, field.default)


def _check_sizes(name: str, value: object, default: object) -> None:
    sizes = value if isinstance(default, tuple) else (value,)
    most = MAX_LAYERS if name == "n_layers" else MAX_UNITS
    least = 0 if name == "n_units" else 1  # the output layer may be the only dense layer
    if not isinstance(sizes, tuple) or not least <= len(sizes) <= MAX_LAYERS:
        raise UsageError(f"{name}={value!r} must be {least} to {MAX_LAYERS} sizes, one a layer")
    if not all(isinstance(size, int) and 0 < size <= most for size in sizes):
        raise UsageError(f"{name}={value!r} must be positive and at most {most}")
