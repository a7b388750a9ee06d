"""A webhook: each message is posted as JSON, and tried again while the server is away or too busy."""

import base64
import http.client
import json
import urllib.parse

from genrestream.errors import OutputError, first_line
from genrestream.ways_out.now import Now
from genrestream.ways_out.sender import RefusedError
from genrestream.ways_out.target import Target

TIMEOUT_S = 5.0
BUSY = (408, 425, 429)  # as are those from 500


class Webhook:
    """A server that takes JSON by POST. Redirections are not followed.

    Args:
        target: ``http(s)://[USER:PASSWORD@]HOST[:PORT]/PATH``.
    """

    limit, tries = 100, 6

    def __init__(self, target: Target):
        self.name, self._target = target.shown, target
        # A path begins with a slash and is ASCII; what is escaped already stays.
        self._path = urllib.parse.quote("/" + target.path.removeprefix("/"), safe="%/?:@!$&'()*+,;=~")
        self._headers = {"Content-Type": "application/json", "User-Agent": "genrestream"}
        if target.user is not None:
            login = base64.b64encode(f"{target.user}:{target.password or ''}".encode()).decode()
            self._headers["Authorization"] = f"Basic {login}"

    def send(self, message: Now) -> None:
        """Post a message.

        Raises:
            OutputError: The server is away or too busy.
            RefusedError: It answers that it wants no such message.
        """
        kind = http.client.HTTPSConnection if self._target.kind == "https" else http.client.HTTPConnection
        connection = kind(self._target.host, self._target.port, timeout=TIMEOUT_S)
        try:
            body = json.dumps(message.to_dict()).encode()
            connection.request("POST", self._path, body, self._headers)
            status = connection.getresponse().status
        except TimeoutError as error:
            raise OutputError(f"no answer for {TIMEOUT_S:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            cause = getattr(error, "strerror", None) or first_line(error)
            raise OutputError(f"cannot be reached ({cause.lower()})") from error
        finally:
            connection.close()
        if status >= 500 or status in BUSY:
            raise OutputError(f"the server answers {status}")
        if not 200 <= status < 300:
            raise RefusedError(f"the server answers {status}; look at the address")

    def close(self) -> None:
        """Do nothing: each message has a connection of its own."""
