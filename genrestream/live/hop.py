"""The hop of a live run: longer while the machine cannot keep up, then the chosen one again."""

import math

BEHIND_S = 1.0  # this much audio waiting means that the machine is too slow
MAX_HOP_S = 60.0
CALM_ANSWERS = 20  # answers at a longer hop before a shorter one is tried


class AdaptiveHop:
    """Chooses the seconds between answers from the waiting audio and the computing time of an answer.

    Args:
        asked_s: The hop that was asked for, in seconds.
        speed: How many times faster than real time the source plays; at inf it waits for answers, so the hop stays.
        limit_s: Seconds of audio that may wait before blocks are dropped.

    Attributes:
        hop_s: The hop now, in seconds.
    """

    def __init__(self, asked_s: float, speed: float, limit_s: float):
        self.hop_s = self._asked_s = asked_s
        self._speed, self._behind_s = speed, min(limit_s / 2, BEHIND_S * speed)
        self._n_calm = 0

    def adapt(self, waiting_s: float, cost_s: float) -> str:
        """Adapt the hop after an answer.

        Args:
            waiting_s: Seconds of audio that wait.
            cost_s: Seconds of computing that the answer took.

        Returns:
            A message on what changed and why; empty if nothing did.
        """
        self._n_calm += 1
        if math.isinf(self._speed):
            return ""
        if waiting_s > self._behind_s:
            if 2 * self.hop_s <= MAX_HOP_S and (self._n_calm > 1 or self.hop_s == self._asked_s):
                return self._set(2 * self.hop_s, "this machine is too slow")
        elif self.hop_s > self._asked_s and self._n_calm > CALM_ANSWERS and cost_s * self._speed < self.hop_s / 4:
            return self._set(max(self._asked_s, self.hop_s / 2), "this machine keeps up again")
        return ""

    def _set(self, hop_s: float, why: str) -> str:
        self.hop_s, self._n_calm = hop_s, 0
        return f"{why}: an answer each {hop_s:g} s (asked: {self._asked_s:g} s)"
