"""A model's ``checkpoint.json``: its fields, and the checks of a file that can come from a stranger."""

import dataclasses
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from genrestream.errors import CheckpointError, UsageError
from genrestream.features.config import FrontendConfig, frontend_from_json, frontend_to_json
from genrestream.inference.tree import check_thresholds, check_tree, path

FORMAT = 1
MAX_BYTES, MAX_TEXT, MAX_LABELS, MAX_LABEL = 1 << 24, 10_000, 10_000, 100  # file, text, labels, label
MAX_DEPTH, MAX_INTEGER, MAX_TEMPERATURE, MAX_SHARPNESS = 20, 1 << 53, 1000.0, 10.0
NOT_IN_NAMES = "/\\:"  # reports name files after the model
TYPES: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "model": str,
    "model_config": dict,
    "frontend": dict,
    "labels": list,
    "multi_label": bool,
    "temperature": (int, float),
    "min_probability": (int, float),
    "metrics": dict,
    "provenance": dict,
    "weights_sha256": str,
}
Kind = Literal["music", "speech", "noise"]


@dataclasses.dataclass(frozen=True)
class Card:
    """The contents of a model's ``checkpoint.json``.

    Attributes:
        name: The model's name, as ``--model`` takes it.
        model: The network's name in ``genrestream.models.MODELS``.
        model_config: Fields of that network's config; ``stateful`` where it goes on from chunk to chunk.
        frontend: The front end that the weights were trained with.
        labels: The genres or tags, in the order of the logits.
        multi_label: Whether several labels may hold at once (sigmoid) or exactly one does (softmax).
        states: Names of the outputs after the labels, ``music`` first; empty where there are none.
        temperature: The logits are divided by it to calibrate the running probability.
        tree: The parent of each label that has one: ``{"punk": "rock"}``; see ``inference.tree``.
        thresholds: The least running probability of a label that is named, in place of ``min_probability``.
        weights_of: The shipped model whose weights this one uses; empty where it has its own.
        outside: Of a taught model: how many outputs after the labels' are of kinds of music that the labels cover, and
            how many of other kinds. Then the last label stands for other music; it has no output and is never named.
        sharpness: How much surer a vote of many chunks is than their mean; see ``voting.vote.sharpened``.
        min_probability: A lower running probability counts as unsure.
        metrics: Measured scores by name.
        provenance: Data, split, seed, command, commit, licence.
        weights_sha256: Digest of the weights' folder; set when written.
        format: Version of the file's format.
    """

    name: str
    model: str
    model_config: dict[str, Any]
    frontend: FrontendConfig
    labels: tuple[str, ...]
    multi_label: bool
    temperature: float
    min_probability: float
    metrics: dict[str, Any]
    provenance: dict[str, Any]
    states: tuple[Kind, ...] = ()
    tree: dict[str, str] = dataclasses.field(default_factory=dict)
    thresholds: dict[str, float] = dataclasses.field(default_factory=dict)
    weights_of: str = ""
    outside: tuple[int, ...] = ()
    sharpness: float = 0.0
    weights_sha256: str = ""
    format: int = FORMAT

    @property
    def n_logits(self) -> int:
        """How many outputs the network has before those of the states."""
        return len(self.labels) - bool(self.outside) + sum(self.outside)

    @property
    def n_outputs(self) -> int:
        """How many outputs the network has: logits, then those of the states."""
        return self.n_logits + len(self.states)

    @property
    def is_stateful(self) -> bool:
        """Whether the network goes on from chunk to chunk of a stream, so that chunks must come in order."""
        return self.model_config.get("stateful") is True

    @property
    def paths(self) -> tuple[str, ...]:
        """The labels as they are shown, in their order: one that has a parent as ``rock › punk``."""
        return tuple(path(label, self.tree) for label in self.labels)


def read_card(file: Path) -> Card:
    """Read a model's card.

    Raises:
        CheckpointError: The file is missing, is not a card, or is from a newer version.
    """
    try:
        if not file.is_file():
            raise CheckpointError(f"{file.parent}: not a genrestream model, it has no {file.name}")
        with file.open("rb") as content:
            text = content.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise CheckpointError(f"{file}: must be at most {MAX_BYTES:,} bytes; fetch the model again")
        fields = json.loads(text.decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{file}: cannot be read as JSON ({error}); fetch the model again") from error
    if not isinstance(fields, dict) or type(fields.get("format")) is not int:
        raise CheckpointError(f"{file}: not a genrestream model, it has no integer 'format'")
    if fields["format"] > FORMAT:
        raise CheckpointError(
            f"{file}: format {_short(fields['format'])} is newer than this genrestream reads ({FORMAT});"
            " pip install -U genrestream"
        )
    try:
        return _card(fields)
    except (AttributeError, KeyError, TypeError, ValueError, UsageError) as error:
        raise CheckpointError(f"{file}: {error}; fetch the model again") from error


def _card(fields: dict[str, Any]) -> Card:
    if problem := next(_problems("", fields), None):
        raise UsageError(problem)
    known = {field.name for field in dataclasses.fields(Card)}
    if unknown := sorted(fields.keys() - known):
        raise UsageError(f"unknown field {unknown[0]!r}")
    if missing := sorted(TYPES.keys() - fields.keys()):
        raise UsageError(f"has no field {missing[0]!r}")
    for name, its in TYPES.items():
        if not isinstance(fields[name], its) or (its is not bool and isinstance(fields[name], bool)):
            kind = "number" if isinstance(its, tuple) else its.__name__
            raise UsageError(f"{name} must be a {kind}, and {_short(fields[name])} is not")
    check_name(fields["name"])
    check_labels(fields["labels"])
    if not 1 / MAX_TEMPERATURE <= fields["temperature"] <= MAX_TEMPERATURE:
        raise UsageError(f"temperature={fields['temperature']} must be a positive number, at most {MAX_TEMPERATURE:g}")
    if not 0 <= fields["min_probability"] <= 1:
        raise UsageError(f"min_probability={fields['min_probability']} must be from 0 to 1")
    _check_sharpness(fields.get("sharpness", 0.0), fields["multi_label"])
    _check_tree(fields)
    _check_states(fields.get("states", []))
    _check_outside(fields.get("outside", []), fields)
    if not isinstance(fields.get("weights_of", ""), str):
        raise UsageError(f"weights_of={_short(fields['weights_of'])} must be the name of a shipped model")
    parts: dict[str, Any] = {"frontend": frontend_from_json(fields["frontend"]), "labels": tuple(fields["labels"])}
    parts |= {name: tuple(fields.get(name, [])) for name in ("states", "outside")}
    return Card(**{**fields, **parts})


def _check_sharpness(sharpness: Any, multi_label: bool) -> None:
    is_number = isinstance(sharpness, int | float) and not isinstance(sharpness, bool)
    if not is_number or not 0 <= sharpness <= MAX_SHARPNESS or (sharpness and multi_label):
        raise UsageError(
            f"sharpness={_short(sharpness)} must be from 0 to {MAX_SHARPNESS:g}, and 0 where several labels may hold"
        )


def _check_tree(fields: dict[str, Any]) -> None:
    tree, thresholds = fields.get("tree", {}), fields.get("thresholds", {})
    if (tree or thresholds) and not fields["multi_label"]:
        raise UsageError("tree and thresholds must be empty where only one label may hold (multi_label)")
    check_tree(tree, fields["labels"])
    check_thresholds(thresholds, fields["min_probability"], tree, fields["labels"])


def _check_states(states: Any) -> None:
    if states and (not isinstance(states, list) or states[0] != "music" or not _are_kinds(states)):
        raise UsageError(f"states={_short(states)} must be music first, then speech, noise or both")


def _are_kinds(states: list[Any]) -> bool:
    return all(states.count(one) == 1 and one in get_args(Kind) for one in states)


def _check_outside(outside: Any, fields: dict[str, Any]) -> None:
    if outside == []:
        return
    is_pair = isinstance(outside, list) and len(outside) == 2 and all(type(n) is int for n in outside)
    if not is_pair or not all(0 < n <= MAX_LABELS for n in outside):
        raise UsageError(f"outside={_short(outside)} must be two numbers of outputs, or empty")
    if fields["multi_label"] or len(fields["labels"]) < 3:
        raise UsageError("outside must be empty where several labels may hold, or there are fewer than three")


def _problems(place: str, value: Any, depth: int = 0) -> Iterator[str]:
    """Yield each value, anywhere in the JSON, that terminals, reports or arithmetic cannot process."""
    if depth > MAX_DEPTH:
        yield f"{place[:40]}: must be nested at most {MAX_DEPTH} deep"
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _problems("a field's name", key)
            yield from _problems(f"{place}.{key}" if place else key, inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _problems(place, inner, depth + 1)
    elif isinstance(value, str) and not (value.isprintable() and len(value) <= MAX_TEXT):
        yield f"{place} must be printable, at most {MAX_TEXT:,} characters, and {_short(value)} is not"
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{place}={value} must be a finite number"
    elif isinstance(value, int) and abs(value) > MAX_INTEGER:
        yield f"{place} must be a number of at most {MAX_INTEGER:,}"


def _short(value: object) -> str:
    return text if len(text := repr(value)) <= 60 else f"{text[:60]}…"


def check_name(name: str) -> None:
    """Make sure that a model may have this name.

    Raises:
        UsageError: The name is empty, hidden or too long, or has a forbidden character.
    """
    if not name.isprintable() or not 0 < len(name) <= MAX_LABEL or name[0] == "." or set(NOT_IN_NAMES) & set(name):
        raise UsageError(
            f"name={_short(name)} must be printable, of 1 to {MAX_LABEL} characters, not begin with a dot, and be"
            f" without {' '.join(NOT_IN_NAMES)}"
        )


def check_labels(labels: Sequence[str]) -> None:
    """Make sure that a model may have these labels.

    Raises:
        UsageError: There are fewer than two or too many, two are the same, or one cannot be printed.
    """
    if not all(isinstance(label, str) for label in labels):
        raise UsageError("labels must be texts")
    if len(set(labels)) != len(labels) or not 2 <= len(labels) <= MAX_LABELS:
        raise UsageError(f"labels must be from two to {MAX_LABELS:,}, all different")
    if strange := [label for label in labels if not 0 < len(label) <= MAX_LABEL or not label.isprintable()]:
        raise UsageError(f"labels must be printable, of 1 to {MAX_LABEL} characters, and {_short(strange[0])} is not")


def card_to_json(card: Card) -> str:
    """Return the text of ``checkpoint.json``; characters that ``read_card`` refuses are escaped."""
    fields = dataclasses.asdict(card) | {"frontend": frontend_to_json(card.frontend)}
    return json.dumps(_escaped(fields), indent=2, ensure_ascii=False) + "\n"


def _escaped(value: Any) -> Any:
    if isinstance(value, dict):
        return {_escaped(key): _escaped(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped(inner) for inner in value]
    if isinstance(value, str) and not value.isprintable():  # a track may be named after a strange file
        return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in value)
    return value
