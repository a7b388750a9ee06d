"""Write checkpoints/wide: AudioSet's genres of music as a tree, read off YAMNet's output.

Nothing is trained. An output is a class of ``checkpoints/yamnet``, whose weights the card names; a chunk is music,
speech or noise by the class or group of classes that is most probable. The thresholds are chosen on one dataset, and
what is named is counted on another::

    python -m train.study.wide --data ../shared/data/gtzan --score ../shared/data/songs     # four minutes

A label that is a genre of the data gets the threshold with the best F1, genres weighing the same, but none at which
more than ``MAX_WRONG`` of the other genres' tracks have it. The other labels have no ground truth: each gets the
threshold of its parent, or where it has none the median of those chosen, but none at which more than ``MAX_UNTRUE`` of
all tracks have it.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.console import Console
from rich.progress import track as progress

import genrestream
from genrestream.features.config import LevelConfig, PatchesConfig
from genrestream.inference import checkpoint, shipped
from genrestream.inference.program import use_compile_cache
from genrestream.inference.tree import path
from genrestream.streaming.predictions import Decision
from train.command.entry import entry
from train.command.provenance import provenance
from train.data.readers.folders import read
from train.data.tracks import Track
from train.evaluation.metrics import accuracy_interval
from train.publish import model_card
from train.publish.run import without_private_paths

CHECKPOINT = Path("checkpoints/wide")
# AudioSet's tree, but swing is jazz (of GTZAN's and the songs' genres, jazz has most of it), flamenco is a root, and
# beatboxing, a technique, is left out.
FAMILIES = {
    "rock": ("metal", "punk", "grunge", "progressive", "rock and roll", "psychedelic"),
    "country": ("bluegrass",),
    "jazz": ("swing",),
    "classical": ("opera",),
    "electronic": ("house", "techno", "dubstep", "drum and bass", "electronica", "EDM", "ambient", "trance"),
    "Latin": ("salsa",),
    "vocal": ("a cappella",),
    "African": ("Afrobeat",),
    "Christian": ("gospel",),
    "Asian": ("Carnatic", "Bollywood"),
}
TREE = {child: parent for parent, children in FAMILIES.items() for child in children}
CLASSES = {  # a parent comes before its children
    "pop": "Pop music", "hiphop": "Hip hop music",
    "rock": "Rock music", "metal": "Heavy metal", "punk": "Punk rock", "grunge": "Grunge",
    "progressive": "Progressive rock", "rock and roll": "Rock and roll", "psychedelic": "Psychedelic rock",
    "R&B": "Rhythm and blues", "soul": "Soul music", "reggae": "Reggae", "country": "Country", "bluegrass": "Bluegrass",
    "funk": "Funk", "folk": "Folk music", "Middle Eastern": "Middle Eastern music", "jazz": "Jazz",
    "swing": "Swing music", "disco": "Disco", "classical": "Classical music", "opera": "Opera",
    "electronic": "Electronic music", "house": "House music", "techno": "Techno", "dubstep": "Dubstep",
    "drum and bass": "Drum and bass", "electronica": "Electronica", "EDM": "Electronic dance music",
    "ambient": "Ambient music", "trance": "Trance music", "Latin": "Music of Latin America", "salsa": "Salsa music",
    "flamenco": "Flamenco", "blues": "Blues", "children's": "Music for children", "new age": "New-age music",
    "vocal": "Vocal music", "a cappella": "A capella", "African": "Music of Africa", "Afrobeat": "Afrobeat",
    "Christian": "Christian music", "gospel": "Gospel music", "Asian": "Music of Asia", "Carnatic": "Carnatic music",
    "Bollywood": "Music of Bollywood", "ska": "Ska", "traditional": "Traditional music",
    "independent": "Independent music",
}  # fmt: skip
SPEECH, SINGING, MUSIC = range(6), range(24, 33), range(132, 277)  # in AudioSet's order, which is that of its tree
TEMPERATURE = 3.0  # of 1, 2, 3, 4 and 6 the one with the least log loss of GTZAN's genres
MAX_WRONG, MAX_UNTRUE = 0.1, 0.02


@dataclasses.dataclass(frozen=True)
class Config:
    """The music to choose and to score on.

    Attributes:
        data: The folder to choose thresholds on, as ``train.data`` reads it; artists of ``score`` are left out.
        score: The folder to count on.
        longest_s: Seconds of each track to use, from its start.
    """

    data: Path
    score: Path
    longest_s: float = 30.0


def card(thresholds: dict[str, float], metrics: dict[str, Any], facts: dict[str, Any]) -> checkpoint.Card:
    """Return the card."""
    yamnet = checkpoint.read(shipped.find("yamnet")).card
    number = {name: number for number, name in enumerate(yamnet.labels)}
    noise = [one for one in range(len(yamnet.labels)) if not any(one in kind for kind in (SPEECH, SINGING, MUSIC))]
    return checkpoint.Card(
        name=CHECKPOINT.name,
        model=yamnet.model,
        model_config={"outputs": [*([number[name]] for name in CLASSES.values()), [MUSIC[0]], [*SPEECH], noise]},
        frontend=dataclasses.replace(PatchesConfig(), level=LevelConfig()),
        labels=tuple(CLASSES),
        multi_label=True,
        temperature=TEMPERATURE,
        min_probability=0.2,  # each label has a threshold of its own
        metrics=metrics,
        provenance={**yamnet.provenance, **facts},
        states=("music", "speech", "noise"),
        tree=TREE,
        thresholds=thresholds,
        weights_of=yamnet.name,
    )


def write(thresholds: dict[str, float], metrics: dict[str, Any], facts: dict[str, Any]) -> checkpoint.Checkpoint:
    """Write the checkpoint with the card of these parts, and its model card."""
    model = checkpoint.write(CHECKPOINT, card(thresholds, metrics, facts), {}, shipped.find("yamnet").glob("NOTICE*"))
    model_card.write(model)
    return model


def answers(tracks: Sequence[Track], longest_s: float, words: str) -> list[Decision]:
    """Return what the model says of each track."""
    model, decisions = genrestream.load(CHECKPOINT), []
    for one in progress(tracks, words, console=Console(stderr=True)):
        with model.stream(one.path, vote="mean") as stream:
            heard = itertools.takewhile(lambda prediction: prediction.start_s < longest_s, stream)
            decisions.append([prediction.running for prediction in heard][-1])
    return decisions


def chosen(probs: dict[str, np.ndarray], genres: np.ndarray) -> dict[str, float]:
    """Return a threshold for each label.

    Args:
        probs: Of each label, the tracks' probabilities, shape (n_tracks,).
        genres: The tracks' genres, shape (n_tracks,).
    """
    weights = np.array([1 / (genres == genre).sum() for genre in genres])
    known = {label: _best(probs[label], _is_of(label, genres), weights) for label in CLASSES if label in genres}
    median = float(np.median([*known.values()]))
    thresholds: dict[str, float] = {}
    for label in CLASSES:  # a parent comes before its children
        parents = thresholds.get(TREE.get(label, ""), 0.0)
        usual = max(parents or median, _exceeded_by(MAX_UNTRUE, probs[label], weights))
        thresholds[label] = round(max(parents, known.get(label, usual)), 3)
    return thresholds


def _is_of(label: str, genres: np.ndarray) -> np.ndarray:
    return np.isin(genres, [label, *(child for child, parent in TREE.items() if parent == label)])


def _best(probs: np.ndarray, is_it: np.ndarray, weights: np.ndarray) -> float:
    """Return the threshold with the best F1 that is not too low for the other tracks."""

    def f1(threshold: float) -> float:
        named = probs >= threshold
        return 2 * weights[named & is_it].sum() / (weights[named].sum() + weights[is_it].sum())

    return max(max(probs.tolist(), key=f1), _exceeded_by(MAX_WRONG, probs[~is_it], weights[~is_it]))


def _exceeded_by(share: float, probs: np.ndarray, weights: np.ndarray) -> float:
    """Return the probability that so large a share of the tracks exceed."""
    order = np.argsort(-probs)
    return float(probs[order][np.searchsorted(np.cumsum(weights[order]), share * weights.sum())])


def counted(decisions: Sequence[Decision], tracks: Sequence[Track]) -> dict[str, Any]:
    """Return how often a track's genre, or its parent, and something else is named, with intervals over tracks."""
    top_of = {path(label, TREE): TREE.get(label, label) for label in CLASSES}
    named = [[top_of[name] for name in decision.genres] for decision in decisions]
    pairs = [(TREE.get(track.genre, track.genre), names) for track, names in zip(tracks, named, strict=True)]
    is_true = np.array([true in names for true, names in pairs])
    shares = {
        "the genre is named, for metal also any rock": is_true,
        "it is named first": np.array([names[:1] == [true] for true, names in pairs]),
        "something else is named": np.array([bool({*names} - {true}) for true, names in pairs]),
        "nothing is named": np.array([not names for names in named]),
    }
    genres = np.array([track.genre for track in tracks])
    metal = np.array([path("metal", TREE) in decision.genres for decision in decisions])
    shares["rock › metal is named, of the metal"] = metal[genres == "metal"]
    shares["rock › metal is named, of the rest"] = metal[genres != "metal"]
    return {
        "n_tracks": len(tracks),
        "shares": {name: _rounded(np.mean(right), *accuracy_interval(right)) for name, right in shares.items()},
        "recall": {genre: round(float(is_true[genres == genre].mean()), 3) for genre in sorted({*genres.tolist()})},
    }


def _rounded(*values: Any) -> list[float]:
    return [round(float(value), 3) for value in values]


def main() -> None:
    """Run from the command line."""
    config = tyro.cli(Config, description=__doc__, prog="python -m train.study.wide")
    use_compile_cache()
    scored = read(config.score).tracks
    theirs = {track.artist for track in scored if track.artist}
    tracks = [track for track in read(config.data).tracks if track.artist not in theirs]
    data = f"thresholds chosen on {len(tracks)} tracks of {config.data.resolve().name}, research use"
    facts = {**without_private_paths(provenance()), "data": f"AudioSet, by the authors; nothing trained here; {data}"}
    write({}, {}, facts)
    decisions = answers(tracks, config.longest_s, "choosing")
    probs = {label: np.array([one.probs[path(label, TREE)] for one in decisions]) for label in CLASSES}
    thresholds = chosen(probs, np.array([track.genre for track in tracks]))
    write(thresholds, {}, facts)
    figures = counted(answers(scored, config.longest_s, "counting"), scored)
    model = write(thresholds, {"named": {config.score.resolve().name: figures}}, facts)
    print(model_card.text(model.card))


if __name__ == "__main__":
    entry(main)
