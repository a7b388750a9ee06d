"""Which other programs are sent what plays: options that ``listen`` and ``serve`` share."""

import dataclasses

from genrestream.errors import check_number
from genrestream.ways_out.target import parsed


@dataclasses.dataclass(frozen=True)
class WaysOutConfig:
    """Other programs that are sent what plays.

    Attributes:
        to: Tell another program: mqtt://HOST/TOPIC, osc://HOST:PORT, a webhook's http(s):// address, or exec:COMMAND,
            which gets JSON on its standard input. May be given several times.
        every_s: Tell it every so many seconds, and whenever the answer changes.
    """

    to: tuple[str, ...] = ()
    every_s: float = 10.0

    def __post_init__(self) -> None:
        check_number("every_s", self.every_s, 0.1, 86_400, "from 0.1 to 86400 seconds")
        for address in self.to:
            parsed(address)
