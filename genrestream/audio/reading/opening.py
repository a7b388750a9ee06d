"""Opening an input: which demuxer and protocols may read it, and what its header says against what is there."""

import contextlib
import dataclasses
import errno
import logging
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import av
import av.error
from av.container import InputContainer
from av.logging import PANIC, set_level

from genrestream.audio.formats import RawFormat, is_url, local_path, scheme
from genrestream.audio.listing.playlists import MAX_BYTES, addresses, listed
from genrestream.audio.reading.causes import cause, log
from genrestream.audio.reading.demuxers import REMOTE_PLAYLISTS, allowed, refusal
from genrestream.audio.reading.lengths.extent import Extent, Part, corrected
from genrestream.audio.reading.lengths.measured import extent
from genrestream.audio.reading.ogg import PAGE, Ogg
from genrestream.audio.reading.pipes import Pipe
from genrestream.errors import AudioError

if TYPE_CHECKING:
    from genrestream.audio.reading.network.answer import Answer

NETWORK_TIMEOUT_S = 20.0
IS_PLAYLIST = "is a playlist; name the files that it lists, or say --playlist"
MAX_TRIED = 5  # addresses of a playlist
N_SEARCHED = 1 << 17  # bytes at a file's start in which a page of an Ogg is looked for; a page has 64 KiB at most
FILE_PROTOCOLS, NETWORK_PROTOCOLS = "file", "http,https,tcp,tls,httpproxy"


@dataclasses.dataclass
class Opened:
    """An input, opened.

    Attributes:
        container: What FFmpeg reads now.
        links: Of a chained Ogg, or of files that were joined: the containers after this one.
        failed: Why the links before this one could not be opened.
        ogg: Of an Ogg: its pages.
        pipe: What is read of standard input or a FIFO.
        extent: Of a local file: its audio's bytes, where the header tells them.
        duration_s: The length that an Ogg's last page gives, in seconds.
        n_bytes: The length that a server gives, in bytes; 0 where it gives none.
        answer: Of a server that gives no length: what it sends, unless only FFmpeg can read it.
    """

    container: InputContainer
    links: Iterator[InputContainer | AudioError] = dataclasses.field(default_factory=lambda: iter(()))
    failed: tuple[AudioError, ...] = ()
    ogg: Ogg | None = None
    pipe: Pipe | None = None
    extent: Extent | None = None
    duration_s: float | None = None
    n_bytes: int = 0
    answer: "Answer | None" = None
    files: tuple[Any, ...] = ()

    def close(self) -> None:
        """Close all of it."""
        self.container.close()
        for file in self.files:
            file.close()


def opened(source: str | Path | BinaryIO, raw: RawFormat, name: str) -> Opened:
    """Open an input.

    Raises:
        AudioError: It cannot be opened, or is nothing that may be.
        KeyboardInterrupt: Ctrl-C came while a pipe was waited for.
    """
    _silence_ffmpeg()
    pipe = None
    try:
        if is_url(source):
            return _of_url(source)
        if not isinstance(source, str | Path):
            return _of_file_object(source, raw)
        path = source if source == "-" else Path(local_path(source))
        if path == "-" or (isinstance(path, Path) and path.is_fifo()):
            pipe = Pipe(path)
            return _of_pipe(pipe, raw)
        return _of_path(path)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        if pipe and pipe.is_interrupted:
            raise KeyboardInterrupt from None
        raise AudioError(f"{name}: {_why_not(error)}") from error


def _of_url(url: str, may_be_list: bool = True) -> Opened:
    url = scheme(url) + url[len(scheme(url)) :]  # FFmpeg knows protocols in small letters only
    try:
        container = _container(url, is_remote=True)
    except (av.error.InvalidDataError, av.error.ArgumentError, av.error.OSError) as error:
        if getattr(error, "errno", errno.EIO) != errno.EIO and not isinstance(error, ValueError):
            raise
        content = _beginning(url) if may_be_list else b""
        if entries := addresses(content, url):
            return _first_of(entries)
        if not content or refusal(log(error)):
            raise
        raise ValueError("is not audio that FFmpeg can decode") from error
    n_bytes = max(0, container.size)
    answer = None if n_bytes or REMOTE_PLAYLISTS & {*container.format.name.split(",")} else _answer(url)
    if container.format.name == "ogg":
        container.close()
        stream = answer or NetworkBytes(url)
        return dataclasses.replace(_of_ogg(Ogg(stream.read), stream), n_bytes=n_bytes, answer=answer)
    read_here = _of_answer(answer) if answer else None
    if read_here:
        container.close()
    return read_here or Opened(container, n_bytes=n_bytes)


def _answer(url: str) -> "Answer | None":
    """Ask for a stream once more, to read it here; return None where the server does not send it again."""
    from genrestream.audio.reading.network.answer import Answer  # its HTTP client takes a while to import

    with contextlib.suppress(OSError, ValueError):
        return Answer(url, NETWORK_TIMEOUT_S)
    return None


def _of_answer(answer: "Answer") -> Opened | None:
    """Open what a server sends; return None where FFmpeg cannot read it so."""
    try:
        return Opened(_container(answer, is_remote=True), answer=answer, files=(answer,))
    except (av.error.FFmpegError, OSError, ValueError):
        answer.close()
        return None


def _first_of(urls: list[str]) -> Opened:
    """Open the first address of a list that can be opened: stations list several servers of one stream."""
    for url in urls[: MAX_TRIED - 1]:
        with contextlib.suppress(av.error.FFmpegError, OSError, ValueError):
            return _of_url(url, may_be_list=False)
    return _of_url(urls[-1], may_be_list=False)


def _beginning(url: str) -> bytes:
    """Return the first bytes of what a server sends, as many as a playlist may have."""
    stream, content = NetworkBytes(url), b""
    try:
        while len(content) < MAX_BYTES and (more := stream.read(MAX_BYTES)):
            content += more
    except (av.error.FFmpegError, OSError):  # without a length, an end looks like a broken connection
        pass
    finally:
        stream.close()
    return content


def _of_file_object(file: BinaryIO, raw: RawFormat) -> Opened:
    seekable = getattr(file, "seekable", None)
    if not hasattr(file, "seek") or (seekable and not seekable()):
        return _of_pipe(Pipe(file), raw)
    place = file.tell()
    first = file.read(len(PAGE))
    file.seek(place)
    if first == PAGE and raw.raw_rate is None:
        return _of_ogg(Ogg(file.read))
    return Opened(_container(file, raw=raw))


def _of_pipe(pipe: Pipe, raw: RawFormat) -> Opened:
    if raw.raw_rate is None:
        first = pipe.peek(len(PAGE))
        if not first:
            raise ValueError("is empty")
        if first == PAGE:
            found = _of_ogg(Ogg(pipe.read), pipe)
            found.pipe = pipe
            return found
    return Opened(_container(pipe, raw=raw), pipe=pipe, files=(pipe,))


def _of_path(path: Path) -> Opened:
    kind = path.stat()
    if stat.S_ISDIR(kind.st_mode):
        raise ValueError("is a folder; name a file")
    if not stat.S_ISREG(kind.st_mode):
        raise ValueError("is a device or socket; name a file or a pipe")
    if kind.st_size == 0:
        raise ValueError("is empty")
    with path.open("rb") as file:
        if listed(file.read(1000), path.suffix.lower() in (".m3u", ".m3u8")):
            raise ValueError(IS_PLAYLIST)
    at = extent(path)
    if at and at.is_understated:
        file = corrected(path, at)
        return Opened(_container(file), extent=at, files=(file,))
    try:
        container = _container(f"file:{path}")  # "file:" keeps a colon in a name from being a protocol
    except av.error.FFmpegError:
        if not _has_page(path):
            raise
        return _of_ogg_file(path)  # it may begin in the middle of a stream, and another one follow
    if container.format.name != "ogg":
        opened = Opened(container, extent=at)
        opened.links = _joined(path, opened)
        return opened
    duration_s = container.duration / av.time_base if container.duration else None
    container.close()
    return dataclasses.replace(_of_ogg_file(path), duration_s=duration_s)


def _has_page(path: Path) -> bool:
    with path.open("rb") as file:
        return PAGE in file.read(N_SEARCHED)


def _of_ogg_file(path: Path) -> Opened:
    file = path.open("rb")
    return _of_ogg(Ogg(file.read), file)


def _of_ogg(ogg: Ogg, *files: Any) -> Opened:
    links, failed = _containers(ogg.links()), []
    for link in links:
        if not isinstance(link, AudioError):
            return Opened(link, links, tuple(failed), ogg, files=files)
        failed.append(link)
    for file in files:
        file.close()
    raise ValueError(str(failed[-1]) if len(failed) > 1 else "is not audio that FFmpeg can decode, or lacks its start")


def _joined(path: Path, first: Opened) -> Iterator[InputContainer | AudioError]:
    """Open the files that were joined to the first one, one after another; the extent is then the present one's."""
    begin = 0
    while first.extent and first.extent.next_at:
        begin += first.extent.next_at
        first.extent = extent(path, begin)
        file = Part(path, begin)
        first.files = (file,)
        try:
            yield _container(file)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            yield AudioError(cause(error))
        file.close()


def _containers(links: Iterator[Any]) -> Iterator[InputContainer | AudioError]:
    """Open one link after another; one that cannot be opened is an error among them."""
    for link in links:
        try:
            yield _container(link)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            yield AudioError(cause(error))


def _container(
    source: Any, *, is_remote: bool = False, raw: RawFormat | None = None, demuxer: str | None = None
) -> InputContainer:
    options = {"protocol_whitelist": NETWORK_PROTOCOLS if is_remote else FILE_PROTOCOLS}
    options["format_whitelist"] = demuxer or allowed(is_remote)
    if raw and raw.raw_rate is not None:
        demuxer = raw.raw_format
        options |= {"sample_rate": str(raw.raw_rate), "ch_layout": f"{raw.raw_channels}C"}
    timeout_s = NETWORK_TIMEOUT_S if is_remote else None
    opened = av.open(source, "r", format=demuxer, options=options, metadata_errors="replace", timeout=timeout_s)
    return cast(InputContainer, opened)


class NetworkBytes:
    """What a server sends, as bytes; FFmpeg speaks to it."""

    def __init__(self, url: str):
        self._container = _container(url, is_remote=True, demuxer="data")
        self._packets = self._container.demux()

    def read(self, n_bytes: int) -> bytes:
        """Return some of the next bytes, about as many as asked for at most; none at the end."""
        return b"".join(bytes(packet) for packet in [next(self._packets, None)] if packet is not None)

    def close(self) -> None:
        """Close the connection."""
        self._container.close()


def _why_not(error: Exception) -> str:
    if refused := refusal(log(error)):
        return IS_PLAYLIST if refused == "is a playlist" else f"{refused}; name a file with sound"
    if is_timeout(error):
        return f"no answer for {NETWORK_TIMEOUT_S:g} s"
    return cause(error)


def is_timeout(error: Exception) -> bool:
    """Whether a server was silent for too long; FFmpeg's words for that are "Immediate exit requested"."""
    return isinstance(error, av.error.ExitError) or (isinstance(error, TimeoutError) and error.errno is None)


def _silence_ffmpeg() -> None:
    """Keep FFmpeg's own messages off the terminal: what matters of them is raised or in the ending."""
    logging.getLogger("libav").setLevel(logging.CRITICAL)
    set_level(PANIC)
