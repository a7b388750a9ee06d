"""MusiCNN's time per chunk against ONNX Runtime with the same weights, paired in one run.

``pip install -e '.[bench]'``, then ``python -m benchmarks.model``. Both turn a log-mel into logits, on all
cores. ONNX Runtime's threads do not spin, because they would take the cores from the other side of the pair.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.paired import ratio, seconds_of
from genrestream.inference.checkpoint import read
from genrestream.inference.network import bind, load_weights
from genrestream.inference.shipped import find

N_ROUNDS, WARM_UP = 60, 5


class Exporter:
    """Builds the ONNX graph of MusiCNN from our weights, for this comparison only."""

    def __init__(self, weights: dict[str, np.ndarray]):
        self.weights, self.nodes, self.constants = weights, [], []

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node and return its output's name."""
        name = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, name: str, array: np.ndarray) -> str:
        """Add an array and return its name."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def axis(self, *axes: int) -> str:
        """Add a list of axes and return its name."""
        return self.constant(f"axes{len(self.constants)}", np.array(axes, np.int64))

    def layer(self, name: str, *parts: str) -> list[str]:
        """Add a layer's weights and return their names."""
        return [self.constant(f"{name}.{part}", self.weights[f"{name}.{part}"]) for part in parts]

    def norm(self, x: str, name: str) -> str:
        """Add a batch norm."""
        return self.op("BatchNormalization", x, *self.layer(name, "scale", "bias", "mean", "var"), epsilon=1e-3)

    def front(self, x: str, block: int) -> str:
        """Add a block of the front: its maximum over the mel bands, shape (batch, n_filters, n_frames)."""
        kernel = self.weights[f"front.{block}.conv.kernel"]
        if block >= 2:
            kernel = kernel.swapaxes(0, 1)  # ours are (1 band, frames)
        kernel, n_frames = kernel.transpose(3, 2, 0, 1), kernel.shape[0]
        inputs = [x, self.constant(f"front.{block}.kernel", kernel), *self.layer(f"front.{block}.conv", "bias")]
        x = self.op("Conv", *inputs, pads=[(n_frames - 1) // 2, 0, n_frames // 2, 0])
        return self.op("ReduceMax", self.norm(self.op("Relu", x), f"front.{block}.norm"), self.axis(3), keepdims=0)

    def mid(self, x: str, block: int) -> str:
        """Add a block of the middle."""
        kernel = self.weights[f"mid.{block}.conv.kernel"].transpose(2, 1, 0)
        inputs = [x, self.constant(f"mid.{block}.kernel", kernel), *self.layer(f"mid.{block}.conv", "bias")]
        return self.norm(self.op("Relu", self.op("Conv", *inputs, pads=[3, 3])), f"mid.{block}.norm")

    def model(self, n_classes: int) -> bytes:
        """Return the whole network."""
        x = self.norm(self.op("Unsqueeze", "x", self.axis(1)), "input_norm")
        front = self.op("Concat", *(self.front(x, block) for block in range(5)), axis=1)
        first = self.mid(front, 0)
        second = self.op("Add", self.mid(first, 1), first)
        third = self.op("Add", self.mid(second, 2), second)
        maps = self.op("Concat", front, first, second, third, axis=1)
        most, mean = (self.op(kind, maps, self.axis(2), keepdims=1) for kind in ("ReduceMax", "ReduceMean"))
        pooled = self.norm(self.op("Flatten", self.op("Concat", most, mean, axis=2)), "pooled_norm")
        dense = self.op("Relu", self.op("Gemm", pooled, *self.layer("penultimate", "kernel", "bias")))
        logits = self.op("Gemm", self.norm(dense, "penultimate_norm"), *self.layer("output", "kernel", "bias"))
        floats = TensorProto.FLOAT
        inputs = [helper.make_tensor_value_info("x", floats, ["batch", 187, 96])]
        outputs = [helper.make_tensor_value_info(logits, floats, ["batch", n_classes])]
        graph = helper.make_graph(self.nodes, "musicnn", inputs, outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        onnx.checker.check_model(model)
        return model.SerializeToString()


def main() -> None:
    """Print the times and ratios for one chunk and for eight."""
    tags = read(find("musicnn-tags"))
    weights, network = load_weights(tags), bind(tags.card)
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    model = Exporter(weights).model(len(tags.card.labels))
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    on_device = jax.device_put(weights)
    logits = jax.jit(lambda weights, frames: network(weights)(frames))
    frames = np.random.default_rng(0).uniform(0, 4, size=(8, 187, 96)).astype(np.float32)
    one_by_one = [frames[at : at + 1] for at in range(8)]
    exported: Any = session.run(None, {"x": frames[:1]})[0]
    np.testing.assert_allclose(logits(on_device, frames[:1]), exported, atol=1e-3)
    in_pairs = jax.jit(
        lambda weights, frames: jax.lax.map(lambda one: network(weights)(one[None])[0], frames, batch_size=2)
    )
    compare(
        "1 chunk", 1, lambda: np.asarray(logits(on_device, frames[:1])), lambda: session.run(None, {"x": frames[:1]})
    )
    compare(
        "8, ours in pairs", 8, lambda: np.asarray(in_pairs(on_device, frames)), lambda: session.run(None, {"x": frames})
    )
    compare(
        "8, ours one by one, as in a stream",
        8,
        lambda: [np.asarray(logits(on_device, chunk)) for chunk in one_by_one],
        lambda: session.run(None, {"x": frames}),
    )


def compare(what: str, n_chunks: int, our_call: Callable[[], object], their_call: Callable[[], object]) -> None:
    """Time both in turn and print milliseconds a chunk and the ratio."""
    ours, theirs = [], []
    for _ in range(N_ROUNDS + WARM_UP):
        ours.append(seconds_of(our_call))
        theirs.append(seconds_of(their_call))
    ours, theirs = ours[WARM_UP:], theirs[WARM_UP:]
    per_chunk = [1000 * np.median(seconds) / n_chunks for seconds in (ours, theirs)]
    print(f"{what}: genrestream {per_chunk[0]:.1f} ms a chunk, ONNX Runtime {per_chunk[1]:.1f} ms")
    print(f"{what}: times faster {ratio(ours, theirs)}", flush=True)


if __name__ == "__main__":
    main()
