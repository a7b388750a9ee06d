"""GRU and LSTM layers (Cho et al. 2014; Hochreiter & Schmidhuber 1997) that train on one device and on many.

Whatever needs no earlier state is computed outside the loop over time: the product with the inputs, as usual, and the
gradient of the recurrent weights, which is one product over all frames. Inside the loop it would be summed frame by
frame, and several devices would have to wait for each other at every frame.
"""

import functools
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

Carry = tuple[Array, Array]  # hidden state, and the LSTM's memory
Cell = Callable[[Carry, Array, Array], Carry]


class Recurrent(nnx.Module):
    """A layer of gated recurrent units or of long short-term memory; by itself it starts from zero.

    The reset gate of ``gru`` is applied after the product, as in cuDNN, but there is one bias, not two.

    Args:
        cell: ``gru`` or ``lstm``.
        n_inputs: Input channels.
        n_units: Output channels.
        rngs: Source of the initial weights.
    """

    def __init__(self, cell: Literal["gru", "lstm"], n_inputs: int, n_units: int, rngs: nnx.Rngs):
        self.advance, n_gates = CELLS[cell]
        self.inputs = nnx.Linear(n_inputs, n_gates * n_units, rngs=rngs)
        orthogonal = nnx.initializers.orthogonal()
        self.states = nnx.Linear(n_units, n_gates * n_units, use_bias=False, kernel_init=orthogonal, rngs=rngs)

    def __call__(self, x: Float[Array, "batch n_frames n_inputs"]) -> Float[Array, "batch n_frames n_units"]:
        """Return the state after each frame."""
        return self.step(x, self.initial_state(len(x)))[0]

    def initial_state(self, n_streams: int) -> Carry:
        """Return the state before the first frame."""
        start = jnp.zeros((n_streams, self.states.in_features))
        return start, start

    def step(
        self, x: Float[Array, "batch n_frames n_inputs"], carry: Carry
    ) -> tuple[Float[Array, "batch n_frames n_units"], Carry]:
        """Return the state after each frame, and what the next step goes on from."""
        inputs = jnp.swapaxes(self.inputs(x), 0, 1)
        carry = carry[0].astype(inputs.dtype), carry[1].astype(inputs.dtype)
        results: Any = _states(self.advance, inputs, carry, self.states.kernel.get_value())
        states, memory = results
        return jnp.swapaxes(states, 0, 1), (states[-1], memory)


def _gru(carry: Carry, inputs: Array, recurrent: Array) -> Carry:
    state, memory = carry
    reset, update, new = jnp.split(inputs, 3, axis=-1)
    reset_back, update_back, new_back = jnp.split(recurrent, 3, axis=-1)
    update = nnx.sigmoid(update + update_back)
    new = nnx.tanh(new + nnx.sigmoid(reset + reset_back) * new_back)
    return (1 - update) * new + update * state, memory


def _lstm(carry: Carry, inputs: Array, recurrent: Array) -> Carry:
    _, memory = carry
    input_gate, forget, new, output_gate = jnp.split(inputs + recurrent, 4, axis=-1)
    memory = nnx.sigmoid(forget) * memory + nnx.sigmoid(input_gate) * nnx.tanh(new)
    return nnx.sigmoid(output_gate) * nnx.tanh(memory), memory


CELLS: dict[str, tuple[Cell, int]] = {"gru": (_gru, 3), "lstm": (_lstm, 4)}  # each with its number of gates


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _states(
    cell: Cell, inputs: Float[Array, "n_frames batch _"], start: Carry, kernel: Float[Array, "n_units _"]
) -> tuple[Array, Array]:
    """Return the state after each frame, and the memory after the last."""
    return _loop(cell, inputs, jnp.zeros_like(inputs), start, kernel)


def _loop(cell: Cell, inputs: Array, added: Array, start: Carry, kernel: Array) -> tuple[Array, Array]:
    """Do what ``_states`` does. ``added`` is zero, so its gradient is that of the products of states and kernel."""

    def frame(carry: Carry, now: tuple[Array, Array]) -> tuple[Carry, Array]:
        carry = cell(carry, now[0], carry[0] @ kernel + now[1])
        return carry, carry[0]

    (_, memory), states = jax.lax.scan(frame, start, (inputs, added))
    return states, memory


def _forward(cell: Cell, inputs: Array, start: Carry, kernel: Array) -> tuple[tuple[Array, Array], Any]:
    results, pull_back = jax.vjp(
        lambda inputs, added, start: _loop(cell, inputs, added, start, kernel), inputs, jnp.zeros_like(inputs), start
    )
    return results, (start[0], results[0], pull_back)


def _backward(cell: Cell, saved: tuple[Array, Array, Any], cotangents: Any) -> tuple[Array, Carry, Array]:
    first, states, pull_back = saved
    of_inputs, of_products, of_start = pull_back(cotangents)
    before = jnp.concatenate([first[None], states[:-1]])
    return of_inputs, of_start, jnp.einsum("tbu,tbg->ug", before, of_products)


_states.defvjp(_forward, _backward)
