"""Score models on tracks that they were not trained on, and write a report with pictures.

Each fold of a run is scored on its held-out tracks, and the union is the result; several models are compared on the
same tracks::

    python -m train.evaluate runs/cnn --data ../shared/data/gtzan --output runs/cnn/report
    python -m train.evaluate runs/cnn runs/crnn runs/musicnn --data ../shared/data/gtzan    # paired tests
    python -m train.evaluate musicnn --data DIR --split test    # a model whose card holds out no tracks

Scores are kept in the output folder: a second call with the same models and tracks only writes the report again.
"""

import dataclasses
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from genrestream.errors import UsageError
from genrestream.inference.program import use_compile_cache
from train.augment.distort import DISTORTIONS
from train.command.entry import entry
from train.command.paths import check_local
from train.command.provenance import folder_name, provenance
from train.data.load import read_all
from train.data.tracks import Track
from train.evaluation import held_out
from train.evaluation.calibrate import calibration
from train.evaluation.figures import assess, brief, ms_per_chunk, n_parameters, over_seeds, paired
from train.evaluation.metrics import holm
from train.evaluation.report import pages
from train.evaluation.report.markdown import interval
from train.evaluation.report.sections import headline
from train.evaluation.robustness import robustness, subset
from train.evaluation.runs import Part, Split, System, find_system
from train.evaluation.scores import Scored


@dataclasses.dataclass(frozen=True)
class Config:
    """What to evaluate, and how.

    Attributes:
        checkpoints: Runs (folders with fold*/model), models' folders, or names of shipped models.
        data: The folder of labelled tracks.
        more: Further ones; the main figures are of the first, and those of the others are given with them.
        split: Score the tracks that the models' cards hold out, or those of a published list, or all.
        output: The report's folder.
        hop_s: Seconds from one chunk's start to the next one's.
        robustness_tracks: How many tracks are also scored under each distortion; 0 for none.
        seed: Seed of the draw of those tracks.
    """

    checkpoints: tyro.conf.Positional[tuple[str, ...]]
    data: Path
    more: tuple[Path, ...] = ()
    split: Split = "held-out"
    output: Path = Path("runs/report")
    hop_s: float = 3.0
    robustness_tracks: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.checkpoints:
            raise UsageError("no checkpoint; name a run's folder, a model's folder or a shipped model")
        check_local("--output", self.output)
        if self.robustness_tracks < 0:
            raise UsageError(f"--robustness-tracks {self.robustness_tracks}: must be 0 or more")
        if self.seed < 0:
            raise UsageError(f"--seed {self.seed}: must be 0 or more")


def evaluate(config: Config) -> None:
    """Score every model, compare them and write the report."""
    tracks = read_all(config.data, config.more).tracks
    systems = _apart([find_system(name, tracks, config.split) for name in config.checkpoints], config.checkpoints)
    for system in systems:
        if system.warning:
            print(f"warning: {system.warning}", file=sys.stderr)
    scores = {
        system.name: [
            held_out.calibrated(held_out.scores(seed, config.output, config.hop_s), seed) for seed in system.seeds
        ]
        for system in systems
    }
    scored = {name for seeds in scores.values() for seed in seeds for name in seed.tracks}
    known = {track.name: track for system in systems for part in system.seeds[0] for track in part.tracks}
    datasets = _datasets([track for name, track in known.items() if name in scored], tracks)
    main = {name: [seed.select(datasets[0][1]) for seed in seeds] for name, seeds in scores.items()}
    figures = {system.name: _figures(config, system, main[system.name]) for system in systems}
    for name, values in figures.items():
        values["fit"]["of_all"] = calibration(scores[name][0])._asdict()
        values["n_tracks_all"] = len(scores[name][0].tracks)
        values["by_dataset"] = {dataset: brief(scores[name][0].select(names)) for dataset, names in datasets[1:]}
    first = {name: seeds[0] for name, seeds in main.items()}
    folders = ", ".join(folder_name(folder) for folder in (config.data, *config.more))
    facts = provenance() | {
        "data": f"{folders}, {len(tracks)} tracks, {config.split} scored",
        "chunks": f"every {config.hop_s:g} s",
    }
    pages.write(config.output, facts, systems, first, {"systems": figures, "pairs": _pairs(first)})
    for name, values in figures.items():
        whole, chunk = f"{headline(values)[1]} of {values['n_tracks']} tracks", values["chunk"]["accuracy"]
        print(f"{name}: track accuracy {whole}, chunk {chunk:.3f}")
        for dataset, row in values["by_dataset"].items():
            print(f"  {dataset}: track accuracy {row['accuracy']:.3f} {interval(row['accuracy_95'])}")
    print(f"written: {config.output / 'report.md'}")


def _datasets(scored: Sequence[Track], tracks: Sequence[Track]) -> list[tuple[str, list[str]]]:
    """Return the names of the scored tracks by dataset, in the order in which the datasets were given."""
    order = {track.name: place for place, track in enumerate(tracks)}
    ranked = sorted(scored, key=lambda track: order.get(track.name, len(order)))
    names = dict.fromkeys(track.domain for track in tracks)
    found = [(name, [track.name for track in ranked if track.domain == name]) for name in names]
    return [(name, its) for name, its in found if its]


def _apart(systems: Sequence[System], given: Sequence[str]) -> list[System]:
    """Name models by their folders if two have the same name."""
    names = [system.name for system in systems]
    if len(set(given)) < len(given):
        raise UsageError(f"{max(given, key=given.count)}: is given twice; give each checkpoint once")
    return [
        dataclasses.replace(system, name=path.strip("/.").replace("/", "-")) if names.count(system.name) > 1 else system
        for system, path in zip(systems, given, strict=True)
    ]


def _figures(config: Config, system: System, seeds: Sequence[Scored]) -> dict[str, Any]:
    models = [part.model for part in system.seeds[0]]
    figures = assess(seeds[0])
    figures["seeds"] = over_seeds(seeds)
    fit = {"temperature": seeds[0].temperatures, "sharpness": seeds[0].sharpness}
    figures["fit"] = {
        "used": {name: [float(values.min()), float(values.max())] for name, values in fit.items()},
        "is_cross_fitted": len(system.seeds[0]) > 1,
    }
    figures["cost"] = {
        "n_parameters": n_parameters(models[0]),
        "ms_per_chunk": ms_per_chunk(held_out.classifier(models[0].path)),
    }
    if config.robustness_tracks:
        n_tracks = min(config.robustness_tracks, figures["n_tracks"])
        n_chunks = len(DISTORTIONS) * n_tracks * figures["n_chunks"] / max(1, figures["n_tracks"])
        minutes = n_chunks * figures["cost"]["ms_per_chunk"] / 60_000
        print(f"{system.name}: {len(DISTORTIONS)} distortions of {n_tracks} tracks, about {minutes:.0f} minutes if none"
              " is kept from before (--robustness-tracks 0 leaves them out)", flush=True)  # fmt: skip
        figures["robustness"] = robustness(seeds[0], lambda name: _distorted(config, system.seeds[0], seeds[0], name))
    return figures


def _distorted(config: Config, parts: Sequence[Part], clean: Scored, distortion: str) -> Scored:
    """Score the same few tracks of each part under a distortion, calibrated as the clean ones."""
    decoded = set(clean.tracks)
    candidates = [track for part in parts for track in part.tracks if track.name in decoded]
    chosen = set(subset(candidates, config.robustness_tracks, config.seed))
    fewer = [Part(part.model, tuple(track for track in part.tracks if track in chosen)) for part in parts]
    distorted = held_out.scores([part for part in fewer if part.tracks], config.output, config.hop_s, distortion)
    same = clean.select(distorted.tracks)
    return distorted.calibrated(same.temperatures, same.sharpness)


def _pairs(scores: dict[str, Scored]) -> list[dict[str, Any]]:
    pairs = [
        {"first": one, "second": other, **paired(scores[one], scores[other])}
        for one, other in itertools.combinations(scores, 2)
        if set(scores[one].tracks) & set(scores[other].tracks)
    ]
    for pair, p_value in zip(pairs, holm(np.array([pair["p"] for pair in pairs])), strict=True):
        pair["p_holm"] = float(p_value)
    return pairs


def main() -> None:
    """Run from the command line."""
    use_compile_cache()
    evaluate(tyro.cli(Config, description=__doc__))


if __name__ == "__main__":
    entry(main)
