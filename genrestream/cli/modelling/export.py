"""``genrestream export``: a model for other programs, as ONNX, StableHLO or safetensors."""

import json
import sys
from pathlib import Path

from genrestream.cli.modelling.models import named
from genrestream.cli.options import EXPORTS, ExportOptions, ExportTo
from genrestream.errors import UsageError
from genrestream.export.model import metadata
from genrestream.export.onnx import onnx_bytes
from genrestream.export.stablehlo import stablehlo_bytes
from genrestream.export.tensors import safetensors_bytes
from genrestream.files import replacing, write_text, writing
from genrestream.inference import checkpoint


def run(options: ExportOptions) -> None:
    """Write the file; beside a function, the facts as JSON.

    StableHLO has no place for them, and in a browser those of ONNX cannot be read.

    Raises:
        UsageError: Model or file is missing, or a package that the format needs.
        CheckpointError: The model is missing or damaged.
        OutputError: The file cannot be written.
    """
    name, out = _model_and_file(options)
    form, path = options.to or _by_suffix(out), Path(out)
    model = checkpoint.read(named(name))
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.parent}; make it first")
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; name a file")
    body = _body(model, form, options.batch)
    with writing(path):
        with replacing(path) as file:
            file.write(body)
        path.chmod(0o644)  # a scratch file is for its owner alone
    if form != "safetensors":
        facts = {key: _value(text) for key, text in metadata(model.card).items()}
        write_text(Path(f"{out}.json"), json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    print(f"{path}: {len(body) / 1e6:.1f} MB, {_contents(model, form, options.batch)}", file=sys.stderr)


def _model_and_file(options: ExportOptions) -> tuple[str, str]:
    """Return the model's name, and the file; by default one in this folder, named after the model."""
    match options.model_and_file:
        case [name, out]:
            return name, out
        case [name] if options.to:
            return name, f"{Path(name).resolve().name}.{options.to}"
    raise UsageError("name a model and a file, as in 'genrestream export musicnn-yamnet model.onnx', or say --to onnx")


def _body(model: checkpoint.Checkpoint, form: ExportTo, n_chunks: int) -> bytes:
    if form == "onnx":
        return onnx_bytes(model, n_chunks)
    return stablehlo_bytes(model, n_chunks) if form == "stablehlo" else safetensors_bytes(model)


def _by_suffix(out: str) -> ExportTo:
    for form in EXPORTS:
        if out.lower().endswith(f".{form}"):
            return form
    raise UsageError(f"{out}: its suffix names no format; end it in .onnx, .stablehlo or .safetensors, or say --to")


def _contents(model: checkpoint.Checkpoint, form: ExportTo, n_chunks: int) -> str:
    card = model.card
    if form == "safetensors":
        return "the weights; the front end is in the metadata, as a config"
    return (
        f"waveform ({n_chunks}, {card.frontend.n_samples}) at {card.frontend.sample_rate} Hz to {card.n_outputs} logits"
    )


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
