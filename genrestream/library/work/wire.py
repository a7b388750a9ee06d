"""Messages through a pipe: a few fields as JSON, and bytes after them if there are samples."""

import json
import struct
from typing import IO, Any

HEAD = struct.Struct("<II")
MAX_FIELDS, MAX_BYTES = 1 << 26, 1 << 30


def send(pipe: IO[bytes], fields: dict[str, Any], body: bytes | memoryview = b"") -> None:
    """Write a message.

    Raises:
        OSError: The other side is gone.
    """
    text = json.dumps(fields).encode()  # ASCII: a name that is not UTF-8 stays as it is
    pipe.write(HEAD.pack(len(text), len(body)) + text)
    pipe.write(body)
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """Return the next message; None if the other side is gone."""
    try:
        head = pipe.read(HEAD.size)
        if len(head) < HEAD.size:
            return None
        n_text, n_body = HEAD.unpack(head)
        if n_text > MAX_FIELDS or n_body > MAX_BYTES:
            return None
        text, body = pipe.read(n_text), pipe.read(n_body)
    except OSError:
        return None
    if len(text) < n_text or len(body) < n_body:
        return None
    return json.loads(text), body
