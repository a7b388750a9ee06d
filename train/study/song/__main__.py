"""Compare votes that are learnt with the mean vote, in nested artist folds, by McNemar's exact test.

Each fold's tracks are answered by rules that were fitted to the other folds, on answers of layers that did not know
the track. "Chosen" is, for each fold, the rule with the least log loss in inner folds of the others::

    python -m train.study.song --data ../shared/data/gtzan --more ../shared/data/songs

Tracks are cut every 3 s. All moments of a table are of the same tracks, those of 30 s or more, but the last, which is
of those of 60 s. The first run computes the features, seven minutes of CPU time; the rest takes about as long.
"""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import tyro

from genrestream.errors import UsageError
from genrestream.inference.program import use_compile_cache
from train.command.entry import entry
from train.evaluation.metrics import accuracy_interval, calibration_error, mcnemar
from train.evaluation.report.markdown import interval, p_value, table
from train.study.song import layers, votes
from train.study.song.heads import Heads
from train.study.song.networks import Attention, Gru, Learned, Query
from train.study.song.songs import AFTER, MOST, N_FOLDS, Songs, read_songs

RULES: dict[str, votes.Rule] = {
    "mean": votes.mean,
    "mean of logits": votes.mean_of_logits,
    "layer on the mean": votes.layer_on_mean,
    "layer and mean": votes.layer_and_mean,
    "query": Learned(Query),
    "GRU": Learned(Gru),
    "attention": Learned(Attention),
    "group-robust layer": layers.group_robust,
    "two layers": layers.two_layers,
    "two layers and mean": layers.two_layers_and_mean,
}
LONG = 10  # chunks, 30 s


@dataclasses.dataclass(frozen=True)
class Config:
    """What to compare.

    Attributes:
        data: The folder of labelled tracks.
        more: Further ones.
        rules: Which votes to compare with the mean.
        inner: Choose one of them in inner folds, which takes twice as long again.
    """

    data: Path
    more: tuple[Path, ...] = ()
    rules: tuple[str, ...] = tuple(RULES)[1:]
    inner: bool = True

    def __post_init__(self) -> None:
        if unknown := [name for name in self.rules if name not in RULES]:
            raise UsageError(f"--rules {unknown[0]}: must be of {', '.join(RULES)}")


def inner_losses(rule: votes.Rule, heads: Heads) -> np.ndarray:
    """Return the mean log loss in the inner folds of each fold, shape (N_FOLDS,).

    A rule that was fitted without two folds is scored on the one in the inner folds of the other.
    """
    songs, found = heads.songs, np.zeros((N_FOLDS, N_FOLDS))
    for one, other in itertools.combinations(range(N_FOLDS), 2):
        log_vote = rule(heads, (one, other))
        for outer, scored in ((one, other), (other, one)):
            places = np.flatnonzero(songs.folds == scored)
            of_tracks = votes.losses(songs, log_vote, places).mean(axis=1)
            found[outer, scored] = np.average(of_tracks, weights=songs.weights[places])
    return found.sum(axis=1) / (N_FOLDS - 1)


def held_out(rule: votes.Rule, heads: Heads) -> np.ndarray:
    """Return each track's log probabilities after each chunk, from the rule fitted without its fold."""
    songs = heads.songs
    answers = np.zeros((len(songs.labels), MOST, len(songs.genres)))
    for fold in range(N_FOLDS):
        its = songs.folds == fold
        answers[its] = rule(heads, (fold,))[its]
    return answers


def chosen(inner: dict[str, np.ndarray], answers: dict[str, np.ndarray], songs: Songs) -> np.ndarray:
    """Print the losses in inner folds, and return for each track the answer of the rule chosen for its fold."""
    for name, of_folds in inner.items():
        print(f"{name}: log loss in inner folds {of_folds.mean():.4f}")
    best = [min(inner, key=lambda name: inner[name][fold]) for fold in range(N_FOLDS)]
    print(f"chosen: {', '.join(best)}\n")
    return np.stack([answers[best[fold]][place] for place, fold in enumerate(songs.folds)])


def lines(songs: Songs, answers: dict[str, np.ndarray], domain: str) -> list[str]:
    """Return the table of a dataset: accuracy, McNemar's test against the mean, log loss, calibration error."""
    rows = []
    for count in AFTER:
        places = np.flatnonzero((songs.domains == domain) & (songs.lengths >= max(count, LONG)))
        if len(places) < LONG:
            continue
        labels, at = songs.labels[places], {name: log_vote[places, count - 1] for name, log_vote in answers.items()}
        base = at["mean"].argmax(axis=1) == labels
        for name, log_vote in at.items():
            right = log_vote.argmax(axis=1) == labels
            only, only_mean, p = mcnemar(right, base)
            probs = np.exp(log_vote)
            rows.append([
                f"{3 * count} s", name, len(places), f"{right.mean():.3f} {interval(accuracy_interval(right))}",
                f"{right.mean() - base.mean():+.3f}", f"{only}, {only_mean}", p_value(p),
                f"{-log_vote[np.arange(len(labels)), labels].mean():.3f}", f"{calibration_error(probs, labels):.3f}",
            ])  # fmt: skip
    head = ("after", "vote", "tracks", "accuracy", "against the mean", "only it, only the mean", "p", "log loss",
            "calibration error")  # fmt: skip
    return [f"{domain}:", "", *table(head, rows)]


def right_chunks(heads: Heads, mean: np.ndarray, domain: str) -> str:
    """Say how many of the mean vote's mistakes at 30 s other weights of the chunks could correct at all."""
    songs = heads.songs
    is_wrong = mean[:, LONG - 1].argmax(axis=1) != songs.labels
    places = np.flatnonzero(is_wrong & (songs.domains == domain) & (songs.lengths >= LONG))
    logits = np.stack([heads.logits((int(songs.folds[place]),))[place, :LONG] for place in places])
    n_right = (logits.argmax(axis=2) == songs.labels[places, None]).sum(axis=1)
    return (f"{domain}: of {len(places)} tracks that the mean has wrong at 30 s, {(n_right == 0).sum()} have no right"
            f" chunk among ten, {(n_right <= 2).sum()} at most two\n")  # fmt: skip


def main() -> None:
    """Run from the command line."""
    config = tyro.cli(Config, description=__doc__)
    use_compile_cache()
    songs = read_songs(config.data, config.more)
    heads = Heads(songs)
    rules = {name: RULES[name] for name in ("mean", *config.rules)}
    answers = {name: held_out(rule, heads) for name, rule in rules.items()}
    if config.inner:
        answers["chosen"] = chosen({name: inner_losses(rule, heads) for name, rule in rules.items()}, answers, songs)
    for domain in dict.fromkeys(songs.domains.tolist()):
        print("\n".join(lines(songs, answers, domain)))
        print(right_chunks(heads, answers["mean"], domain))


if __name__ == "__main__":
    entry(main)
