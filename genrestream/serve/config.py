"""How the page is served, to whom, and what is kept."""

import dataclasses
import ipaddress
import os
from pathlib import Path

from genrestream.errors import OptionError, UsageError, check_number

LEAST_TOKEN = 12  # characters
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclasses.dataclass(frozen=True)
class ServeConfig:
    """How the page is served, and to whom.

    Attributes:
        host: Address to listen on. Any other than this machine's own loopback needs a token.
        port: Port to listen on; 0 for any free one.
        token: Secret that a visitor must know: http://HOST:PORT/?token=TOKEN, once for each browser. It can be given
            in the environment variable GENRESTREAM_TOKEN, where other users of this machine do not see it.
        allow_host: Further name under which the page may be reached, such as that of a proxy before it. May be given
            several times.
        max_sessions: Microphones and files of visitors that are classified at the same time, at most.
        max_minutes: Minutes after which a visitor's microphone is ended.
        max_upload_mb: Size of a visitor's file, at most.
    """

    host: str = "127.0.0.1"
    port: int = 8321
    token: str | None = None
    allow_host: tuple[str, ...] = ()
    max_sessions: int = 4
    max_minutes: float = 60.0
    max_upload_mb: int = 200

    def __post_init__(self) -> None:
        check_number("port", self.port, 0, 65_535, "from 0 to 65535")
        check_number("max_sessions", self.max_sessions, 0, 1000, "from 0 to 1000")
        check_number("max_minutes", self.max_minutes, 0.1, 100_000, "from 0.1 to 100000 minutes")
        check_number("max_upload_mb", self.max_upload_mb, 1, 100_000, "from 1 to 100000 MB")
        token = self.secret
        if token is not None and (len(token) < LEAST_TOKEN or not token.isascii() or not token.isprintable()):
            rule = f"must have at least {LEAST_TOKEN} characters, all ASCII"
            raise OptionError("token", "(not shown)", rule)
        if not self.is_loopback and token is None:
            rule = "others can reach this address, so it needs --token SECRET, or GENRESTREAM_TOKEN in the environment"
            raise OptionError("host", self.host, rule)

    @property
    def secret(self) -> str | None:
        """The token, from the option or the environment."""
        return self.token if self.token is not None else os.environ.get("GENRESTREAM_TOKEN") or None

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclasses.dataclass(frozen=True)
class HistoryConfig:
    """What the server keeps of what its own inputs played. Microphones and files of visitors are never kept.

    Attributes:
        history: Keep it in this SQLite file; in the user's data folder where not given.
        keep_days: Days after which it is forgotten.
        no_history: Keep nothing after the server ends.
    """

    history: str | None = None
    keep_days: float = 30.0
    no_history: bool = False

    def __post_init__(self) -> None:
        check_number("keep_days", self.keep_days, 0.05, 36_500, "from 0.05 to 36500 days")
        if self.no_history and self.history is not None:
            raise OptionError("history", self.history, "cannot be used together with --no-history")


def default_history() -> Path:
    """Return where the history is kept unless another place is named.

    Raises:
        UsageError: This user has no home folder.
    """
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    if not os.path.isabs(data):
        raise UsageError("history: this user has no home folder; name a file with --history, or say --no-history")
    return Path(data) / "genrestream" / "history.sqlite"
