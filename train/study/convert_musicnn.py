"""Convert the pretrained MusiCNN of the PyPI package ``musicnn`` (ISC licence) into checkpoints/musicnn-tags.

TensorFlow reads its format in a separate environment; the rest runs in ours. From the repository::

    pip download --no-deps musicnn==0.1.0 && unzip -q musicnn-0.1.0-py3-none-any.whl -d musicnn-wheel
    python -m venv tf && tf/bin/pip install tensorflow-cpu
    tf/bin/python train/study/convert_musicnn.py extract musicnn-wheel msd_musicnn.npz
    python -m train.study.convert_musicnn write musicnn-wheel msd_musicnn.npz
"""

import argparse
from pathlib import Path

import numpy as np

# fmt: off
MSD_TAGS = (
    "rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s", "alternative rock",
    "jazz", "beautiful", "metal", "chillout", "male vocalists", "classic rock", "soul", "indie rock", "Mellow",
    "electronica", "80s", "folk", "90s", "chill", "instrumental", "punk", "oldies", "blues", "hard rock", "ambient",
    "acoustic", "experimental", "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country", "easy listening",
    "sexy", "catchy", "funk", "electro", "heavy metal", "Progressive rock", "60s", "rnb", "indie pop", "sad", "House",
    "happy",
)
# fmt: on
TAGS_CHECKPOINT = Path("checkpoints/musicnn-tags")
DEAD = 1e-6  # norm of a kernel; 496 of the 561 are below 1e-7, all but one of the others above 5e-3


def extract(wheel: Path, npz: Path) -> None:
    """Read the TensorFlow checkpoint in the unpacked wheel into a plain npz; needs tensorflow."""
    import tensorflow as tf  # pyright: ignore[reportMissingImports]

    reader = tf.compat.v1.train.NewCheckpointReader(f"{wheel}/musicnn/MSD_musicnn/")
    names = [name for name in reader.get_variable_to_shape_map() if "Adam" not in name and "power" not in name]
    np.savez(npz, **{name: reader.get_tensor(name) for name in names})


def _numbered(name: str, number: int) -> str:
    return f"{name}_{number}" if number else name


def _norm(tensors: dict[str, np.ndarray], number: int) -> dict[str, np.ndarray]:
    ours = {"bias": "beta", "scale": "gamma", "mean": "moving_mean", "var": "moving_variance"}
    return {name: tensors[f"{_numbered('batch_normalization', number)}/{theirs}"] for name, theirs in ours.items()}


def _weights(tensors: dict[str, np.ndarray], layer: str) -> dict[str, np.ndarray]:
    return {name: tensors[f"{layer}/{name}"] for name in ("kernel", "bias")}


def rename(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the original's tensors under our parameter names."""
    layers = {"input_norm": _norm(tensors, 0)}
    for block in range(5):
        conv = _weights(tensors, _numbered("conv2d", block))
        if block >= 2:  # the temporal ones: theirs are (frames, 1 band), ours (1 band, frames)
            conv["kernel"] = conv["kernel"].swapaxes(0, 1)
        layers[f"front.{block}.conv"] = conv
        layers[f"front.{block}.norm"] = _norm(tensors, block + 1)
    for block in range(3):
        conv = _weights(tensors, _numbered("conv2d", block + 5))
        # Theirs is a convolution over (7 frames, all features) of one channel; our channels are their features.
        layers[f"mid.{block}.conv"] = {"kernel": conv["kernel"][:, :, 0], "bias": conv["bias"]}
        layers[f"mid.{block}.norm"] = _norm(tensors, block + 6)
    layers["pooled_norm"] = _norm(tensors, 9)
    layers["penultimate"] = _weights(tensors, "dense")
    layers["penultimate_norm"] = _norm(tensors, 10)
    layers["output"] = _weights(tensors, "dense_1")
    return {f"{layer}.{name}": array for layer, arrays in layers.items() for name, array in arrays.items()}


def without_dead_filters(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the network without the front end's dead filters: nine of ten, whose kernels decayed to 0 in training.

    The output of such a filter is a constant, which the biases of the layers above take over. Exact but for the frames
    at a chunk's edge, where a convolution sees zeros instead of the constant: that is below 1e-5.

    Args:
        weights: A MusiCNN's by name, under ``musicnn.`` where it is a half of a pair.
    """
    prefix = "musicnn." if "musicnn.input_norm.mean" in weights else ""
    out = {name: array.astype(np.float64) for name, array in weights.items() if array.dtype == np.float32}
    live, constants = [], []
    for block in range(5):
        name = f"{prefix}front.{block}"
        kernel = out[f"{name}.conv.kernel"]
        is_live = np.sqrt(np.square(kernel).sum(axis=(0, 1, 2))) > DEAD
        response = np.maximum(0, out[f"{name}.conv.bias"])
        constants.append(_normed(response, out, f"{name}.norm"))
        live.append(is_live)
        for part in ("conv.kernel", "conv.bias", "norm.scale", "norm.bias", "norm.mean", "norm.var"):
            out[f"{name}.{part}"] = out[f"{name}.{part}"][..., is_live]
    is_live, constant = np.concatenate(live), np.concatenate(constants)
    kernel = out[f"{prefix}mid.0.conv.kernel"]
    out[f"{prefix}mid.0.conv.bias"] += np.einsum("fio,i->o", kernel[:, ~is_live], constant[~is_live])
    out[f"{prefix}mid.0.conv.kernel"] = kernel[:, is_live]
    n_mid = len(out[f"{prefix}pooled_norm.mean"]) // 2 - len(is_live)
    keeps = np.repeat(np.concatenate([is_live, np.ones(n_mid, bool)]), 2)  # maximum and mean of each
    dead = _normed(np.repeat(np.concatenate([constant, np.zeros(n_mid)]), 2), out, f"{prefix}pooled_norm")[~keeps]
    for part in ("scale", "bias", "mean", "var"):
        out[f"{prefix}pooled_norm.{part}"] = out[f"{prefix}pooled_norm.{part}"][keeps]
    n_penultimate = len(out[f"{prefix}penultimate.bias"])
    for layer, before in ((f"{prefix}penultimate", 0), ("output", n_penultimate)):
        kernel = out[f"{layer}.kernel"]
        if len(kernel) < before + len(keeps):  # tags, which have no pooled features before their output
            continue
        rows = np.ones(len(kernel), bool)
        rows[before : before + len(keeps)] = keeps
        out[f"{layer}.bias"] += dead @ kernel[~rows]
        out[f"{layer}.kernel"] = kernel[rows]
    return weights | {name: array.astype(np.float32) for name, array in out.items()}


def _normed(x: np.ndarray, weights: dict[str, np.ndarray], name: str) -> np.ndarray:
    scale, bias, mean, var = (weights[f"{name}.{part}"] for part in ("scale", "bias", "mean", "var"))
    return (x - mean) * scale / np.sqrt(var + 1e-3) + bias


def write(wheel: Path, npz: Path) -> None:
    """Write the npz as our checkpoint, with the licence text of the wheel beside it."""
    from genrestream.features.config import LogMelConfig
    from genrestream.inference import checkpoint

    card = checkpoint.Card(
        name=TAGS_CHECKPOINT.name,
        model="musicnn",
        model_config={},
        frontend=LogMelConfig(),
        labels=MSD_TAGS,
        multi_label=True,
        temperature=1.0,
        min_probability=0.2,
        metrics={},
        provenance={
            "weights": "MSD_musicnn of PyPI musicnn 0.1.0, by Jordi Pons, Universitat Pompeu Fabra,"
            " without its dead filters",
            "data": "Million Song Dataset, last.fm tags; trained by the authors",
            "command": "python -m train.study.convert_musicnn",
            "licence": "ISC, see LICENSE-musicnn.txt",
        },
    )
    licence = npz.with_name("LICENSE-musicnn.txt")
    licence.write_text((wheel / "musicnn-0.1.0.dist-info" / "LICENSE.md").read_text())
    checkpoint.write(TAGS_CHECKPOINT, card, without_dead_filters(rename(dict(np.load(npz)))), [licence])


def main() -> None:
    """Run one of the two steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["extract", "write"])
    parser.add_argument("wheel", type=Path, help="the unpacked musicnn wheel")
    parser.add_argument("npz", type=Path, help="the tensors between the two steps")
    options = parser.parse_args()
    {"extract": extract, "write": write}[options.step](options.wheel, options.npz)


if __name__ == "__main__":
    main()
