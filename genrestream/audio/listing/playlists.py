"""Playlists (M3U, PLS, XSPF): which addresses or files a list names. What it names is never a list again."""

import html
import os
import re
import stat
import urllib.parse
from pathlib import Path

from genrestream.audio.formats import is_url, local_path, scheme
from genrestream.errors import AudioError

SUFFIXES = (".m3u", ".m3u8", ".pls", ".xspf")
MAX_BYTES = 1 << 18


def listed(content: bytes, is_m3u: bool = False) -> list[str]:
    """Return what a playlist names, in its order; nothing where the content is no playlist.

    Args:
        content: At most ``MAX_BYTES`` of it are looked at.
        is_m3u: Whether its name says that it is an M3U, which needs no first line of its own.
    """
    if b"\0" in content:
        return []
    text = content[:MAX_BYTES].decode("utf-8-sig", "surrogateescape").strip()
    if text[:10].lower() == "[playlist]":
        return re.findall(r"(?im)^file\d+\s*=\s*(.+?)\s*$", text)
    if "xspf.org/ns" in text[:1000]:
        return [html.unescape(entry) for entry in re.findall(r"<location>\s*(.+?)\s*</location>", text)]
    if is_m3u or text.startswith("#EXTM3U"):
        return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return []


def addresses(content: bytes, url: str) -> list[str]:
    """Return the http(s) addresses that a list from the network names; whatever else it names is passed over."""
    is_m3u = urllib.parse.urlsplit(url).path.lower().endswith((".m3u", ".m3u8"))
    return [address for entry in listed(content, is_m3u) if is_url(address := urllib.parse.urljoin(url, entry))]


def files(path: str) -> list[str]:
    """Return the files and addresses that a local list names, files relative to the list's own folder.

    Raises:
        AudioError: It cannot be read, or names nothing, or a pipe or device, which could keep a run waiting.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise AudioError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    if len(content) > MAX_BYTES:
        raise AudioError(f"{path}: a playlist must be smaller than {MAX_BYTES:,} bytes; name its files")
    found = listed(content, path.lower().endswith((".m3u", ".m3u8")))
    if not found:
        raise AudioError(f"{path}: is no playlist, or an empty one; --playlist takes M3U, PLS and XSPF")
    return [_beside(path, entry) for entry in found]


def _beside(path: str, entry: str) -> str:
    if is_url(entry):
        return entry
    if not scheme(entry) and path.lower().endswith(".xspf"):
        entry = urllib.parse.unquote(entry, errors="surrogateescape")
    file = os.path.join(os.path.dirname(path), local_path(entry))
    if os.path.exists(file) and not stat.S_ISREG(os.stat(file).st_mode):
        raise AudioError(f"{path}: lists {file}, which is no file; name it yourself")
    return str(Path(file))
