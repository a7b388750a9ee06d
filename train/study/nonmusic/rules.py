"""Which files of which packages are speech or noise; ``rules.csv`` lists them.

Many of the packages hold music as well, so a rule names folders of speech or of effects, and leaves jingles out. A file
belongs to the first rule that takes it, so it is never both speech and noise.
"""

import csv
import dataclasses
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from genrestream.errors import UsageError
from train.study.nonmusic import archives
from train.study.packages import fetch

LIST = Path(__file__).with_name("rules.csv")
SUFFIXES = (".wav", ".ogg", ".oga", ".opus", ".mp3", ".flac")
KINDS = ("speech", "noise")


@dataclasses.dataclass(frozen=True)
class Rule:
    """Files of one package.

    Attributes:
        package: A package of Debian 12.
        kind: speech or noise.
        include: Pattern that is found in a file's path.
        exclude: Pattern that is not found in it, in upper or lower case; empty for none.
        n_chunks: Most chunks to make of them.
    """

    package: str
    kind: str
    include: str
    exclude: str
    n_chunks: int

    def takes(self, file: str) -> bool:
        """Whether the rule is for a file, by its path in the package."""
        is_excluded = bool(self.exclude) and re.search(self.exclude, file, re.IGNORECASE)
        return Path(file).suffix.lower() in SUFFIXES and bool(re.search(self.include, file)) and not is_excluded


def listed(only: Sequence[str] = ()) -> dict[str, list[Rule]]:
    """Return the rules of each package, or of some packages.

    Raises:
        UsageError: The list lacks one of ``only``.
    """
    rules: dict[str, list[Rule]] = {}
    with LIST.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            rule = Rule(row["package"], row["kind"], row["include"], row["exclude"], int(row["n_chunks"]))
            rules.setdefault(rule.package, []).append(rule)
    if unknown := sorted(set(only) - set(rules)):
        raise UsageError(f"--only {unknown[0]}: is not in {LIST.name}; it has {', '.join(rules)}")
    return {package: its for package, its in rules.items() if not only or package in only}


def unpacked(package: str, rules: Sequence[Rule], folder: Path) -> Path:
    """Return the folder of a package's files that its rules take, fetched where it is not there.

    Raises:
        UsageError: The package cannot be fetched.
    """
    if not (place := folder / package).is_dir():
        print(f"fetching {package}", file=sys.stderr, flush=True)
        part = folder / f".{package}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)

        def is_taken(file: str) -> bool:
            return any(rule.takes(file) for rule in rules)

        fetch(package, lambda file: is_taken(file) or Path(file).suffix in archives.SUFFIXES, part)
        archives.expand(part, is_taken)
        part.rename(place)
    return place


def files_of(folder: Path, rules: Sequence[Rule]) -> list[list[str]]:
    """Return the files of a package's folder that belong to each rule, sorted."""
    files: list[list[str]] = [[] for _ in rules]
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        owner = next((number for number, rule in enumerate(rules) if path.is_file() and rule.takes(name)), None)
        if owner is not None:
            files[owner].append(name)
    return files
