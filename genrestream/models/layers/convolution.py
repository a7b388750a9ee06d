"""The networks' convolutions, with gradients that are fast on a CPU too."""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from genrestream.models.layers.carried import causal
from genrestream.models.layers.gradients import is_fast
from genrestream.models.layers.norm import BatchNorm
from genrestream.models.layers.pooling import max_pool

BANDS_AT_ONCE = 4
LAYOUT = ("NHWC", "HWIO", "NHWC")


class Conv(nnx.Module):
    """Convolution of 3x3 or 1x1 with zero padding; on a CPU it trains faster than ``nnx.Conv``.

    Args:
        n_inputs: Input channels.
        n_filters: Output channels.
        rngs: Source of the initial weights.
        size: Frames and bands that it spans: 3 or 1.
        use_bias: Whether a bias is added.
    """

    def __init__(self, n_inputs: int, n_filters: int, rngs: nnx.Rngs, *, size: int = 3, use_bias: bool = True):
        self.kernel = nnx.Param(nnx.initializers.lecun_normal()(rngs.params(), (size, size, n_inputs, n_filters)))
        self.bias = nnx.Param(jnp.zeros(n_filters)) if use_bias else None

    def __call__(
        self, x: Float[Array, "batch n_frames n_bands n_inputs"]
    ) -> Float[Array, "batch n_frames n_bands n_filters"]:
        """Return the responses."""
        kernel = self.kernel.get_value()
        if kernel.shape[:2] == (1, 1):  # as a matrix product its gradient takes half the time on a CPU
            responses = x @ kernel[0, 0]
        elif kernel.shape[2] == 1:
            responses = (_conv_of_one if is_fast("bands") else _conv)(x, kernel)
        else:
            responses = (_conv_of_many if is_fast("kernel") else _conv)(x, kernel)
        return responses if self.bias is None else responses + self.bias.get_value()


@jax.custom_vjp
def _conv_of_one(x: Array, kernel: Array) -> Array:
    """Convolve one channel: computing four bands at once, from six, takes a sixth of the time on a CPU."""
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
    lambda saved, cotangent: jax.vjp(_conv, *saved)[1](cotangent),  # XLA's gradient for one channel is fast enough
)


@jax.custom_vjp
def _conv_of_many(x: Array, kernel: Array) -> Array:
    return _conv(x, kernel)


def _conv_of_many_backward(saved: tuple[Array, Array], cotangent: Array) -> tuple[Array, Array]:
    x, kernel = saved
    (x_grad,) = jax.vjp(lambda x: _conv(x, kernel), x)[1](cotangent)
    return x_grad, _kernel_grad(x, cotangent)


def _kernel_grad(x: Array, cotangent: Array) -> Array:
    """Return the kernel's gradient as a convolution whose channels are the examples and bands.

    XLA's own gradient has only 3x3 outputs to compute side by side and takes up to 1.5 times as long on a CPU.
    """
    batch, n_frames, n_bands, n_inputs = x.shape
    wide = jnp.pad(x.transpose(1, 3, 0, 2), ((0, 0), (0, 0), (0, 0), (1, 1)))
    shifted = jnp.stack([wide[..., band : band + n_bands] for band in range(3)])
    shifted = shifted.reshape(3, n_frames, n_inputs, batch * n_bands)
    cotangent = cotangent.transpose(1, 0, 2, 3).reshape(n_frames, 1, batch * n_bands, -1)
    by_band = jax.lax.conv_general_dilated(shifted, cotangent, (1, 1), ((1, 1), (0, 0)), dimension_numbers=LAYOUT)
    return by_band.transpose(1, 0, 2, 3)


_conv_of_many.defvjp(lambda x, kernel: (_conv(x, kernel), (x, kernel)), _conv_of_many_backward)


def computed_once(x: Array) -> Array:
    """Return ``x``, and make XLA compute it only once in training.

    XLA on a CPU would compute the input of a convolution twice: for the convolution, and again while it transposes it
    for the kernel's gradient, which costs up to a fifth of a step. It does not if the last operation is a choice
    between two arrays, so in training that operation is a choice that changes no value.
    """
    return _once(x) if is_fast("computed_once") else x


@jax.custom_vjp
def _once(x: Array) -> Array:
    return x


def _selected(x: Array) -> Array:
    return jnp.where(jnp.isnan(x), jnp.nan, x)


_once.defvjp(lambda x: (_selected(x), None), lambda _, cotangent: (_selected(cotangent),))


class ConvBlock(nnx.Module):
    """3x3 convolution, max pooling, ReLU, batch norm: the layer of the CNN's plain stages and of the CRNN.

    Args:
        n_inputs: Input channels.
        n_filters: Output channels.
        pool: Frames and bands that become one; (1, 1) does not pool.
        rngs: Source of the initial weights.
    """

    def __init__(self, n_inputs: int, n_filters: int, pool: tuple[int, int], rngs: nnx.Rngs):
        self.pool = pool
        self.conv = Conv(n_inputs, n_filters, rngs)
        self.norm = BatchNorm(n_filters, rngs=rngs)

    def __call__(self, x: Float[Array, "batch n_frames n_bands n_inputs"]) -> Float[Array, "batch _ _ n_filters"]:
        """Return the pooled responses; a last piece smaller than the pool is dropped."""
        return self._pooled(self._responses(x))

    def step(
        self, x: Float[Array, "batch n_frames n_bands n_inputs"], before: Float[Array, "batch 2 n_bands n_inputs"]
    ) -> tuple[Float[Array, "batch _ _ n_filters"], Array]:
        """Return the pooled responses that see no later frame, and the frames that the next step sees again."""
        responses, after = causal(self._responses, x, before)
        return self._pooled(responses), after

    def _responses(self, x: Array) -> Array:
        return self.conv(computed_once(x))

    def _pooled(self, responses: Array) -> Array:
        pooled = computed_once(max_pool(responses, self.pool))
        return self.norm(nnx.relu(pooled))  # ReLU after the pooling has fewer values to process
