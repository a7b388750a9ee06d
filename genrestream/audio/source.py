"""Sources: any file, pipe or network stream that FFmpeg reads, block by block, in constant memory."""

import dataclasses
import errno
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import av
import av.error
import numpy as np

from genrestream.audio.formats import DSD_RATES, MAX_CHANNELS, SAMPLE_RATES, RawFormat, is_url
from genrestream.audio.pcm import planes
from genrestream.audio.reading import opening
from genrestream.audio.reading.ahead import Ahead, called
from genrestream.audio.reading.causes import cause
from genrestream.audio.reading.ending import Damage, Ending, EndKind, Shortfall
from genrestream.audio.reading.frames import CODECS, frame_bytes
from genrestream.audio.reading.lengths.claims import claimed_s, tolerance_s
from genrestream.errors import AudioError

WARM_UP_S = 0.5  # decoded before a window: an MP3's frame needs bits of those before it
CLOSING_S = 0.5  # close() waits this long for a read in another thread; after that the reading thread closes the input
LATE_STREAM = "packets of a stream that begins on the way were left out"
MAX_GAP_S = 0.01  # rounded times may leave smaller gaps between neighbouring frames
DIVISIBLE = (
    "pcm",
    "adpcm_adx",
)  # codecs of which any part of a packet can be decoded, so that a short last one is no loss

Block = tuple[np.ndarray, int]


class AudioSource:
    """One opened input; iterate over it for blocks, close it after, or use it in a ``with``.

    Iteration yields float32 blocks of shape (n_channels, n_samples), -1 to 1, each with its sample rate, which a
    stream may change in the middle. If another thread closes it, the iteration raises an AudioError.

    Args:
        source: A path, an ``http(s)://`` address, ``-`` for standard input, or a binary file object.
        raw: The format of headerless PCM.
        track: Which audio track, counted from 1; None for the one that is marked as default.
        window: First and last second of the part to decode; what lies before it is skipped, and after it the iteration
            ends without a look at the rest. All of it where None.

    Attributes:
        name: What was opened, for messages.
        duration_s: The length that the header claims, in seconds; None where it claims none.
        is_endless: Whether it is a network stream of unknown length, such as a radio station.
        is_local: Whether it is a file on this machine, whose blocks need not be waited for.
        ending: How it ended; of kind ``open`` while it is read, and updated meanwhile.

    Raises:
        AudioError: It cannot be opened, or has no audio.
    """

    def __init__(
        self,
        source: str | Path | BinaryIO,
        raw: RawFormat | None = None,
        track: int | None = None,
        window: tuple[float, float] | None = None,
    ):
        self.name = str(source) if isinstance(source, str | Path) else getattr(source, "name", "stream")
        self._is_remote = is_url(source)
        self._reading, self._is_closed = threading.Lock(), False
        self._decoded_s = self._lost_s = self._link_s = 0.0
        self._from_s, self._to_s = window or (0.0, math.inf)
        self._is_incomplete, self._n_lost_pages = False, 0

        def begin() -> Any:
            return opening.opened(source, raw or RawFormat(), self.name)

        self._input = called(begin) if self._is_remote else begin()
        try:
            self._track = track
            notes = self._choose()
        except AudioError:
            self._input.close()
            raise
        self.duration_s = self._input.duration_s or claimed_s(self._input.container, self._stream)
        if self._input.extent and self._input.extent.next_at:
            self.duration_s = None  # it is the first file's, and others are joined to it
        self.is_endless = self._is_remote and not self._input.n_bytes
        self.is_local = not self._is_remote and not self._input.pipe
        self.ending = Ending(notes=notes)
        self._note_understatement()
        for error in self._input.failed:
            self._damage(f"a part that {error}")

    def __enter__(self) -> "AudioSource":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def problems(self) -> list[str]:
        """What was lost or damaged so far, one line each."""
        return list(self.ending.problems)

    @property
    def notes(self) -> list[str]:
        """Remarks about the input that are not damage, one line each."""
        return list(self.ending.notes)

    @property
    def title(self) -> str:
        """What a radio station says is playing, in one printable line; empty where nobody says it."""
        return self._input.answer.title if self._input.answer else ""

    @property
    def tags(self) -> dict[str, str]:
        """What the file's tags say, by name in small letters: those of the audio track before those of the file."""
        both = (self._input.container.metadata, self._stream.metadata)
        return {name.lower(): text for tags in both for name, text in tags.items()}

    def close(self) -> None:
        """Close the file or connection; if another thread reads for longer, it closes them when its read ends."""
        self._is_closed = True
        if self.ending.kind is EndKind.OPEN:
            self._end(EndKind.STOPPED)
        if self._reading.acquire(timeout=CLOSING_S):
            try:
                self._input.close()
            finally:
                self._reading.release()

    def __iter__(self) -> Iterator[Block]:
        yield from Ahead(self._blocks).items() if self._is_remote else self._blocks()

    def _blocks(self) -> Iterator[Block]:
        """Yield the blocks of all links, and note how the last one ended."""
        kind, why = EndKind.COMPLETE, ""
        while True:
            packets = self._packets()
            while (frames := self._read(lambda packets=packets: self._decoded(packets))) is not None:
                if isinstance(frames, Ending):
                    kind, why = frames.kind, frames.cause
                    break
                yield from frames
            if self._decoded_s >= self._to_s or not self._read(self._advance):
                break
            if kind is not EndKind.COMPLETE:
                self._damage(f"a part breaks off: {why}")
            kind, why = EndKind.COMPLETE, ""
        if self._input.answer and self._input.answer.error:
            ending = self._broken(self._input.answer.error)
            kind, why = ending.kind, ending.cause
        self._conclude(kind, why)

    def _read(self, step: Any) -> Any:
        """Run one step of reading under the lock; if the source was closed meanwhile, close the input and raise."""
        with self._reading:
            result = None if self._is_closed else step()
            if self._is_closed:  # by a thread that may not have waited for this step
                self._input.close()
                raise AudioError(f"{self.name}: was closed; open it again to read on")
        if self._input.pipe and self._input.pipe.is_interrupted:
            raise KeyboardInterrupt
        return result

    def _packets(self) -> Iterator[Any]:
        """Yield the track's packets; PyAV raises an IndexError for a packet of a stream that appeared after opening."""
        while True:
            try:
                yield from self._input.container.demux(self._stream)
                return
            except IndexError:
                self._note(LATE_STREAM)

    def _decoded(self, packets: Iterator[Any]) -> list[Block] | Ending | None:
        """Return the next packet's blocks, an Ending where the rest cannot be reached, or None at the end."""
        try:
            packet = next(packets, None)
        except (av.error.FFmpegError, OSError) as error:
            return self._broken(error)
        ogg = self._input.ogg
        if ogg and ogg.n_lost > self._n_lost_pages:
            self._damage("pages are missing", ogg.n_lost - self._n_lost_pages)
            self._n_lost_pages = ogg.n_lost
        if packet is None or self._decoded_s >= self._to_s:
            return None
        if self._from_s and self._is_skipped(packet):
            return []
        if packet.size and self._is_incomplete:  # another packet follows, so the incomplete one was not the end
            self._damage("a packet is incomplete")
        try:
            frames = packet.decode()
        except av.error.FFmpegError as error:
            is_emptied_twice = isinstance(error, av.error.EOFError) and not packet.size
            if self._decoded_s >= self._from_s and not is_emptied_twice:
                self._damage(cause(error))
            return []
        if self._decoded_s < self._from_s:
            return self._warming_up(frames)
        if packet.size and not self._is_divisible:
            self._is_incomplete = packet.is_corrupt or any(frame.is_corrupt for frame in frames) or self._is_cut(packet)
        return [self._block(frame) for frame in frames]

    def _is_skipped(self, packet: Any) -> bool:
        """Whether a packet lies well before the window, so that nothing of it has to be decoded."""
        if packet.pts is None or not packet.duration:
            return False
        end_s = self._link_s + float((packet.pts + packet.duration - (self._stream.start_time or 0)) * packet.time_base)
        if end_s > self._from_s - WARM_UP_S:
            return False
        self._decoded_s = max(self._decoded_s, end_s)
        return True

    def _warming_up(self, frames: list[Any]) -> list[Block]:
        """Drop frames before the window, whatever they are like."""
        blocks = []
        for frame in frames:
            is_before = self._decoded_s < self._from_s
            block = self._block(frame)
            if not is_before:
                blocks.append(block)
        return blocks

    def _is_cut(self, packet: Any) -> bool:
        """Whether a packet holds less of a frame than the frame's own header tells."""
        return self._has_frame_length and packet.size < (frame_bytes(bytes(memoryview(packet)[:3])) or 0)

    def _block(self, frame: Any) -> Block:
        n_channels, rate = frame.layout.nb_channels, frame.sample_rate
        if rate not in self._rates:
            raise AudioError(
                f"{self.name}: sample rate {rate} Hz must be from {self._rates[0]} to {self._rates[-1]} Hz"
            )
        if not 1 <= n_channels <= MAX_CHANNELS:
            raise AudioError(f"{self.name}: {n_channels} channels, must be 1 to {MAX_CHANNELS}")
        if frame.format.is_planar and n_channels > 7:  # PyAV 18 reads past its 8 pointers and crashes
            (frame,) = av.AudioResampler(format="flt").resample(frame)
        if self._has_frame_times:
            self._note_gap(frame)
        self._decoded_s += frame.samples / rate
        return planes(frame.to_ndarray(), n_channels), rate

    def _note_gap(self, frame: Any) -> None:
        """Note FLAC frames that are missing: FFmpeg drops damaged ones silently, but each frame has its time."""
        gap_s = frame.time - self._decoded_s - self._lost_s if frame.time is not None else 0.0
        if gap_s > MAX_GAP_S:
            self._damage(f"{gap_s:.2f} s are missing")
            self._lost_s += gap_s

    def _broken(self, error: av.error.FFmpegError | OSError) -> Ending:
        if opening.is_timeout(error):
            return Ending(EndKind.STALLED, cause=f"silent for {opening.NETWORK_TIMEOUT_S:g} s")
        # FFmpeg says so, too, where a server that gives no length closes the connection at the end.
        if self.is_endless and not self._input.answer and error.errno == errno.EIO:
            return Ending(EndKind.COMPLETE)
        return Ending(EndKind.BROKEN_OFF, cause=cause(error))

    def _advance(self) -> bool:
        """Go on to the next link of a chained stream; return False where there is none."""
        for link in self._input.links:
            if isinstance(link, AudioError):
                self._damage(f"a part that {link}")
                continue
            self._input.container.close()
            self._input.container, self._link_s = link, self._decoded_s
            self._choose()
            return True
        return False

    def _choose(self) -> tuple[str, ...]:
        """Choose the track to listen to; return a note where there are several."""
        container, notes = self._input.container, ()
        tracks = container.streams.audio
        if not tracks:
            raise AudioError(f"{self.name}: has no audio stream; give a file with sound")
        if self._track is None:
            self._stream = container.streams.best("audio") or tracks[0]
            number = list(tracks).index(self._stream) + 1
            if len(tracks) > 1:
                notes = (f"{len(tracks)} audio tracks; track {number} is the default one, --track takes another",)
        elif 1 <= self._track <= len(tracks):
            self._stream = tracks[self._track - 1]
        else:
            raise AudioError(f"{self.name}: has no audio track {self._track}; it has {len(tracks)}, counted from 1")
        if self._stream.codec_context is None:
            raise AudioError(f"{self.name}: its audio is in a codec that FFmpeg does not know; convert it")
        codec = self._stream.codec_context.name
        self._is_divisible, self._has_frame_times = codec.startswith(DIVISIBLE), container.format.name == "flac"
        self._has_frame_length = codec in CODECS
        self._rates = DSD_RATES if codec.startswith(("dsd", "dst")) else SAMPLE_RATES
        return notes

    def _note_understatement(self) -> None:
        at = self._input.extent
        if at and at.is_understated and not at.is_placeholder:
            line = f"its header claims {at.claimed:,} bytes of audio, it holds {at.found:,}; all were read"
            self._note(line)
            self.duration_s = claimed_s(self._input.container, self._stream)

    def _note(self, line: str) -> None:
        if line not in self.ending.notes:
            self.ending = dataclasses.replace(self.ending, notes=(*self.ending.notes, line))

    def _damage(self, why: str, n_packets: int = 1) -> None:
        damage: Damage = self.ending.damage.plus(self._decoded_s, why, n_packets)
        self.ending = dataclasses.replace(self.ending, damage=damage)

    def _end(self, kind: EndKind, why: str = "", shortfall: Shortfall | None = None) -> None:
        self.ending = dataclasses.replace(
            self.ending, kind=kind, cause=why, shortfall=shortfall, at_s=round(self._decoded_s, 3)
        )

    def _conclude(self, kind: EndKind, why: str) -> None:
        """Compare the decoded length with the length that the header claims."""
        if self._decoded_s == 0:
            reason = why or self.ending.damage.cause or "the stream is empty"
            raise AudioError(f"{self.name}: no audio could be decoded ({reason})")
        at, ogg, shortfall = self._input.extent, self._input.ogg, None
        if self._decoded_s >= self._to_s:
            kind, why = EndKind.COMPLETE, ""
        elif kind is EndKind.STALLED or (self._is_remote and kind is EndKind.BROKEN_OFF):
            pass
        elif at and at.is_cut:
            kind, shortfall = EndKind.CUT_SHORT, Shortfall(*at.whole)
        elif ogg:
            if not ogg.is_ended and not self._is_remote:
                kind, why = EndKind.CUT_SHORT, "its last page does not mark the end"
        elif self.duration_s and self._decoded_s < self.duration_s - tolerance_s(
            self._input.container, self.duration_s
        ):
            kind, shortfall = EndKind.CUT_SHORT, Shortfall(self._decoded_s, self.duration_s, "s")
        elif self._is_incomplete:
            kind, why = EndKind.CUT_SHORT, "its last packet is incomplete"
        self._end(kind, why, shortfall)
