"""MusiCNN: a musically motivated convolutional network (Pons & Serra, ISMIR 2019 late-breaking).

The layers, their order and their constants follow the authors' TensorFlow code (PyPI ``musicnn``, ISC licence), so
that their weights can be converted: see ``train/study/convert_musicnn.py``.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, cast

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

from genrestream.models.config import Sizes
from genrestream.models.layers.norm import BatchNorm

TIMBRAL_MELS = (38, 67)  # 0.4 and 0.7 of the 96 mel bands, by 7 frames
TEMPORAL_FRAMES = (128, 64, 32)  # frames, by one mel band
BLOCK_FRAMES = 17  # that a row of the temporal matrix product computes; 11 blocks make MusiCNN's 187 frames
BLOCK_MELS = 10  # that the timbral convolution computes at a time; of 6 to 20 the fastest for both shapes


@dataclasses.dataclass(frozen=True)
class MusiCNNConfig(Sizes):
    """Sizes of a MusiCNN.

    Attributes:
        n_timbral: Filters of each timbral shape; by default the live ones of the pretrained network, which has 204.
        n_temporal: Filters of each temporal shape; by default the live ones of the pretrained network, which has 51.
        n_midend: Filters of each mid-end layer.
        n_penultimate: Units of the penultimate dense layer.
        head: Input of the output layer: ``penultimate`` as in the original, or ``pooled`` for the penultimate
            units and the normalised pooled features before them, which suits a small head on a frozen network.
        dropout: Rate before each dense layer, in training.
    """

    n_timbral: tuple[int, ...] = (24, 14)
    n_temporal: tuple[int, ...] = (3, 7, 17)
    n_midend: int = 64
    n_penultimate: int = 200
    head: Literal["penultimate", "pooled"] = "penultimate"
    dropout: float = 0.5


def _norm(n_features: int, rngs: nnx.Rngs) -> BatchNorm:
    return BatchNorm(n_features, epsilon=1e-3, momentum=0.99, rngs=rngs)  # TensorFlow's defaults


def _same(n_frames: int) -> tuple[int, int]:
    return (n_frames - 1) // 2, n_frames // 2


def _padded(x: Float[Array, "batch _ n_mels 1"], n_zeros: tuple[int, int]) -> Float[Array, "batch _ n_mels 1"]:
    """Return the frames with this many of zeros before and after them."""
    return jnp.pad(x, ((0, 0), n_zeros, (0, 0), (0, 0)))


def _rising(conv: nnx.Conv, norm: BatchNorm) -> tuple[Array, Callable[[Array], Array]]:
    """Return a kernel, and the function from the maximum of its responses to that of the block.

    For inference: ReLU and batch norm are monotonic. They rise with the response, or fall where the norm's scale is
    negative. With the sign of such filters flipped, the maximum can come first, so that ReLU and batch norm process one
    position instead of all.
    """
    sign = jnp.sign(cast(Any, norm).scale.get_value())
    bias = cast(Any, conv.bias).get_value()
    return conv.kernel.get_value() * sign, lambda strongest: norm(nnx.relu(strongest * sign + bias))


def _shifted(kernel: Array, n: int) -> Array:
    """Return ``n`` copies of a kernel, each one place further along its first axis, with zeros around them.

    One after the other with ``n`` zeros behind each, read in rows that are one place shorter, the copies move by one
    from row to row: one operation, which XLA compiles faster than one a copy.
    """
    n_places = len(kernel) + n
    rows = jnp.concatenate([jnp.pad(kernel, ((0, n), *((0, 0),) * (kernel.ndim - 1)))] * n)
    return rows[: n * (n_places - 1)].reshape(n, n_places - 1, *kernel.shape[1:])


class TimbralBlock(nnx.Module):
    """Convolution over 7 frames and many mel bands, ReLU, batch norm, maximum over the mel positions.

    Attributes:
        n_filters: Number of responses at each frame.
        reach: Frames before and after a frame that its responses depend on.
    """

    def __init__(self, n_filters: int, n_mels: int, rngs: nnx.Rngs):
        self.n_filters, self.reach = n_filters, _same(7)
        self.conv = nnx.Conv(1, n_filters, (7, n_mels), padding="VALID", rngs=rngs)
        self.norm = _norm(n_filters, rngs)

    def __call__(self, x: Float[Array, "batch n_reached n_mels 1"]) -> Float[Array, "batch n_frames n_filters"]:
        """Return the strongest response of each filter at each frame whose reach is inside the input."""
        if self.norm.use_running_average:
            return self._infer(x[..., 0])
        return self.norm(nnx.relu(self.conv(x))).max(axis=2)

    def _infer(self, x: Float[Array, "batch n_reached n_mels"]) -> Float[Array, "batch n_frames n_filters"]:
        """Do the same in inference at twice the speed on a CPU.

        With few filters a convolution over frames and bands is slow. So each filter is there ``BLOCK_MELS`` times, each
        a band higher, and the convolution goes over the frames alone. The last two blocks of bands may overlap.
        """
        kernel, after = _rising(self.conv, self.norm)
        (n_taps, n_seen, _, n_filters), (batch, n_reached, n_mels) = kernel.shape, x.shape
        n_positions = n_mels - n_seen + 1
        n = min(BLOCK_MELS, n_positions)
        starts = [min(at, n_positions - n) for at in range(0, n_positions, n)]
        blocks = jnp.stack([x[:, :, at : at + n_seen + n - 1] for at in starts], axis=1)
        shifted = _shifted(kernel[:, :, 0].swapaxes(0, 1), n).transpose(2, 1, 0, 3)
        responses = jax.lax.conv_general_dilated(
            blocks.reshape(batch * len(starts), n_reached, -1),
            shifted.reshape(n_taps, -1, n * n_filters),
            window_strides=(1,),
            padding="VALID",
            dimension_numbers=("NWC", "WIO", "NWC"),
        )
        return after(responses.reshape(batch, len(starts), -1, n, n_filters).max(axis=(1, 3)))


class TemporalBlock(nnx.Module):
    """Convolution over many frames of one mel band, ReLU, batch norm, maximum over the mel bands.

    Attributes:
        n_filters: Number of responses at each frame.
        reach: Frames before and after a frame that its responses depend on.
    """

    def __init__(self, n_filters: int, n_frames: int, rngs: nnx.Rngs):
        self.n_filters, self.reach = n_filters, _same(n_frames)
        self.conv = nnx.Conv(1, n_filters, (1, n_frames), padding="VALID", rngs=rngs)
        self.norm = _norm(n_filters, rngs)

    def __call__(self, x: Float[Array, "batch n_reached n_mels 1"]) -> Float[Array, "batch n_frames n_filters"]:
        """Return the strongest response of each filter at each frame whose reach is inside the input."""
        x = x.swapaxes(1, 2)
        if self.norm.use_running_average:
            return self._infer(x[..., 0])
        return self.norm(nnx.relu(self.conv(x))).max(axis=1)

    def _infer(self, x: Float[Array, "batch n_mels n_reached"]) -> Float[Array, "batch n_frames n_filters"]:
        """Do the same in inference at twice the speed on a CPU.

        The convolution is a matrix product that computes ``BLOCK_FRAMES`` at a time.
        """
        kernel, after = _rising(self.conv, self.norm)
        kernel, (batch, n_mels, n_reached) = kernel[0, :, 0], x.shape
        n_seen, n_filters = kernel.shape
        n_frames, n = n_reached - n_seen + 1, BLOCK_FRAMES
        n_blocks = -(-n_frames // n)
        x = jnp.pad(x, ((0, 0), (0, 0), (0, n_blocks * n - n_frames)))
        blocks = jnp.stack([x[:, :, at * n :][:, :, : n_seen + n - 1] for at in range(n_blocks)], axis=2)
        shifted = _shifted(kernel, n).swapaxes(0, 1)
        responses = blocks.reshape(-1, n_seen + n - 1) @ shifted.reshape(-1, n * n_filters)
        return after(responses.reshape(batch, n_mels, -1).max(axis=1).reshape(batch, -1, n_filters)[:, :n_frames])


class MidBlock(nnx.Module):
    """Convolution over 7 frames, ReLU, batch norm."""

    def __init__(self, n_inputs: int, n_filters: int, rngs: nnx.Rngs):
        self.conv = nnx.Conv(n_inputs, n_filters, (7,), padding="SAME", rngs=rngs)
        self.norm = _norm(n_filters, rngs)

    def __call__(self, x: Float[Array, "batch n_frames n_inputs"]) -> Float[Array, "batch n_frames n_filters"]:
        """Return the filters' responses at each frame."""
        return self.norm(nnx.relu(self.conv(x)))


class MusiCNN(nnx.Module):
    """Log-mel of about 3 s to one logit per label.

    Args:
        config: Its sizes.
        shape: (n_frames, n_mels) of its input; any, from 67 mel bands up.
        n_classes: Labels, one logit each.
        rngs: Source of the initial weights and of dropout.

    Raises:
        ValueError: The input has too few mel bands, or the config another number of shapes.
    """

    def __init__(self, config: MusiCNNConfig, shape: tuple[int, ...], n_classes: int, *, rngs: nnx.Rngs):
        if shape[1] < max(TIMBRAL_MELS):
            raise ValueError(f"n_mels={shape[1]} must be at least {max(TIMBRAL_MELS)}")
        if (len(config.n_timbral), len(config.n_temporal)) != (len(TIMBRAL_MELS), len(TEMPORAL_FRAMES)):
            raise ValueError(
                f"n_timbral={config.n_timbral} and n_temporal={config.n_temporal} must be {len(TIMBRAL_MELS)} and"
                f" {len(TEMPORAL_FRAMES)} sizes, one a shape"
            )
        self.config = config
        n_front = sum(config.n_timbral) + sum(config.n_temporal)
        n_pooled = 2 * (n_front + 3 * config.n_midend)
        n_head = config.n_penultimate + (n_pooled if config.head == "pooled" else 0)
        self.input_norm = _norm(1, rngs)
        self.front = nnx.List(
            [TimbralBlock(n, n_mels, rngs) for n, n_mels in zip(config.n_timbral, TIMBRAL_MELS, strict=True)]
            + [TemporalBlock(n, n_frames, rngs) for n, n_frames in zip(config.n_temporal, TEMPORAL_FRAMES, strict=True)]
        )
        self.mid = nnx.List([MidBlock(n, config.n_midend, rngs) for n in (n_front, config.n_midend, config.n_midend)])
        self.pooled_norm = _norm(n_pooled, rngs)
        self.dropout = nnx.Dropout(config.dropout, rngs=rngs)
        self.penultimate = nnx.Linear(n_pooled, config.n_penultimate, rngs=rngs)
        self.penultimate_norm = _norm(config.n_penultimate, rngs)
        self.output = nnx.Linear(n_head, n_classes, rngs=rngs)

    def front_maps(self, log_mel: Float[Array, "batch n_frames n_mels"]) -> Float[Array, "batch n_frames n_front"]:
        """Return the responses of all front blocks at each frame; there are zeros around the chunk."""
        x = self.input_norm(log_mel[..., None])
        return jnp.concatenate([block(_padded(x, block.reach)) for block in self.front], axis=-1)

    def next_maps(
        self,
        log_mel: Float[Array, "batch n_frames n_mels"],
        old: Float[Array, "batch n_frames n_front"],
        shift: Int[Array, ""],
        n_new: int,
        edges: tuple[int, int],
    ) -> Float[Array, "batch n_frames n_front"]:
        """Return what ``front_maps`` does, computed only where the responses for an earlier chunk do not hold.

        They hold except for new frames and for those whose reach touches one of the chunk's ends.

        Args:
            log_mel: Of the chunk.
            old: Responses for the earlier chunk.
            shift: How many frames earlier that chunk began, from 1 to ``n_new``.
            n_new: How many frames at the end are taken to be new.
            edges: Frames at the start and at the end that depend on where the chunk begins and ends.
        """
        x = self.input_norm(log_mel[..., None])
        n_frames = x.shape[1]
        pieces, place = [], 0
        for block in self.front:
            (before, after), responses = block.reach, old[..., place : place + block.n_filters]
            place += block.n_filters
            head, tail = edges[0] + before, n_new + edges[1] + after
            n_kept = n_frames - head - tail
            if n_kept <= 0:
                pieces.append(block(_padded(x, block.reach)))
                continue
            first = block(_padded(x[:, : head + after], (before, 0)))
            kept = jax.lax.dynamic_slice_in_dim(responses, head + shift, n_kept, axis=1)
            last = block(_padded(x[:, n_frames - tail - before :], (0, after)))
            pieces.append(jnp.concatenate([first, kept, last], axis=1))
        return jnp.concatenate(pieces, axis=-1)

    def features(
        self,
        log_mel: Float[Array, "batch n_frames n_mels"],
        front: Float[Array, "batch n_frames n_front"] | None = None,
    ) -> tuple[Float[Array, "batch n_penultimate"], Float[Array, "batch n_pooled"]]:
        """Return the penultimate units and their input, the normalised pooled features.

        Args:
            log_mel: The input.
            front: The responses of the front blocks, where they are known.
        """
        front = self.front_maps(log_mel) if front is None else front
        first = self.mid[0](front)
        second = self.mid[1](first) + first
        third = self.mid[2](second) + second
        maps = jnp.concatenate([front, first, second, third], axis=-1)
        # The original interleaves (maximum, mean) feature by feature.
        pooled = jnp.stack([maps.max(axis=1), maps.mean(axis=1)], axis=-1).reshape(len(maps), -1)
        pooled = self.pooled_norm(pooled)
        penultimate = self.penultimate_norm(nnx.relu(self.penultimate(self.dropout(pooled))))
        return penultimate, pooled

    def __call__(
        self,
        log_mel: Float[Array, "batch n_frames n_mels"],
        front: Float[Array, "batch n_frames n_front"] | None = None,
    ) -> Float[Array, "batch n_classes"]:
        """Return the logits; the arguments are those of ``features``."""
        penultimate, pooled = self.features(log_mel, front)
        if self.config.head == "pooled":
            penultimate = jnp.concatenate([penultimate, pooled], axis=-1)
        return self.output(self.dropout(penultimate))
