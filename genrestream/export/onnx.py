"""ONNX, through jax2onnx, and checked with ONNX Runtime."""

import logging
import warnings

import jax
import numpy as np

from genrestream.errors import GenrestreamError, UsageError, first_line
from genrestream.export.model import TOLERANCE, chunks, function_of, imported, metadata
from genrestream.inference.checkpoint import Checkpoint

# jax2onnx demands an orbax-checkpoint older than ours, which it does not use to convert.
REMEDY = "pip install 'genrestream[export]' && pip install --no-deps jax2onnx"
INPUT, OUTPUT = "waveform", "logits"


def onnx_bytes(checkpoint: Checkpoint, n_chunks: int) -> bytes:
    """Return an ONNX model: ``waveform``, shape (n_chunks, n_samples), to ``logits``.

    Raises:
        UsageError: A package is missing.
        GenrestreamError: The network cannot be converted, or ONNX Runtime's logits differ from ours.
    """
    logging.getLogger("jax2onnx").setLevel(logging.CRITICAL)  # it tells of its examples' missing packages
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jax2onnx, runtime = imported("jax2onnx", REMEDY), imported("onnxruntime", REMEDY)
    name, function = checkpoint.card.name, function_of(checkpoint)
    shape = n_chunks, checkpoint.card.frontend.n_samples
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what jax2onnx calls in flax
            model = jax2onnx.to_onnx(function, [shape], model_name=name, input_names=[INPUT], output_names=[OUTPUT])
        for key, text in metadata(checkpoint.card).items():
            model.metadata_props.add(key=key, value=text)
        body = model.SerializeToString()
        options = runtime.SessionOptions()
        options.log_severity_level = 3  # errors alone
        session = runtime.InferenceSession(body, options, providers=["CPUExecutionProvider"])
        waveform = chunks(checkpoint.card, n_chunks)
        theirs = session.run([OUTPUT], {INPUT: waveform})[0]
    except UsageError:
        raise
    except Exception as error:  # each operator that has no counterpart has an error of its own
        reason = f"jax2onnx or ONNX Runtime cannot: {first_line(error):.200}"
        raise GenrestreamError(f"{name}: not converted to ONNX ({reason}); use --to stablehlo") from error
    difference = float(np.abs(theirs - np.asarray(jax.jit(function)(waveform))).max())
    if not difference <= TOLERANCE:
        raise GenrestreamError(
            f"{name}: ONNX Runtime's logits differ from ours by {difference:.2g}, more than {TOLERANCE:g}; not written"
        )
    return body
