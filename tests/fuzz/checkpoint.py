"""Damaged model folders: the card as bytes and as JSON, and files of the weights with and without a new digest."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from genrestream.errors import CheckpointError, UsageError
from genrestream.inference import checkpoint, shipped
from genrestream.inference.network import load_weights
from genrestream.inference.weights import digest_of, files_of
from tests.fuzz.mutations import mutated

STRANGE: tuple[Any, ...] = (None, True, 0, -1, 1e300, 1 << 62, "", "x" * 200, "\x1b[2J", [], {}, [[]], ["a", "a"])


def attempt(folder: Path, number: int, rng: np.random.Generator) -> tuple[str, str, str]:
    """Load one damaged model; return what it was, its outcome and the message."""
    copy = folder / f"{os.getpid()}-mlp"
    shutil.copytree(shipped.find("mlp"), copy)
    what = (_bytes_of_card, _field_of_card, _weights, _weights_of_a_liar)[number % 4](copy, rng)
    try:
        load_weights(checkpoint.read(copy))
    except (CheckpointError, UsageError) as error:
        return what, "refused", str(error)
    finally:
        shutil.rmtree(copy)
    return what, "read", ""


def _bytes_of_card(copy: Path, rng: np.random.Generator) -> str:
    return _damage(copy / checkpoint.CARD_FILE, rng)


def _field_of_card(copy: Path, rng: np.random.Generator) -> str:
    """Set a field, at any depth, to a value that it cannot have."""
    file = copy / checkpoint.CARD_FILE
    card = fields = json.loads(file.read_text())
    key = _choice(list(fields), rng)
    while isinstance(fields[key], dict) and fields[key] and rng.random() < 0.8:
        fields = fields[key]
        key = _choice(list(fields), rng)
    fields[key] = _choice(STRANGE, rng)
    file.write_text(json.dumps(card))
    return f"field {key} = {fields[key]!r:.20}"


def _weights(copy: Path, rng: np.random.Generator) -> str:
    files = [file for file in files_of(copy / checkpoint.WEIGHTS_FOLDER) if file.stat().st_size > 1]
    return _damage(_choice(files, rng), rng)


def _weights_of_a_liar(copy: Path, rng: np.random.Generator) -> str:
    what, file = _weights(copy, rng), copy / checkpoint.CARD_FILE
    card = json.loads(file.read_text()) | {"weights_sha256": digest_of(copy / checkpoint.WEIGHTS_FOLDER)}
    file.write_text(json.dumps(card))
    return f"{what} with a new digest"


def _damage(file: Path, rng: np.random.Generator) -> str:
    content, names = mutated(file.read_bytes(), rng)
    file.write_bytes(content)
    return f"{file.name} {'+'.join(names)}"


def _choice(things: Any, rng: np.random.Generator) -> Any:
    return things[int(rng.integers(len(things)))]
