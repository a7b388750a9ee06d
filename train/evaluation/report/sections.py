"""The sections of one model: its tables, and the pictures that they show."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train.evaluation.report import interval_plots, plots
from train.evaluation.report.markdown import interval, p_value, table
from train.evaluation.runs import System
from train.evaluation.scores import Scored

WORDS = {
    "mp3_64": "MP3, 64 kbit/s",
    "telephone": "telephone band (300-3400 Hz)",
    "louder": "12 dB louder, clipped",
    "quieter": "12 dB quieter",
    "noise_20": "white noise, 20 dB SNR",
    "noise_10": "white noise, 10 dB SNR",
    "room": "room, 0.6 s reverberation",
}
Figures = Mapping[str, Any]
HEADLINE = (
    "tracks",
    "track accuracy",
    "mean over genres (macro recall)",
    "macro F1",
    "single chunk",
    "calibration error",
    "parameters",
    "ms per chunk",
)


def headline(figures: Figures) -> list[str]:
    """Return a model's row of the comparison, as ``HEADLINE`` names its columns."""
    track, chunk, seeds = figures["track"], figures["chunk"], figures["seeds"]
    first = " (first seed)" if seeds["n_seeds"] > 1 else ""
    spread = {
        name: f" ± {seeds[f'{name}_sd']:.3f}" if seeds[f"{name}_sd"] is not None else ""
        for name in ("accuracy", "macro_f1", "chunk_accuracy")
    }
    return [
        str(figures["n_tracks"]),
        f"{seeds['accuracy']:.3f}{spread['accuracy']} {interval(seeds['accuracy_95'])}",
        f"{track['macro_recall']:.3f} {interval(track['mean_over_genres_95'])}{first}",
        f"{seeds['macro_f1']:.3f}{spread['macro_f1']}",
        f"{seeds['chunk_accuracy']:.3f}{spread['chunk_accuracy']} {interval(chunk['accuracy_95'])}{first}",
        f"{figures['calibration']['track']['calibration_error']:.3f}{first}",
        f"{figures['cost']['n_parameters']:,}",
        f"{figures['cost']['ms_per_chunk']:.1f}",
    ]


def of_system(folder: Path, system: System, scored: Scored, figures: Figures) -> list[str]:
    """Return a model's part of the report as lines, and draw its pictures."""
    lines = [f"## {system.name}", ""]
    n_seeds = figures["seeds"]["n_seeds"]
    if n_seeds > 1:
        over = f"Mean ± standard deviation over {n_seeds} seeds in the first table, but where it says otherwise"
        lines += [f"{over}; all else is of the first.", ""]
    lines += table(HEADLINE, [headline(figures)])
    lines += _datasets(figures)
    lines += _averages(figures)
    lines += [f"Not scored: {problem}" for problem in figures["problems"]]
    return lines + [
        line
        for section in (_genres, _curves, _moments, _reliability, _coverage, _robustness, _learning)
        for line in section(folder, system, scored, figures)
    ]


def _datasets(figures: Figures) -> list[str]:
    """Return a row for each further dataset, if there are any."""
    rows = [
        [
            name,
            row["n_tracks"],
            f"{row['accuracy']:.3f} {interval(row['accuracy_95'])}",
            f"{row['macro_recall']:.3f} {interval(row['mean_over_genres_95'])}",
            f"{row['calibration_error_track']:.3f}",
        ]
        for name, row in figures.get("by_dataset", {}).items()
    ]
    head = ["other dataset", "tracks", "track accuracy", "mean over genres", "calibration error"]
    return table(head, rows) if rows else []


def _averages(figures: Figures) -> list[str]:
    track = figures["track"]
    rows = [
        [kind, *(f"{track[f'{kind}_{name}']:.3f}" for name in ("precision", "recall", "f1"))]
        for kind in ("macro", "weighted")
    ]
    lines = table(["average over genres", "precision", "recall", "F1"], rows)
    rows = [
        [words, group["n_tracks"], f"{group['accuracy']:.3f} {interval(group['accuracy_95'])}"]
        for words, group in figures["by_length"].items()
    ]
    return lines + table(["length of the track", "tracks", "accuracy"], rows)


def _genres(folder: Path, system: System, scored: Scored, figures: Figures) -> list[str]:
    picture = f"{system.name}_confusion.png"
    plots.confusion(folder / picture, figures["confusion"], scored.genres, f"{system.name}: answers by true genre")
    columns = ("precision", "recall", "f1", "support", "auc", "average_precision")
    rows = [
        [genre, *("-" if row[name] is None else _digits(row[name]) for name in columns)]
        for genre, row in figures["by_genre"].items()
    ]
    return [
        "### By genre",
        "",
        *table(["genre", "precision", "recall", "F1", "tracks", "AUC", "average precision"], rows),
        f"![confusion matrix]({picture})",
        "",
    ]


def _curves(folder: Path, system: System, scored: Scored, figures: Figures) -> list[str]:
    probs, genres = scored.track_probs(), figures["by_genre"]
    if any(row["auc"] is None for row in genres.values()):
        return ["ROC and precision-recall curves need tracks of every genre; not drawn.", ""]
    names = [f"{system.name}_{kind}.png" for kind in ("roc", "precision_recall")]
    arguments = probs, scored.labels, scored.genres
    plots.roc(folder / names[0], *arguments, [row["auc"] for row in genres.values()], system.name)
    plots.precision_recall(
        folder / names[1], *arguments, [row["average_precision"] for row in genres.values()], system.name
    )
    return [f"![ROC curves]({names[0]})", "", f"![precision-recall curves]({names[1]})", ""]


def _moments(folder: Path, system: System, scored: Scored, figures: Figures) -> list[str]:
    moments = figures["by_seconds"]
    if not moments:
        return []
    picture, n_tracks = f"{system.name}_seconds.png", moments["n_tracks"]
    longest = moments["seconds"][-1]
    plots.by_seconds(
        folder / picture, moments, f"{system.name}: the same {n_tracks} tracks of {longest} s at each moment"
    )
    columns = [(rule, name) for name in ("accuracy", "mean_over_genres") for rule in moments["rules"]]
    rows = [
        [f"{moment} s", *(f"{moments['rules'][rule][name][place]:.3f}" for rule, name in columns)]
        for place, moment in enumerate(moments["seconds"])
    ]
    head = ["audio", *(rule if name == "accuracy" else f"{rule}, over genres" for rule, name in columns)]
    text = (
        f"The same {n_tracks} tracks at each moment, those with {longest} s or more; over genres: the mean of the"
        f" {moments['n_genres']} genres' recalls, which does not depend on how many tracks each has."
    )
    return [
        "### Accuracy against seconds of audio",
        "",
        text,
        "",
        *table(head, rows),
        f"![accuracy against seconds of audio]({picture})",
        "",
    ]


def _reliability(folder: Path, system: System, scored: Scored, figures: Figures) -> list[str]:
    picture = f"{system.name}_reliability.png"
    plots.reliability(folder / picture, figures["calibration"], f"{system.name}: probability against truth")
    rows = [
        [
            moment.replace("_", " "),
            f"{c['calibration_error']:.3f}",
            f"{c['mean_confidence']:.3f}",
            f"{c['unsure_below_half']:.3f}",
            "-" if c["accuracy_where_sure"] is None else f"{c['accuracy_where_sure']:.3f}",
        ]
        for moment, c in figures["calibration"].items()
    ]
    fit = figures["fit"]
    used = ", ".join(f"{name} {low:.3f} to {high:.3f}" for name, (low, high) in fit["used"].items())
    of_all = ", ".join(f"{name} {value:.3f}" for name, value in fit["of_all"].items())
    text = f"As in the model's card ({used}); {of_all} fit these tracks best."
    if fit["is_cross_fitted"]:
        text = (
            f"Each fold is calibrated on the other folds' held-out tracks ({used}); {of_all}, fitted to all tracks,"
            " are for the model that is trained on all tracks."
        )
    head = ["after the", "expected calibration error", "mean probability", "under 0.5", "accuracy of the rest"]
    lines = ["### Calibration", "", text, "", *table(head, rows), f"![reliability]({picture})", ""]
    datasets = {"": figures} | figures.get("by_dataset", {})
    rows = [
        [f"{rule}, {dataset}" if dataset else rule, *(f"{error:.3f}" for error in errors)]
        for dataset, its in datasets.items()
        for rule, errors in its["calibration_by_rule"].items()
    ]
    return lines + table(["calibration error, vote by", "after 3 s", "6 s", "9 s", "the track"], rows)


def _coverage(folder: Path, system: System, scored: Scored, figures: Figures) -> list[str]:
    """Show what a least probability costs and brings, for each dataset."""
    picture = f"{system.name}_coverage.png"
    curves = {"the scored tracks": figures["risk_coverage"]}
    curves |= {name: row["risk_coverage"] for name, row in figures.get("by_dataset", {}).items()}
    plots.risk_coverage(
        folder / picture, curves, f"{system.name}: how many get a genre, and how many of those are right"
    )
    rows = [
        [f"{points[0]['min_probability']:.2f}", *(cell for point in points for cell in _point(point))]
        for points in zip(*curves.values(), strict=True)
    ]
    head = [column for name in curves for column in (f"{name}: get a genre", "of those right")]
    text = "A track with a lower probability is called unsure; the threshold is in the model's card."
    lines = ["### Sure and unsure", "", text, "", *table(["least probability", *head], rows)]
    return [*lines, f"![risk and coverage]({picture})", ""]


def _point(point: Figures) -> list[str]:
    return [f"{point['coverage']:.2f}", "-" if point["accuracy"] is None else f"{point['accuracy']:.3f}"]


def _robustness(folder: Path, system: System, scored: Scored, figures: Figures) -> list[str]:
    if "robustness" not in figures:
        return []
    picture, conditions = f"{system.name}_robustness.png", figures["robustness"]
    n_tracks = conditions["clean"]["n_tracks"]
    title = f"{system.name}: the same {n_tracks} tracks, distorted"
    interval_plots.robustness(folder / picture, in_words({system.name: conditions}), title)
    rows = []
    for name, row in conditions.items():
        change = f"{row['difference']:+.3f} {interval(row['difference_95'])}" if "difference" in row else ""
        accuracy = f"{row['accuracy']:.3f} {interval(row['accuracy_95'])}"
        p = p_value(row["p_holm"]) if "p_holm" in row else ""
        rows.append([WORDS.get(name, name), accuracy, change, p, f"{row['unsure_below_half']:.3f}"])
    head = ["distortion", "track accuracy", "difference from clean", "p (McNemar, Holm)", "unsure (under 0.5)"]
    text = f"{n_tracks} tracks drawn evenly over the genres, so that clean differs from the accuracy of all tracks."
    return ["### Robustness", "", text, "", *table(head, rows), f"![robustness]({picture})", ""]


def _learning(folder: Path, system: System, scored: Scored, figures: Figures) -> list[str]:
    picture, curves = f"{system.name}_learning.png", system.learning_curves()
    words = f"{system.name}: thin lines are folds, thick ones their mean" if len(curves) > 1 else system.name
    if not curves or not plots.learning_curves(folder / picture, curves, words):
        return []
    caption = "Training's loss and accuracy hold label smoothing, mixup and augmentation, those of validation do not."
    if any("val_accuracy" in row for rows in curves for row in rows):
        caption += " The ring marks the epoch of the best validation accuracy."
    return ["### Learning curves", "", f"![learning curves]({picture})", "", caption, ""]


def in_words(tables: Mapping[str, Figures]) -> dict[str, dict[str, Any]]:
    """Return tables with the distortions' names in words."""
    return {name: {WORDS.get(row, row): values for row, values in rows.items()} for name, rows in tables.items()}


def _digits(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3f}"
