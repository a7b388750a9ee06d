"""What several of the networks are built from."""

import dataclasses
import functools
import itertools
from typing import Any, get_args

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from genrestream.errors import UsageError

MAX_UNITS, MAX_LAYERS = 100_000, 16  # a stranger's config must not fill the memory
BANDS_AT_ONCE = 4
LAYOUT = ("NHWC", "HWIO", "NHWC")


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Base of the networks' configs, which checks each field by its type.

    Raises:
        UsageError: A size is not positive or is beyond reason, a rate is not from 0 to below 1, or a choice is none.
    """

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(field.default, float):
                if not isinstance(value, int | float) or not 0 <= value < 1:
                    raise UsageError(f"{field.name}={value!r} must be at least 0 and below 1")
            elif isinstance(field.default, bool | str):
                choices = get_args(field.type) or (False, True)
                if value not in choices or type(value) is not type(field.default):
                    raise UsageError(f"{field.name}={value!r} must be one of {', '.join(map(str, choices))}")
            else:
                _check_sizes(field.name, value, field.default)


def _check_sizes(name: str, value: object, default: object) -> None:
    sizes = value if isinstance(default, tuple) else (value,)
    most = MAX_LAYERS if name == "n_layers" else MAX_UNITS
    least = 0 if name == "n_units" else 1  # a network may end in its output layer alone
    if not isinstance(sizes, tuple) or not least <= len(sizes) <= MAX_LAYERS:
        raise UsageError(f"{name}={value!r} must be {least} to {MAX_LAYERS} sizes, one a layer")
    if not all(isinstance(size, int) and 0 < size <= most for size in sizes):
        raise UsageError(f"{name}={value!r} must be positive and at most {most}")


class BatchNorm(nnx.BatchNorm):
    """Flax's, with two changes.

    What comes out has the type of what comes in, for float32 statistics would make all after it float32. And the
    gradient is written out, which takes fewer passes over the examples than the derivative of line after line.
    """

    def __call__(self, x: Float[Array, "*batch n_channels"], *args: Any, **kwargs: Any) -> Array:
        """Return ``x`` normalised: in training by its own mean and variance, which the running ones then follow."""
        if self.use_running_average or self.scale is None or self.bias is None:
            return super().__call__(x, *args, **kwargs).astype(x.dtype)
        scale, bias = self.scale.get_value(), self.bias.get_value()
        normalised, mean, variance = _normalised(x, scale, bias, self.epsilon)
        for running, now in ((self.mean, mean), (self.var, variance)):
            running.set_value(self.momentum * running.get_value() + (1 - self.momentum) * now)
        return normalised


@jax.custom_vjp
def _normalised(x: Array, scale: Array, bias: Array, epsilon: float | Array) -> tuple[Array, Array, Array]:
    """Return x with each channel's mean made equal to bias and its deviation to scale; and mean and variance of x."""
    return _normalised_forward(x, scale, bias, epsilon)[0]


def _normalised_forward(x: Array, scale: Array, bias: Array, epsilon: float | Array) -> tuple[Any, Any]:
    values, axes = x.astype(jnp.float32), tuple(range(x.ndim - 1))
    mean = values.mean(axes)
    variance = jnp.maximum(0, (values * values).mean(axes) - mean * mean)  # as flax does: one pass finds both
    inverse = jax.lax.rsqrt(variance + epsilon)
    gain = scale * inverse
    normalised = (values * gain + (bias - mean * gain)).astype(x.dtype)
    return (normalised, mean, variance), (x, mean, inverse, scale)


def _normalised_backward(saved: tuple[Array, ...], slopes: tuple[Array, ...]) -> tuple[Array | None, ...]:
    x, mean, inverse, scale = saved
    slope, values, axes = slopes[0].astype(jnp.float32), x.astype(jnp.float32), tuple(range(x.ndim - 1))
    n_values = x.size // x.shape[-1]
    bias_slope = slope.sum(axes)
    scale_slope = ((slope * values).sum(axes) - mean * bias_slope) * inverse  # XLA would write out values - mean
    of_values, gain = inverse * scale_slope / n_values, scale * inverse
    x_slope = gain * slope - gain * of_values * values + gain * (of_values * mean - bias_slope / n_values)
    return x_slope.astype(x.dtype), scale_slope.astype(scale.dtype), bias_slope.astype(scale.dtype), None


# The slopes of mean and variance are left out: only the running ones are made of them.
_normalised.defvjp(_normalised_forward, _normalised_backward)


class InputConv(nnx.Module):
    """3x3 convolution of one channel, the first layer of a network that sees a spectrogram.

    Args:
        n_filters: Channels that go out.
        rngs: Source of the initial weights.
    """

    def __init__(self, n_filters: int, rngs: nnx.Rngs):
        self.kernel = nnx.Param(nnx.initializers.lecun_normal()(rngs.params(), (3, 3, 1, n_filters)))
        self.bias = nnx.Param(jnp.zeros(n_filters))

    def __call__(self, x: Float[Array, "batch n_frames n_bands 1"]) -> Float[Array, "batch n_frames n_bands n_filters"]:
        """Return the responses; what lies beyond the edge is zero."""
        return _conv_of_one(x, self.kernel.get_value()) + self.bias.get_value()


@jax.custom_vjp
def _conv_of_one(x: Array, kernel: Array) -> Array:
    """One channel is too few for XLA on a CPU: four bands at once, from six, take a sixth of the time."""
    batch, n_frames, n_bands, _ = x.shape
    n = BANDS_AT_ONCE
    if n_bands % n:
        return _conv(x, kernel)
    shifted = [jnp.pad(kernel[:, :, 0], ((0, 0), (k, n - 1 - k), (0, 0))) for k in range(n)]
    kernel = jnp.stack(shifted, axis=2).reshape(3, n + 2, 1, -1)
    responses = jax.lax.conv_general_dilated(x, kernel, (1, n), ((1, 1), (1, 1)), dimension_numbers=LAYOUT)
    return responses.reshape(batch, n_frames, n_bands, -1)


def _conv(x: Array, kernel: Array) -> Array:
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=LAYOUT)


_conv_of_one.defvjp(
    lambda x, kernel: (_conv_of_one(x, kernel), (x, kernel)),
    lambda saved, slope: jax.vjp(_conv, *saved)[1](slope),  # this way round one channel is fast enough
)


class Conv(nnx.Conv):
    """3x3 convolution; what lies beyond the edge is zero.

    Args:
        n_inputs: Channels that come in.
        n_filters: Channels that go out.
        rngs: Source of the initial weights.
        use_bias: Whether a bias is added.
    """

    def __init__(self, n_inputs: int, n_filters: int, rngs: nnx.Rngs, *, use_bias: bool = True):
        super().__init__(n_inputs, n_filters, (3, 3), use_bias=use_bias, rngs=rngs)

    def __call__(
        self, inputs: Float[Array, "batch n_frames n_bands n_inputs"], *args: Any, **kwargs: Any
    ) -> Float[Array, "batch n_frames n_bands n_filters"]:
        """Return the responses."""
        responses = _conv_of_many(inputs, self.kernel.get_value())
        return responses if self.bias is None else responses + self.bias.get_value()


@jax.custom_vjp
def _conv_of_many(x: Array, kernel: Array) -> Array:
    return _conv(x, kernel)


def _conv_of_many_backward(saved: tuple[Array, Array], slope: Array) -> tuple[Array, Array]:
    x, kernel = saved
    x_slope = jax.vjp(lambda x: _conv(x, kernel), x)[1](slope)[0]
    usual = jax.vjp(lambda kernel: _conv(x, kernel), kernel)[1]
    return x_slope, jax.lax.platform_dependent(x, slope, cpu=_kernel_slope, default=lambda _, slope: usual(slope)[0])


def _kernel_slope(x: Array, slope: Array) -> Array:
    """Return the kernel's gradient, a convolution too: channels are its places, examples and bands its channels.

    XLA's own has the kernel's three by three places, too few for a CPU's vectors: it takes up to half as long again.
    """
    batch, n_frames, n_bands, n_inputs = x.shape
    wide = jnp.pad(x.transpose(1, 3, 0, 2), ((0, 0), (0, 0), (0, 0), (1, 1)))
    shifted = jnp.stack([wide[..., band : band + n_bands] for band in range(3)])
    shifted = shifted.reshape(3, n_frames, n_inputs, batch * n_bands)
    slope = slope.transpose(1, 0, 2, 3).reshape(n_frames, 1, batch * n_bands, -1)
    by_band = jax.lax.conv_general_dilated(shifted, slope, (1, 1), ((1, 1), (0, 0)), dimension_numbers=LAYOUT)
    return by_band.transpose(1, 0, 2, 3)


_conv_of_many.defvjp(lambda x, kernel: (_conv(x, kernel), (x, kernel)), _conv_of_many_backward)


class PointConv(nnx.Conv):
    """1x1 convolution, as the matrix product that it is: XLA on a CPU finds that one's gradient in half the time.

    Args:
        n_inputs: Channels that come in.
        n_filters: Channels that go out.
        rngs: Source of the initial weights.
    """

    def __init__(self, n_inputs: int, n_filters: int, rngs: nnx.Rngs):
        super().__init__(n_inputs, n_filters, (1, 1), rngs=rngs)

    def __call__(
        self, inputs: Float[Array, "batch n_frames n_bands n_inputs"], *args: Any, **kwargs: Any
    ) -> Float[Array, "batch n_frames n_bands n_filters"]:
        """Return the responses."""
        assert self.bias is not None
        return inputs @ self.kernel.get_value()[0, 0] + self.bias.get_value()


@jax.custom_vjp
def computed_once(x: Array) -> Array:
    """Return ``x``, which is used more than once; in training computed once.

    XLA on a CPU would compute the input of a convolution for it and again, from all that came before, while it turns
    it round for the kernel's gradient: up to a fifth of a step. It does not where the last operation depends on two
    arrays of its size, so in training that is a choice which changes nothing.
    """
    return x


def _chosen(x: Array) -> Array:
    return jnp.where(jnp.isnan(x), jnp.nan, x)


computed_once.defvjp(lambda x: (_chosen(x), None), lambda _, slope: (_chosen(slope),))


class ConvBlock(nnx.Module):
    """3x3 convolution, maximum pooling, ReLU, batch norm: the layer of the CNN's plain stages and of the CRNN.

    Args:
        n_inputs: Channels that come in.
        n_filters: Channels that go out.
        pool: Frames and bands that become one; (1, 1) does not pool.
        rngs: Source of the initial weights.
    """

    def __init__(self, n_inputs: int, n_filters: int, pool: tuple[int, int], rngs: nnx.Rngs):
        self.pool = pool
        one = n_inputs == 1
        self.conv = InputConv(n_filters, rngs) if one else Conv(n_inputs, n_filters, rngs)
        self.norm = BatchNorm(n_filters, rngs=rngs)

    def __call__(self, x: Float[Array, "batch n_frames n_bands n_inputs"]) -> Float[Array, "batch _ _ n_filters"]:
        """Return the pooled responses; a last piece smaller than the pool is dropped."""
        pooled = computed_once(max_pool(self.conv(computed_once(x)), self.pool))
        return self.norm(nnx.relu(pooled))  # rectified when it is less


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def max_pool(
    x: Float[Array, "batch n_frames n_bands n_channels"], pool: tuple[int, int]
) -> Float[Array, "batch _ _ n_channels"]:
    """Return the maxima of pieces that do not overlap; a last piece smaller than the pool is dropped.

    On a CPU its gradient, which goes to the first maximum, takes a tenth of the time of ``nnx.max_pool``'s, which
    scatters one value after another.
    """
    return _max_and_place(x, pool)[0]


def _max_and_place(x: Array, pool: tuple[int, int]) -> tuple[Array, Array]:
    batch, n_frames, n_bands, n_channels = x.shape
    frames, bands = n_frames // pool[0], n_bands // pool[1]
    kept = x[:, : frames * pool[0], : bands * pool[1]]
    pieces = kept.reshape(batch, frames, pool[0], bands, pool[1], n_channels)
    most, place = pieces[:, :, 0, :, 0], jnp.zeros((batch, frames, bands, n_channels), jnp.int32)
    for frame, band in itertools.product(range(pool[0]), range(pool[1])):
        piece = pieces[:, :, frame, :, band]
        place = jnp.where(piece > most, frame * pool[1] + band, place)
        most = jnp.maximum(piece, most)
    return most, place


def _max_pool_forward(x: Array, pool: tuple[int, int]) -> tuple[Array, tuple[Array, Array]]:
    most, place = _max_and_place(x, pool)
    return most, (place, jnp.zeros((0, *x.shape[1:]), x.dtype))  # of x the shape alone


def _max_pool_backward(pool: tuple[int, int], saved: tuple[Array, Array], slope: Array) -> tuple[Array]:
    place, like_x = saved
    batch, frames, bands, n_channels = slope.shape

    def spread(array: Array) -> Array:
        wide = jnp.broadcast_to(array[:, :, None, :, None], (batch, frames, pool[0], bands, pool[1], n_channels))
        return wide.reshape(batch, frames * pool[0], bands * pool[1], n_channels)

    frame, band = jnp.arange(frames * pool[0]) % pool[0], jnp.arange(bands * pool[1]) % pool[1]
    here = (frame[:, None] * pool[1] + band)[..., None]
    sloped = jnp.where(spread(place) == here, spread(slope), 0)
    if sloped.shape[1:] == like_x.shape[1:]:
        return (sloped,)
    whole = jnp.zeros((batch, *like_x.shape[1:]), slope.dtype)  # padding would not be vectorised
    return (whole.at[:, : sloped.shape[1], : sloped.shape[2]].set(sloped),)


max_pool.defvjp(_max_pool_forward, _max_pool_backward)


class Dense(nnx.Module):
    """Dense layers with ReLU, each after dropout, and the output layer.

    Args:
        n_inputs: Features that come in.
        n_units: Units of each hidden layer, maybe none.
        n_classes: Logits that go out.
        dropout: Rate before each layer, in training.
        rngs: Source of the initial weights and of dropout.
    """

    def __init__(self, n_inputs: int, n_units: tuple[int, ...], n_classes: int, dropout: float, rngs: nnx.Rngs):
        sizes = (n_inputs, *n_units, n_classes)
        self.layers = nnx.List([nnx.Linear(n, m, rngs=rngs) for n, m in itertools.pairwise(sizes)])
        self.dropout = nnx.Dropout(dropout, rngs=rngs)

    def __call__(self, x: Float[Array, "batch n_inputs"]) -> Float[Array, "batch n_classes"]:
        """Return the logits."""
        for layer in self.layers[:-1]:
            x = nnx.relu(layer(self.dropout(x)))
        return self.layers[-1](self.dropout(x))


class ColumnNorm(nnx.Module):
    """Takes the logarithm of some columns and standardises all, by what was measured on the training rows.

    Args:
        n_columns: Columns of the table.
    """

    def __init__(self, n_columns: int):
        self.is_log = nnx.BatchStat(jnp.zeros(n_columns))
        self.floor = nnx.BatchStat(jnp.ones(n_columns))
        self.mean = nnx.BatchStat(jnp.zeros(n_columns))
        self.scale = nnx.BatchStat(jnp.ones(n_columns))

    def __call__(self, columns: Float[Array, "batch n_columns"]) -> Float[Array, "batch n_columns"]:
        """Return the columns, each with mean 0 and variance 1 over the training rows; a scale of 0 leaves one out."""
        logs = jnp.log(jnp.maximum(columns, self.floor.get_value()))
        columns = jnp.where(self.is_log.get_value() > 0, logs, columns)
        return (columns - self.mean.get_value()) * self.scale.get_value()
