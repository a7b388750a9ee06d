"""A run's model with its folds' calibration and figures, as it is shipped."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import tyro

from genrestream.errors import UsageError
from genrestream.inference import checkpoint
from genrestream.inference.network import load_weights
from genrestream.inference.weights import files_of
from train.publish import model_card, traced

OF_FIRST_SEED = (
    "macro_recall", "recall", "accuracy_chunks_95", "calibration_error_track", "calibration_error_first_chunk",
    "unsure_below_half", "accuracy_where_sure",
)  # fmt: skip
MAX_BYTES = 8_000_000  # a shipped model is part of the package
OUTSIDE = re.compile(r"""(?<![\w/.:\\])(?:~\w*|\.\.|[A-Za-z]:)?[/\\][^\s'",;]+""")


@dataclasses.dataclass(frozen=True)
class Config:
    """What to publish.

    Attributes:
        run: The run's folder, which has all/model in it.
        output: The model's new folder; the model takes its name.
        report: The folder of the folds' report; by default report in the run's folder.
        data: A sentence on the training music, for the card; by default the folder's name.
        licence: The licence of the weights, for the card.
    """

    run: tyro.conf.Positional[Path]
    output: Path
    report: Path | None = None
    data: str = ""
    licence: str = ""


def publish(config: Config) -> checkpoint.Checkpoint:
    """Write the model of all tracks with its folds' calibration and figures, its README.md, and its traced functions.

    Traced functions are written only in the folder of the shipped models.

    Raises:
        UsageError: The run has no report, the report is not of held-out tracks, or the model is too large to ship.
        CheckpointError: The run has no model of all tracks, or the model cannot be written.
        OutputError: The README.md cannot be written.
    """
    checkpoint.check_name(config.output.resolve().name)
    model = checkpoint.read(config.run / "all" / "model")
    facts, figures = _reported(config, model.card.name)
    n_tracks = model.card.provenance.get("n_training_tracks", 0)
    if figures.get("n_tracks_all", figures["n_tracks"]) < n_tracks:
        raise UsageError(
            f"{config.run}: its folds were scored on {figures['n_tracks']} of the {n_tracks} tracks that {model.path}"
            " was trained on; train the missing folds with --folds, and evaluate again"
        )
    size = sum(file.stat().st_size for file in files_of(model.path / checkpoint.WEIGHTS_FOLDER))
    if size > MAX_BYTES:
        raise UsageError(f"{model.path}: {size / 1e6:.1f} MB of weights, at most {MAX_BYTES / 1e6:g} MB are shipped")
    words = {name: text for name, text in (("data", config.data), ("licence", config.licence)) if text}
    protocol = f"{model.card.provenance.get('split', 'unknown')}_folds"
    card = dataclasses.replace(
        model.card,
        name=config.output.resolve().name,
        temperature=round(figures["fit"]["of_all"]["temperature"], 4),
        sharpness=round(figures["fit"]["of_all"]["sharpness"], 4),
        metrics={**model.card.metrics, protocol: summary(figures), **elsewhere(figures, protocol)},
        provenance=without_private_paths(
            {
                **model.card.provenance,
                **words,
                "evaluation": facts["command"],
                "evaluation_commit": facts["commit"],
            }
        ),
    )
    published = checkpoint.write(
        config.output, card, load_weights(model), [*model.path.glob("LICENSE*"), *model.path.glob("NOTICE*")]
    )
    model_card.write(published)
    if traced.traced_file(published, "batch", 1):
        traced.trace(published)
    return published


def without_private_paths(facts: Any) -> Any:
    """Return facts for a card in which a path outside the working folder is cut to its last name.

    >>> without_private_paths("python -m train.cnn --data /home/me/gtzan --output runs/cnn")
    'python -m train.cnn --data gtzan --output runs/cnn'
    """
    if isinstance(facts, dict):
        return {name: without_private_paths(fact) for name, fact in facts.items()}
    if isinstance(facts, list | tuple):
        return [without_private_paths(fact) for fact in facts]
    return OUTSIDE.sub(_last_name, facts) if isinstance(facts, str) else facts


def _last_name(path: re.Match[str]) -> str:
    return re.split(r"[/\\]", path[0].rstrip("/\\"))[-1]


def summary(figures: dict[str, Any]) -> dict[str, Any]:
    """Return the figures that a card holds, rounded."""
    track, seeds, chunk, calibration = (figures[name] for name in ("track", "seeds", "chunk", "calibration"))
    return {
        "n_tracks": figures["n_tracks"],
        "n_seeds": seeds["n_seeds"],
        "accuracy": _rounded(seeds["accuracy"]),
        "accuracy_95": _rounded(seeds["accuracy_95"]),
        **({"accuracy_sd": _rounded(seeds["accuracy_sd"])} if seeds["n_seeds"] > 1 else {}),
        "macro_recall": _rounded(track["macro_recall"]),
        "macro_f1": _rounded(seeds["macro_f1"]),
        "recall": {genre: _rounded(row["recall"]) for genre, row in figures["by_genre"].items()},
        "accuracy_chunks": _rounded(seeds["chunk_accuracy"]),
        "accuracy_chunks_95": _rounded(chunk["accuracy_95"]),
        "calibration_error_track": _rounded(calibration["track"]["calibration_error"]),
        "calibration_error_first_chunk": _rounded(calibration["first_chunk"]["calibration_error"]),
        "unsure_below_half": _rounded(calibration["track"]["unsure_below_half"]),
        "accuracy_where_sure": _rounded(calibration["track"]["accuracy_where_sure"]),
        **({"of_first_seed": list(OF_FIRST_SEED)} if seeds["n_seeds"] > 1 else {}),
    }


def elsewhere(figures: dict[str, Any], protocol: str) -> dict[str, Any]:
    """Return the figures of further datasets that a card holds, rounded."""
    kept = ("n_tracks", "accuracy", "accuracy_95", "macro_recall", "calibration_error_track")
    return {
        f"{protocol}_{name}": {
            **{key: _rounded(row[key]) for key in kept},
            "recall": {genre: _rounded(value) for genre, value in row["recall"].items()},
        }
        for name, row in figures.get("by_dataset", {}).items()
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return None if value is None else round(value, 4)


def _reported(config: Config, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    file = (config.report or config.run / "report") / "report.json"
    remedy = f"run python -m train.evaluate {config.run} --data DIR --output {file.parent}"
    try:
        numbers = json.loads(file.read_text(encoding="utf-8"))
        systems = numbers["systems"]
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{file}: cannot be read ({error}); {remedy}") from error
    names = [candidate for candidate in (config.run.name, name) if candidate in systems]
    if not names:
        raise UsageError(f"{file}: has no figures of {config.run.name}; {remedy}")
    figures = systems[names[0]]
    if not figures["fit"]["is_cross_fitted"]:
        raise UsageError(f"{file}: {names[0]} was not scored by folds; {remedy}")
    return numbers["facts"], figures
