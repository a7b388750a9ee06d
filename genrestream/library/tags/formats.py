"""Where each kind of file keeps its genres; mutagen (GPL-2.0-or-later, an extra) reads and writes them."""

import dataclasses
from typing import Any, cast

from genrestream.errors import AudioError, UsageError

try:
    import mutagen
    from mutagen import apev2, asf, id3, mp4
    from mutagen._vorbis import VComment
except ImportError as error:
    raise UsageError("tags need mutagen; pip install 'genrestream[tags]'") from error

APE, ASF, MP4, ID3 = "Genre", "WM/Genre", "\xa9gen", "TCON"


@dataclasses.dataclass
class Tagged:
    """A file's tags, opened.

    Attributes:
        path: The file.
        file: mutagen's object.
    """

    path: str
    file: Any

    @property
    def genres(self) -> list[str]:
        """The genres in the tag; empty if there are none."""
        tags: Any = self.file.tags
        if tags is None:
            return []
        if isinstance(tags, id3.ID3):
            frames = cast(list[Any], tags.getall(ID3))
            found = [text for frame in frames for text in frame.genres]
        elif isinstance(tags, mp4.MP4Tags):
            found = list(tags.get(MP4) or [])
        else:
            found = list(tags.get(_key(tags)) or [])
        return [text for one in found if (text := str(one).strip())]

    def write(self, genres: list[str]) -> None:
        """Write genres, in place.

        Raises:
            AudioError: The file cannot hold them, or cannot be written.
        """
        try:
            if self.file.tags is None:
                self.file.add_tags()
            tags: Any = self.file.tags
            if isinstance(tags, id3.ID3):
                tags.setall(ID3, [id3.TCON(encoding=id3.Encoding.UTF8, text=genres)])
            else:
                tags[MP4 if isinstance(tags, mp4.MP4Tags) else _key(tags)] = genres
            self.file.save()
        except (mutagen.MutagenError, OSError, ValueError, KeyError, TypeError, NotImplementedError) as error:
            raise AudioError(f"{self.path}: its tag cannot be written ({_cause(error)}); left alone") from error


def opened(path: str, name: str = "") -> Tagged:
    """Open a file's tags.

    Args:
        path: The file.
        name: The file's name in errors; its path if empty.

    Raises:
        AudioError: It is damaged, or this kind of file has no tag for genres.
    """
    name = name or path
    try:
        file = mutagen.File(path)
        if file is None:
            raise AudioError(f"{name}: this kind of file has no tag for genres; left alone")
        if file.tags is None:
            file.add_tags()
            file = mutagen.File(path) or file  # nothing was written
        tagged = Tagged(name, file)
        _ = tagged.genres
        return tagged
    except AudioError:
        raise
    except Exception as error:  # a stranger's file: mutagen raises errors of many types on damaged ones
        raise AudioError(f"{name}: its tag cannot be read ({_cause(error)}); left alone") from error


def _key(tags: Any) -> str:
    if isinstance(tags, VComment):
        return "GENRE"
    if isinstance(tags, asf.ASFTags):
        return ASF
    if isinstance(tags, apev2.APEv2):
        return APE
    raise TypeError(f"{type(tags).__name__} has no place for genres")


def _cause(error: Exception) -> str:
    text = str(error).splitlines()
    return (text[0] if text else "") or type(error).__name__
