"""XLA's runtime on the CPU, without jax: the import of jax takes longer than all else in a warm start.

This uses what jax itself calls in jaxlib, which no document promises. So it is used only with the versions of jaxlib
that it was tried with, a function is kept for it only after it gave the same result as through jax, and where anything
fails jax does the work.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from genrestream.inference.engines.machine import has_device, settings

TRIED = ("0.10.",)  # versions of jaxlib
# Compiles in less than half the time, and runs as fast (docs/speed.md).
QUICK: dict[str, Any] = {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 1}
Buffer = Any  # an array on the device
Function = Callable[[list[Buffer]], tuple[Buffer, ...]]


def is_usable() -> bool:
    """Whether jax would compute on this CPU with its own defaults, and this version of jaxlib was tried."""
    return not settings() and not has_device() and version().startswith(TRIED)


def version() -> str:
    """Return jaxlib's version; empty where it is missing."""
    try:
        return importlib.import_module("jaxlib").__version__
    except ImportError:
        return ""


class Runtime:
    """The CPU as a device; many threads may use it at once.

    Its methods raise exceptions of any type where jaxlib is another than was expected.
    """

    def __init__(self) -> None:
        utils, self._internal, self._xla = (
            importlib.import_module(f"jaxlib.{name}") for name in ("utils", "_jax", "xla_client")
        )
        utils.absl_set_min_log_level(1)  # as jax does: no lines about the devices
        self._client: Any = self._xla.make_cpu_client()
        self._devices = self._client.devices()[:1]
        self._sharding = _sharding(self._xla, self._devices[0])

    def load(self, executable: bytes, results: Sequence[np.ndarray]) -> Function:
        """Return a function of arrays on the device.

        Args:
            executable: What XLA serialized.
            results: Arrays like its results, of the same type and with an axis of length 0 before the others.
        """
        devices = self._xla.DeviceList(tuple(self._devices))
        return self._function(self._client.deserialize_executable(executable, executable_devices=devices), results)

    def compile(self, program: bytes, results: Sequence[np.ndarray]) -> tuple[Function, bytes]:
        """Return a traced function, compiled, and what XLA serializes of it.

        Args:
            program: StableHLO, serialized.
            results: As in ``load``.
        """
        options = self._xla.CompileOptions()
        options.num_replicas = options.num_partitions = 1
        options.env_option_overrides = list(QUICK.items())
        devices = self._xla.DeviceList(tuple(self._devices))
        run = self._client.compile_and_load(program, devices, options)
        return self._function(run, results), run.serialize()

    def _function(self, run: Any, results: Sequence[np.ndarray]) -> Function:
        handlers = [
            self._xla.array_result_handler(_Aval(one.shape[1:], one.dtype), self._sharding, True, True)
            for one in results
        ]
        return lambda inputs: tuple(run.execute_sharded(inputs).consume_with_handlers(handlers))

    def put(self, array: np.ndarray) -> Buffer:
        """Return the array on the device; it must not change any more."""
        aval = _Aval(array.shape, array.dtype)
        return self._xla.batched_device_put(aval, self._sharding, [array], self._devices, True, enable_x64=False)

    def get(self, buffer: Buffer) -> np.ndarray:
        """Wait for an array, and return it."""
        buffer.block_until_ready()
        return np.from_dlpack(_Exported(self._internal, buffer)).copy()


class _Aval:
    """The part of jax's description of an array that the runtime reads."""

    weak_type = False

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype):
        self.shape, self.dtype = shape, dtype


def _sharding(xla: Any, device: Any) -> Any:
    """Return the part of jax's description of one device's arrays that the runtime reads."""

    class OneDevice(xla.SingleDeviceSharding):
        memory_kind = None

        def _to_xla_hlo_sharding(self, n_dimensions: int) -> Any:
            return xla.HloSharding.replicate()

    return OneDevice(device)


class _Exported:
    """An array in the form that ``np.from_dlpack`` takes; the usual way to NumPy imports jax."""

    def __init__(self, internal: Any, buffer: Buffer):
        self._internal, self._buffer = internal, buffer

    def __dlpack__(self, **_: Any) -> Any:
        return self._internal.buffer_to_dlpack_managed_tensor(self._buffer)

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0  # the CPU
