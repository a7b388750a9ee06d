"""How a stream ended: the type from which its messages, the exit code and the records are made."""

import dataclasses
import enum

MAX_POSITIONS = 5  # places of damage that are kept and named


class EndKind(enum.StrEnum):
    """Why nothing more came."""

    OPEN = "open"  # it has not ended yet
    COMPLETE = "complete"
    CUT_SHORT = "cut short"
    BROKEN_OFF = "broken off"
    STALLED = "stalled"
    STOPPED = "stopped"


@dataclasses.dataclass(frozen=True)
class Shortfall:
    """What a header claims, and what is there.

    Attributes:
        found: Bytes or seconds that are there.
        claimed: Bytes or seconds that the header claims.
        unit: Which of the two.
    """

    found: float
    claimed: float
    unit: str = "bytes"

    def __str__(self) -> str:
        if self.unit == "bytes":
            return f"{self.found:,.0f} bytes of the {self.claimed:,.0f} that its header claims"
        return f"{self.found:.1f} s of the {self.claimed:.1f} s that its header claims"


@dataclasses.dataclass(frozen=True)
class Damage:
    """Packets that could not be decoded and were skipped.

    Attributes:
        n_packets: How many.
        positions_s: Where the first of them were, in seconds of the decoded stream.
        cause: Why, in words.
    """

    n_packets: int = 0
    positions_s: tuple[float, ...] = ()
    cause: str = ""

    def plus(self, position_s: float, cause: str, n_packets: int = 1) -> "Damage":
        """Return this with more damaged packets at one place."""
        positions_s = (*self.positions_s, round(position_s, 3))[:MAX_POSITIONS]
        return Damage(self.n_packets + n_packets, positions_s, cause)

    def __str__(self) -> str:
        places = ", ".join(f"{position_s:.1f}" for position_s in self.positions_s)
        more = ", …" if self.n_packets > len(self.positions_s) else ""
        return (
            f"{self.n_packets} damaged packet{'s' * (self.n_packets != 1)} skipped at {places}{more} s ({self.cause})"
        )


@dataclasses.dataclass(frozen=True)
class Ending:
    """How a stream ended, and what was damaged on the way.

    Attributes:
        kind: Why nothing more came.
        at_s: Seconds that were decoded by then.
        cause: For a stream that was cut short, broke off or stalled: more about it, in words.
        shortfall: For a file that was cut short: how much is missing, where its header tells.
        damage: Packets that were skipped.
        notes: Remarks about the input that are not damage, one line each.
    """

    kind: EndKind = EndKind.OPEN
    at_s: float = 0.0
    cause: str = ""
    shortfall: Shortfall | None = None
    damage: Damage = Damage()
    notes: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """What was lost, a line each, and then the exit code is 1; none where all was well or the user stopped it."""
        damaged = (str(self.damage),) if self.damage.n_packets else ()
        because = f" ({self.cause})" if self.cause else ""
        lines = {
            EndKind.CUT_SHORT: f"cut short: {self.shortfall or self.cause}",
            EndKind.BROKEN_OFF: f"broke off after {self.at_s:.1f} s{because}",
            EndKind.STALLED: f"stalled after {self.at_s:.1f} s: {self.cause}",
        }
        return (*damaged, lines[self.kind]) if self.kind in lines else damaged
