"""The options of ``genrestream teach``: one frozen dataclass, which is the command line too."""

import dataclasses
import os
from pathlib import Path

from genrestream.errors import OptionError, UsageError
from genrestream.inference import shipped
from genrestream.inference.card import check_name
from genrestream.inference.shipped import DEFAULT_MODEL


@dataclasses.dataclass(frozen=True)
class TeachConfig:
    """Teach a model your own genres, from a folder of music for each.

    Attributes:
        folder: The folder; with --add the genre, or several of a model of tags.
        name: The model's name, as --model takes it then; or the path of a folder to write it to. The folder's own name
            where not given.
        from_: The model whose frozen network it uses: musicnn-yamnet or musicnn, or the path of a folder.
        labels: A table (CSV) with the columns file and genre, in place of genre folders: its files are below the
            folder. A file may have several genres, one a row or with ; between them; then the model names several.
        add: Add one example to a model that was taught before; its music is not needed again.
        n_chunks: Pieces of 3 s that are used of each song, at most, spread over it.
        any_sound: Take all sound for music. Without it the model still tells speech and noise from music.
        replace: Teach a model again that was taught before.
    """

    folder: tuple[str, ...] = dataclasses.field(default=(), metadata={"positional": True})
    name: str | None = None
    from_: str = DEFAULT_MODEL
    labels: str | None = None
    add: str | None = None
    n_chunks: int = 10
    any_sound: bool = False
    replace: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.n_chunks <= 1000:
            raise OptionError("n_chunks", self.n_chunks, "must be from 1 to 1000")

    @property
    def music(self) -> Path:
        """The folder of music.

        Raises:
            UsageError: None or several are given, or it is no folder.
        """
        folders = [folder for folder in self.folder if folder]  # an empty name would be the folder that one is in
        if len(folders) != 1:
            given = f"{len(folders)} folders" if folders else "no folder"
            raise UsageError(f"{given}; name one folder that holds a folder of music for each genre")
        path = Path(folders[0])
        if not path.is_dir():
            raise UsageError(f"{path}: is not a folder; name one that holds a folder of music for each genre")
        return path

    @property
    def model(self) -> Path:
        """The folder of the model.

        Raises:
            UsageError: It has no name, or one that a model cannot have.
        """
        if self.name is None and self.add is not None:
            raise UsageError(f"--add {self.add}: needs the model's name; give it with --name")
        name = self.name if self.name is not None else self.music.resolve().name
        if any(separator in name for separator in {os.sep, os.altsep, "/"} - {None}):
            path = Path(name)
            check_name(path.resolve().name)
            return path
        try:
            check_name(name)
        except UsageError as error:
            raise UsageError(f"--name {name}: {str(error).partition(' ')[2]}") from error
        if name in shipped.names():
            raise OptionError("name", name, "is the name of a shipped model; choose another")
        return shipped.own_folder() / name
