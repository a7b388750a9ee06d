"""The overview that ``genrestream`` prints, and what stands under each command's help."""

from genrestream.cli.library.options import MergeOptions, PlaylistOptions, ScanOptions, TagOptions
from genrestream.cli.options import DevicesOptions, ExportOptions, FileOptions, ListenOptions, ModelsOptions
from genrestream.cli.serving.options import HistoryOptions, ServeOptions
from genrestream.teaching.config import TeachConfig

COMMANDS: dict[str, type] = {
    "file": FileOptions,
    "listen": ListenOptions,
    "serve": ServeOptions,
    "history": HistoryOptions,
    "scan": ScanOptions,
    "tag": TagOptions,
    "playlist": PlaylistOptions,
    "merge": MergeOptions,
    "devices": DevicesOptions,
    "models": ModelsOptions,
    "teach": TeachConfig,
    "export": ExportOptions,
}
FOLDERS = {  # of cli, where a command is in one
    "serve": "serving", "history": "serving", "models": "modelling", "export": "modelling", "teach": "modelling",
    "scan": "library", "tag": "library", "playlist": "library", "merge": "library",
}  # fmt: skip
EXAMPLES = {
    "file": (
        "genrestream file song.mp3                a live screen, then the genre",
        "genrestream file album/ -o genres.csv    a folder into a table",
    ),
    "listen": (
        "genrestream listen                       the default microphone",
        "genrestream listen --device monitor      what this machine plays",
    ),
    "serve": (
        "genrestream serve                        a page on the default microphone",
        "genrestream serve --source http://radio.example/live --to mqtt://localhost",
    ),
    "history": (
        "genrestream history                      what played today",
        "genrestream history --day yesterday -o day.png",
    ),
    "scan": (
        "genrestream scan ~/Music                 into library.sqlite; again: the rest",
        "genrestream scan /nas --db nas.parquet   into another format",
    ),
    "tag": (
        "genrestream tag library.sqlite --dry-run what would be written into the files",
        "genrestream tag library.sqlite --undo    all as it was",
    ),
    "playlist": (
        "genrestream playlist library.sqlite      a list a genre, in playlists/",
        "genrestream playlist library.sqlite --output ~/Music --relative",
    ),
    "merge": (
        "genrestream merge part1.sqlite part2.sqlite --db all.sqlite",
        "genrestream merge library.sqlite --db library.csv",
    ),
    "devices": (
        "genrestream devices                      all inputs",
        "genrestream devices | grep loopback      what records this machine's sound",
    ),
    "models": (
        "genrestream models                       the table",
        "genrestream models musicnn -f json       all that is known of one, as JSON",
    ),
    "export": (
        "genrestream export yamnet model.onnx     for ONNX Runtime, also in a browser",
        "genrestream export cnn model.stablehlo   for jax.export.deserialize",
    ),
    "teach": (
        "genrestream teach genres/ --name mine    a folder of music for each genre",
        "genrestream teach --name mine --add clip.wav polka    one example more",
    ),
}
CODES = (
    "0    all went well",
    "1    an input or output failed or was damaged",
    "2    wrong usage",
)
RUN_CODES = (
    *CODES,
    "130  Ctrl-C, after what is known was written (129: SIGHUP, 143: SIGTERM)",
    "141  the reader of the output went away",
)


def overview() -> str:
    """Return the short help of the whole command."""
    lines = [
        "usage: genrestream COMMAND [options]",
        "",
        "Listens to music and says, as it plays, which genre it is.",
        "",
        "commands:",
        *(f"  {name:<9} {' '.join((kind.__doc__ or '').splitlines()[0].split())}" for name, kind in COMMANDS.items()),
        "",
        "'genrestream COMMAND --help' shows a command's options, --version the version.",
        "",
        *(f"  {EXAMPLES[name][0]}" for name in ("file", "listen")),
    ]
    return "\n".join(lines)


def epilog(name: str) -> str:
    """Return what stands under a command's help: examples and exit codes."""
    codes = RUN_CODES if name in ("file", "listen", "serve", "scan") else CODES
    return "\n".join(
        ["examples:", *(f"  {line}" for line in EXAMPLES[name]), "", "exit codes:", *(f"  {line}" for line in codes)]
    )
