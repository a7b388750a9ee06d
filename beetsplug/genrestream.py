"""The beets plug-in: fills ``genre`` of imported tracks that have none.

In beets' config.yaml::

    plugins: genrestream
    genrestream:
        auto: yes               # on import; without it only 'beet genrestream' does
        model: musicnn-yamnet
        min_probability: 0.6
        overwrite: no
        per_track: 30           # seconds from the middle, 0 for all
"""

from collections.abc import Iterable
from typing import Any

from beets import ui
from beets.library import Item
from beets.plugins import BeetsPlugin

from genrestream.errors import GenrestreamError


class GenrestreamPlugin(BeetsPlugin):
    """Fills genres by their sound."""

    def __init__(self) -> None:
        super().__init__()
        self.config.add(
            {
                "auto": True,
                "model": "musicnn-yamnet",
                "min_probability": 0.6,
                "overwrite": False,
                "per_track": 30.0,
            }
        )
        self._namer: Any = None
        if self.config["auto"].get(bool):
            self.import_stages = [self._imported]

    def commands(self) -> list[ui.Subcommand]:
        """Return ``beet genrestream [QUERY]``."""
        command = ui.Subcommand("genrestream", help="fill the genre of tracks by listening to them")
        command.parser.add_option("-f", "--force", action="store_true", help="also of those that have one")
        command.parser.add_option("-p", "--pretend", action="store_true", help="show the genres, change nothing")
        command.func = self._run
        return [command]

    def _run(self, lib: Any, options: Any, arguments: list[str]) -> None:
        self._fill(lib.items(arguments), force=bool(options.force), pretend=bool(options.pretend))

    def _imported(self, _session: Any, task: Any) -> None:
        self._fill(task.imported_items())

    def _fill(self, items: Iterable[Item], force: bool = False, pretend: bool = False) -> None:
        force = force or self.config["overwrite"].get(bool)
        for item in items:
            before = genres_of(item)
            if before and not force:
                continue
            try:
                genres = self._genres(item)
            except GenrestreamError as error:
                self._log.warning("{}", error)
                continue
            if not genres or genres == before:
                continue
            self._log.info("{}: {}", item, ", ".join(genres))
            if not pretend:
                fill(item, genres)
                item.store()
                if ui.should_write():
                    item.try_write()

    def _genres(self, item: Item) -> list[str]:
        from genrestream.library.namer import Namer  # the model takes a second: only where a track has no genre

        if self._namer is None:
            self._namer = Namer(self.config["model"].as_str(), self.config["per_track"].as_number())
        return self._namer.genres(item.filepath, self.config["min_probability"].as_number())


def genres_of(item: Item) -> list[str]:
    """Return a track's genres: beets 2.7 and later have several."""
    found = item.get("genres") if "genres" in Item._fields else None
    return list(found) if found else [one] if (one := item.get("genre")) else []


def fill(item: Item, genres: list[str]) -> None:
    """Set a track's genres."""
    if "genres" in Item._fields:
        item.genres = genres
    else:
        item.genre = ", ".join(genres)
