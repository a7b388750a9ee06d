"""Writing the folder: ``speech`` and ``noise``, a folder for each source below them, and ``list.csv``."""

import csv
import sys
import wave
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from genrestream.errors import AudioError
from train.data.decode import waveform_of
from train.study.nonmusic.clips import Chunk, chunk, chunks, crowds, is_loud, noisy
from train.study.nonmusic.rules import KINDS, Rule, files_of, unpacked
from train.study.nonmusic.synthetic import RATE, SOUNDS, made

COLUMNS = ("file", "package", "how")


def build(
    output: Path, rules: Mapping[str, Sequence[Rule]], packages: Path, seed: int, sounds: Iterable[str] = SOUNDS
) -> int:
    """Write the chunks of packages and the synthetic ones, and the list of all; return how many there are.

    Args:
        output: The folder; it must not exist, or be empty.
        rules: The rules of each package.
        packages: Where unpacked packages are kept.
        seed: Of all draws; what a package gives does not depend on the other packages.
        sounds: Names of synthetic sounds; all by default.

    Raises:
        UsageError: A package cannot be fetched.
    """
    listed: list[tuple[str, str, str]] = []
    for package, its in rules.items():
        listed += _write(output, package, of_package(its, unpacked(package, its, packages), seed))
    for name in sounds:
        listed += _write(output, f"synthetic-{name}", {"speech": [], "noise": synthetic(name, seed)})
    with (output / "list.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *listed])
    return len(listed)


def of_package(rules: Sequence[Rule], folder: Path, seed: int) -> dict[str, list[Chunk]]:
    """Return a package's chunks by kind, with crowds and noisy copies of its speech."""
    found: dict[str, list[Chunk]] = {kind: [] for kind in KINDS}
    for rule, files in zip(rules, files_of(folder, rules), strict=True):
        rng = np.random.default_rng([seed, zlib.crc32(f"{rule.package} {rule.kind}".encode())])
        clips = _decoded(folder, [files[one] for one in rng.permutation(len(files))])
        found[rule.kind] += [one for _, one in zip(range(rule.n_chunks), chunks(clips, rng), strict=False)]
    rng = np.random.default_rng([seed, zlib.crc32(f"{rules[0].package} mixes".encode())])
    found["noise"] += crowds(found["speech"], rng)
    found["speech"] += noisy(found["speech"], rng)
    return found


def synthetic(name: str, seed: int) -> list[Chunk]:
    """Return the chunks of one synthetic sound."""
    return [chunk(made(name, number, seed), f"synthetic: {name}") for number in range(SOUNDS[name][0])]


def _decoded(folder: Path, files: Iterable[str]) -> Iterator[tuple[str, np.ndarray]]:
    for file in files:
        try:
            waveform, _ = waveform_of(folder / file, RATE)
        except AudioError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        if is_loud(waveform):
            yield file, waveform


def _write(output: Path, package: str, found: Mapping[str, Sequence[Chunk]]) -> list[tuple[str, str, str]]:
    rows = []
    for kind, its in found.items():
        for number, one in enumerate(its):
            path = output / kind / package / f"{number:04d}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            with wave.open(str(path), "wb") as file:
                file.setparams((1, 2, RATE, 0, "NONE", ""))
                file.writeframes(np.rint(32767 * one.waveform).astype("<i2").tobytes())
            rows.append((path.relative_to(output).as_posix(), package, one.how))
    print(
        f"{package}: {', '.join(f'{len(its)} {kind}' for kind, its in found.items() if its)}",
        file=sys.stderr,
        flush=True,
    )
    return rows
