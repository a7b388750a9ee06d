"""What stands after ``--to``: an address taken apart."""

import dataclasses
import re
import shlex
import urllib.parse

from genrestream.errors import UsageError

PORTS = {"mqtt": 1883, "mqtts": 8883, "osc": None, "http": 80, "https": 443}
FORMS = "mqtt://HOST/TOPIC, osc://HOST:PORT, http://…, https://… or exec:COMMAND"


@dataclasses.dataclass(frozen=True)
class Target:
    """Whom to tell.

    Attributes:
        kind: ``mqtt``, ``mqtts``, ``osc``, ``http``, ``https`` or ``exec``.
        shown: The address without its password, for messages.
        host: Of all but ``exec``.
        port: Of all but ``exec``.
        path: What stands after the host, with its slash and the query.
        user: Name to log in with, if one was given.
        password: And its password.
        command: Of ``exec``: the program and its arguments.
    """

    kind: str
    shown: str
    host: str = ""
    port: int = 0
    path: str = ""
    user: str | None = None
    password: str | None = None
    command: tuple[str, ...] = ()


def parsed(address: str) -> Target:
    """Take an address apart.

    Raises:
        UsageError: It is none that can be sent to.
    """
    if address.startswith("exec:"):
        return _command(address)
    shown = re.sub("(?<=//)[^/]*@", "", re.split("[?#]", address)[0])
    try:
        parts = urllib.parse.urlsplit(address)
    except ValueError as error:
        raise UsageError(f"--to {shown}: is no address; write {FORMS}") from error
    kind = parts.scheme.lower()
    if kind not in PORTS:
        raise UsageError(f"--to {shown}: must be {FORMS}")
    try:
        host, port = parts.hostname, parts.port or PORTS[kind]
    except ValueError as error:
        raise UsageError(f"--to {shown}: its port must be a number from 1 to 65535") from error
    if not host:
        raise UsageError(f"--to {shown}: names no host; write {kind}://HOST{':PORT' if kind == 'osc' else ''}")
    if not port:
        raise UsageError(f"--to {shown}: needs the port that the receiver listens on; write osc://HOST:PORT")
    if any(char.isspace() or not char.isprintable() for char in address):
        raise UsageError(f"--to {shown!r}: has blanks or control characters; write %20 for a blank")
    if "#" in address:
        raise UsageError(f"--to {shown}: has a #; write %23 for it")
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    user, password = (urllib.parse.unquote(one) if one else None for one in (parts.username, parts.password))
    return Target(kind, shown, host, port, path, user, password)


def _command(address: str) -> Target:
    try:
        command = tuple(shlex.split(address.removeprefix("exec:")))
    except ValueError as error:
        raise UsageError(f"--to {address}: {str(error).lower()}; quote it as in a shell") from error
    if not command:
        raise UsageError(f"--to {address}: names no command; write exec:COMMAND")
    return Target("exec", f"exec:{command[0]}", command=command)
