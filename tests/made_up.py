"""Scores and data made up for tests: no model, no audio, or synthetic audio."""

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
from flax import nnx

from genrestream.features.config import LogMelConfig
from genrestream.inference import checkpoint, shipped
from genrestream.inference.network import load_weights, weights_of
from genrestream.models import CRNN, CRNNConfig
from tests.conftest import encode, music
from train.evaluation.scores import Scored

GENRES = ("blues", "jazz", "rock")


def scores(n_tracks: int = 60, n_chunks: int = 4, skill: float = 2.0, seed: int = 0) -> Scored:
    """Make up chunks whose logits favour the right genre by so much, with unit noise."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n_tracks) % len(GENRES)
    track = np.repeat(np.arange(n_tracks), n_chunks)
    logits = rng.normal(size=(len(track), len(GENRES))) + skill * np.eye(len(GENRES))[labels[track]]
    return Scored(
        GENRES,
        tuple(f"track{number:03}" for number in range(n_tracks)),
        labels,
        np.ones(n_tracks),
        np.zeros(n_tracks),
        track,
        np.tile(3.0 * np.arange(n_chunks), n_tracks),
        logits,
        3.0,
    )


def labelled(folder: Path, genres: tuple[str, ...], n_each: int = 2, seconds: float = 4.0) -> Path:
    """Write a folder of synthetic music with a ``tracks.csv``; the last of each genre is in the test list."""
    rows = []
    for number, (genre, place) in enumerate((genre, place) for place in range(n_each) for genre in genres):
        path = folder / genre / f"{place}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        encode(path, music(seconds, seed=number), 16_000, "pcm_s16le")
        split = "test" if place == n_each - 1 else "train"
        rows.append({"track": f"{genre}-{place}", "genre": genre, "file": f"{genre}/{place}.wav", "split": split})
    with (folder / "tracks.csv").open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder


def run(folder: Path, name: str, folds: list[list[str]], shift: float = 0.0, **more: int) -> Path:
    """Write a run whose folds are the shipped model, its first genre's logit shifted; each holds out some tracks."""
    base = checkpoint.read(shipped.find("musicnn"))
    weights = load_weights(base)
    bias = weights["output.bias"] + shift * (np.arange(len(base.card.labels)) == 0)
    for number, held_out in enumerate(folds):
        card = dataclasses.replace(base.card, name=name, provenance={"held_out": held_out, **more})
        checkpoint.write(folder / f"fold{number}" / "model", card, weights | {"output.bias": bias.astype(np.float32)})
        lines = [
            {"step": 10 * epoch, "epoch": epoch, "loss": 1 / epoch, "accuracy": 0.5, "val_loss": 2 / epoch}
            for epoch in (1, 2, 3)
        ]
        metrics = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"fold{number}" / "metrics.jsonl").write_text(metrics + '{"step": 40, "ep')  # killed there
    return folder


def stateful(folder: Path, **fields: object) -> Path:
    """Write a small stateful model with weights that nothing trained."""
    config = CRNNConfig((4, 8), (4, 2), (4, 4), n_units=8, n_layers=1, stateful=True)
    frontend = LogMelConfig(sample_rate=12_000, n_samples=36_000, n_frames=140).causal_by(config.stride)
    module = CRNN(config, frontend.shape, len(GENRES), rngs=nnx.Rngs(0))
    card = checkpoint.Card(
        "stateful", "crnn", dataclasses.asdict(config), frontend, GENRES, False, 1.0, 0.4, {}, {"held_out": []}
    )
    weights = {name: np.asarray(array) for name, array in weights_of(module).items()}
    return checkpoint.write(folder, dataclasses.replace(card, **fields), weights).path
