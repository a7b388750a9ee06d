"""Write the README.md of a model's folder, its model card, from the figures and facts in its checkpoint.json.

``train.publish`` does so for each model that it writes. After a change to a checkpoint.json by hand::

    python -m train.publish.model_card checkpoints/*
"""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tyro

from genrestream.files import write_text
from genrestream.inference import checkpoint
from genrestream.inference.checkpoint import Card
from train.command.entry import entry

FILE = "README.md"
WEAK_RECALL = 0.6  # genres that are found less often than this are named among the limits
MAX_LABELS = 50  # more are not printed


@dataclasses.dataclass(frozen=True)
class Config:
    """Which cards to write.

    Attributes:
        models: Folders of models.
    """

    models: tyro.conf.Positional[tuple[Path, ...]]


def write(model: checkpoint.Checkpoint) -> Path:
    """Write a model's card beside its weights and return its path.

    Raises:
        OutputError: It cannot be written.
    """
    file = model.path / FILE
    write_text(file, text(model.card))
    return file


def text(card: Card) -> str:
    """Return a model card as Markdown: what the model is, its data, licence, figures and limits."""
    parts = [_what(card), _data(card), _figures(card), _limits(card), _origin(card.provenance)]
    return "\n".join(line for part in parts for line in part)


def _what(card: Card) -> Iterator[str]:
    frontend = card.frontend
    sharpened = f", votes sharpened by {card.sharpness:g}" if card.sharpness else ""
    kind = "tags, several at once" if card.multi_label else "genres, one at a time"
    yield f"# Model card: {card.name}"
    yield "<!-- Written by train.publish.model_card from checkpoint.json: change that file, not this one. -->\n"
    yield f"`genrestream file song.mp3 --model {card.name}`\n"
    more = f"; `genrestream models {card.name}` lists all" if len(card.labels) > MAX_LABELS else ""
    yield f"- **Labels:** {len(card.labels)} {kind}: {'; '.join(card.paths[:MAX_LABELS])}{more}"
    if card.states:
        yield f"- **Kinds of chunk:** {', '.join(card.states)}; only music votes"
    weights = f", with the weights of `{card.weights_of}`" if card.weights_of else ""
    carried = ", stateful: it carries its state from chunk to chunk of a stream" if card.is_stateful else ""
    yield f"- **Network:** `genrestream.models`, `{card.model}`{weights}{carried}"
    yield (
        f"- **Input:** {frontend.kind} features of chunks of {frontend.chunk_s:g} s, mono, {frontend.sample_rate:,} Hz"
    )
    least = f"a probability of {card.min_probability:g}"
    if own := card.thresholds.values():
        least = f"its own probability, {min(own):g} to {max(own):g} (`genrestream models {card.name}` lists them)"
    yield (
        f"- **Decision:** logits divided by the temperature {card.temperature:g}{sharpened};"
        f" {'not named' if card.multi_label else '`unsure`'} under {least}"
    )
    yield f"- **Licence:** {card.provenance.get('licence') or 'not stated'}\n"


def _data(card: Card) -> Iterator[str]:
    facts = card.provenance
    yield "## Data\n"
    yield f"- **Trained on:** {facts.get('data') or 'not stated'}"
    if "n_training_tracks" in facts:
        yield f"- **Tracks:** {facts['n_training_tracks']}, seed {facts.get('seed', 'not stated')}"
    for source in _sources(facts):
        yield f"- **Pretrained weights:** {source['weights']}"
        if source is not facts:
            yield f"- **Pretrained on:** {source['data']}; licence: {source['licence']}"
    yield ""


def _sources(facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the facts of each network whose weights the model began with: itself, another one, or several by name."""
    source = facts.get("pretrained", facts)
    sources = [source] if "weights" in source or source is facts else list(source.values())
    return [one for one in sources if "weights" in one]


def _figures(card: Card) -> Iterator[str]:
    yield "## Figures\n"
    yield from _named(card)
    if not _scored(card) and "named" not in card.metrics:
        yield "None were measured: no dataset with these labels was available.\n"
    for protocol, figures in _scored(card).items():
        yield f"{protocol.replace('_', ' ').capitalize()}: each track is scored by a model that was not trained on it;"
        yield "brackets are 95 % bootstrap intervals over tracks.\n"
        yield "| figure | value |\n|---|---|"
        yield from (f"| {name} | {value} |" for name, value in _rows(figures))
        yield ""
        yield "| genre | recall |\n|---|---|"
        yield from (f"| {genre} | {recall:.3f} |" for genre, recall in figures["recall"].items())
        yield ""


def _named(card: Card) -> Iterator[str]:
    """Yield how often a model of several labels names a track's genre, as ``train.study.wide`` counts it."""
    for dataset, figures in card.metrics.get("named", {}).items():
        yield f"On {dataset}, {figures['n_tracks']} tracks of one genre each; brackets are 95 % bootstrap intervals.\n"
        yield "| figure | share of the tracks |\n|---|---|"
        for name, (share, low, high) in figures["shares"].items():
            yield f"| {name} | {share:.3f} ({low:.3f} to {high:.3f}) |"
        yield "\n| genre | named |\n|---|---|"
        yield from (f"| {genre} | {share:.3f} |" for genre, share in figures["recall"].items())
        n_unknown = len({*card.labels} - figures["recall"].keys())
        yield f"\nNo track is known to be of the other {n_unknown} labels, so how often these are right is unknown.\n"


def _scored(card: Card) -> dict[str, dict[str, Any]]:
    """Return the figures of each protocol by which the model was scored; metrics may hold other facts, too."""
    return {
        name: figures for name, figures in card.metrics.items() if isinstance(figures, dict) and "recall" in figures
    }


def _rows(figures: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    def interval(name: str) -> str:
        low, high = figures[name]
        return f"({low:.3f} to {high:.3f})"

    spread = f" ± {figures['accuracy_sd']:.3f}" if "accuracy_sd" in figures else ""
    seeds = f", {figures['n_seeds']}" if "n_seeds" in figures else ""
    yield f"tracks{', seeds' if seeds else ''}", f"{figures['n_tracks']}{seeds}"
    yield "track accuracy", f"{figures['accuracy']:.3f}{spread} {interval('accuracy_95')}"
    if "accuracy_chunks" not in figures:  # of a further dataset
        yield "mean over genres", f"{figures['macro_recall']:.3f}"
        yield "calibration error, track", f"{figures['calibration_error_track']:.3f}"
        return
    yield "macro F1", f"{figures['macro_f1']:.3f}"
    yield "accuracy of a single chunk", f"{figures['accuracy_chunks']:.3f} {interval('accuracy_chunks_95')}"
    yield "calibration error, track", f"{figures['calibration_error_track']:.3f}"
    yield "calibration error, first chunk", f"{figures['calibration_error_first_chunk']:.3f}"
    yield "tracks that end under 0.5", f"{figures['unsure_below_half']:.1%}"
    if figures["accuracy_where_sure"] is not None:
        yield "accuracy of the other tracks", f"{figures['accuracy_where_sure']:.3f}"


def _limits(card: Card) -> Iterator[str]:
    yield "## Limits\n"
    yield (
        "- It knows its labels and nothing else: any other sound gets one of them"
        f" or {'none' if card.multi_label else '`unsure`'}."
    )
    if len(_scored(card)) > 1:
        yield "- The labels come from few datasets; music of other decades, regions and recordings may score lower."
    else:
        yield "- The labels come from one dataset; music of other decades, regions and recordings may score lower."
    for figures in _scored(card).values():
        if weak := [f"{genre} ({recall:.2f})" for genre, recall in figures["recall"].items() if recall < WEAK_RECALL]:
            yield f"- Fewer than {WEAK_RECALL:.0%} of the tracks are found for: {', '.join(weak)}."
    if _scored(card):
        yield "- The figures are of models trained on a part of the tracks; these weights were trained on all of them."
    yield ""


def _origin(facts: Mapping[str, Any]) -> Iterator[str]:
    yield "## How it was made\n"
    for what, command, commit in (("training", "command", "commit"), ("evaluation", "evaluation", "evaluation_commit")):
        if command in facts:
            at = f", commit {facts[commit]}" if commit in facts else ""
            yield f"- {what}{at}: `{facts[command]}`"
    yield ""


def main() -> None:
    """Run from the command line."""
    for folder in tyro.cli(Config, description=__doc__).models:
        print(f"written: {write(checkpoint.read(folder))}")


if __name__ == "__main__":
    entry(main)
