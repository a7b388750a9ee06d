"""From a checkpoint to one compiled function: a chunk of waveform in, logits out.

Building the network needs flax, orbax and a trace, about two seconds. So the traced program (StableHLO) and its
weights are kept together in the user's cache, under a name that depends on all they were made from; XLA's own cache
keeps the machine code. The next start needs neither flax nor orbax.
"""

import hashlib
import logging
import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.core import ShapedArray
from jax.interpreters import mlir
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import func

from genrestream.errors import CheckpointError
from genrestream.files import PACKAGE
from genrestream.inference.cache_folder import cache_folder
from genrestream.inference.checkpoint import CARD_FILE, Checkpoint

MAX_PROGRAMS = 16
STABLEHLO = "program"

Weights = dict[str, np.ndarray]
Program = Callable[[np.ndarray], np.ndarray]
logger = logging.getLogger(__name__)


def use_compile_cache() -> None:
    """Keep what XLA compiles in the user's cache. For entry points: it changes a setting of the whole process."""
    if folder := cache_folder():
        jax.config.update("jax_compilation_cache_dir", str(folder / "xla"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


def logits_program(checkpoint: Checkpoint) -> Program:
    """Return the function from one chunk, shape (1, n_samples), to its logits, shape (1, n_classes).

    One chunk at a time: on a CPU a larger batch is no faster, and an answer is there after each chunk.

    Raises:
        CheckpointError: The network is unknown or the weights are not its own.
    """
    file = _file(checkpoint)
    if file and (stored := _read(file)):
        try:
            return _compile(*stored, checkpoint)
        except Exception as error:  # whatever a damaged program makes of the parser, it can be made again
            logger.warning("%s: cannot be used (%s), so it is made again", file, error)
    program, weights = _trace(checkpoint)
    if file:
        _write(file, program, weights)
    return _compile(program, weights, checkpoint)


def _trace(checkpoint: Checkpoint) -> tuple[bytes, Weights]:
    from genrestream.inference.network import load_weights, logits_function  # flax: not on the path of a warm start

    weights = load_weights(checkpoint)
    try:
        traced = jax.jit(logits_function(checkpoint.card), keep_unused=True).trace(weights, _chunk_shape(checkpoint))
    except (TypeError, ValueError) as error:
        cause = str(error).splitlines()[0]
        raise CheckpointError(f"{checkpoint.path}: its front end does not fit its network ({cause})") from error
    module: Any = traced.lower().compiler_ir("stablehlo")
    return mlir.module_to_bytecode(module), weights


def _compile(program: bytes, weights: Weights, checkpoint: Checkpoint) -> Program:
    n_classes = len(checkpoint.card.labels)
    names = sorted(weights)  # the order in which jax flattens a dict

    def logits(weights: Weights, chunk: Any) -> jax.Array:
        return stored_p.bind(*(weights[name] for name in names), chunk, program=program, shape=(1, n_classes))

    on_device = jax.device_put(weights)
    compiled = jax.jit(logits).lower(on_device, _chunk_shape(checkpoint)).compile()
    return lambda chunk: np.asarray(compiled(on_device, chunk))


def _chunk_shape(checkpoint: Checkpoint) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((1, checkpoint.card.frontend.n_samples), np.float32)


# ``jax.export`` would do, but calling what it stored imports scipy.linalg: a fifth of a second for LAPACK, unused here.
stored_p = type(jax.lax.add_p)("stored_program")  # jax.extend.core.Primitive, without importing Pallas beside it


@stored_p.def_abstract_eval
def _stored_shape(*_: Any, program: bytes, shape: tuple[int, ...]) -> ShapedArray:
    return ShapedArray(shape, np.dtype(np.float32))


def _lower_stored(ctx: mlir.LoweringRuleContext, *args: Any, program: bytes, shape: tuple[int, ...]) -> Any:
    module = ctx.module_context.module
    stored = ir.Module.parse(program, module.context)
    main: Any = ir.SymbolTable(stored.operation)["main"]
    results = main.type.results
    name = mlir.merge_mlir_modules(module, "stored_program", stored)
    return func.CallOp(results, ir.FlatSymbolRefAttr.get(name), list(args)).results


mlir.register_lowering(stored_p, _lower_stored)


def _file(checkpoint: Checkpoint) -> Path | None:
    """Name the program by the card (it holds the weights' digest), this code, jax's version and the device."""
    folder = cache_folder()
    if folder is None:
        return None
    digest = hashlib.sha256(f"{jax.__version__} {jax.default_backend()}".encode())
    for part in (checkpoint.path / CARD_FILE, *sorted(PACKAGE.glob("**/*.py"))):
        digest.update(hashlib.sha256(part.read_bytes()).digest())
    return folder / "programs" / f"{digest.hexdigest()[:32]}.npz"


def _read(file: Path) -> tuple[bytes, Weights] | None:
    try:
        with file.open("rb") as content, np.load(content, allow_pickle=False) as arrays:
            weights = dict(arrays)
        return weights.pop(STABLEHLO).tobytes(), weights
    except FileNotFoundError:
        return None
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        logger.warning("%s: cannot be read (%s), so it is made again", file, error)
        return None


def _write(file: Path, program: bytes, weights: Weights) -> None:
    try:
        file.parent.mkdir(exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as scratch:
            arrays: dict[str, Any] = {STABLEHLO: np.frombuffer(program, np.uint8), **weights}
            try:
                np.savez(scratch, **arrays)
            except BaseException:
                os.unlink(scratch.name)
                raise
        os.replace(scratch.name, file)
        kept = sorted(file.parent.glob("*.npz"), key=lambda program: program.stat().st_mtime)
        for stale in kept[:-MAX_PROGRAMS]:
            stale.unlink()
    except OSError as error:
        logger.warning("%s: cannot be written (%s), so the next start is slow too", file, error)
