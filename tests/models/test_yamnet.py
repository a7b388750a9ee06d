import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from genrestream.features.config import LogMelConfig, PairConfig, PatchesConfig
from genrestream.features.frontend import features
from genrestream.features.patches import htk_mel_filters
from genrestream.inference.checkpoint import read
from genrestream.inference.network import bind, load_weights
from genrestream.inference.shipped import find
from genrestream.models import YAMNet, YAMNetConfig
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def golden_yamnet():
    return dict(np.load(ROOT / "tests" / "golden" / "yamnet.npz"))


def test_equals_onnx_runtime(golden_yamnet):
    """On the same weights without rounded activations; logits reach 600, so their tolerance is relative."""
    yamnet = read(find("yamnet"))
    network = bind(yamnet.card)(load_weights(yamnet))
    embedding, logits = network.features(features(jnp.asarray(golden_yamnet["waveform"]), yamnet.card.frontend))
    np.testing.assert_allclose(embedding, golden_yamnet["embedding"], atol=1e-3)
    np.testing.assert_allclose(logits, golden_yamnet["logits"], atol=1e-3, rtol=1e-5)


def test_it_tells_tones_from_noise(golden_yamnet):
    yamnet = read(find("yamnet"))
    network = bind(yamnet.card)(load_weights(yamnet))
    logits = np.asarray(network(features(jnp.asarray(golden_yamnet["waveform"]), yamnet.card.frontend)))
    names = [yamnet.card.labels[label] for label in logits.argmax(axis=1)]
    assert names[0] in ("White noise", "Static", "Noise", "Spray", "Waterfall", "Silence", "Pink noise")
    assert len(yamnet.card.labels) == 521


def test_the_mel_bands_are_triangles_between_their_edges():
    filters = htk_mel_filters(PatchesConfig())
    bins_hz = np.fft.rfftfreq(512, 1 / 16_000)
    assert filters.shape == (257, 64)
    assert not filters[(bins_hz < 125) | (bins_hz > 7500)].any()
    inside = filters.sum(axis=1)[(bins_hz > 200) & (bins_hz < 7000)]
    np.testing.assert_allclose(inside, 1, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PairConfig(LogMelConfig(sample_rate=12_000), PatchesConfig()), "sample_rate=12000 of the first"),
        (lambda: PatchesConfig(n_patches=9), "n_patches=9 of n_frames=96 must fit"),
        (lambda: PatchesConfig(n_mels=0), "n_mels=0 must be a positive integer"),
        (lambda: PatchesConfig(high_hz=9_000.0), "must rise from 0 to 8000"),
        (lambda: YAMNet(YAMNetConfig(), (94, 64), 10, rngs=nnx.Rngs(0)), "must be patches"),
    ],
)
def test_what_cannot_be(make, message):
    with pytest.raises(ValueError if "patches" in message and "n_" not in message else Exception, match=message):
        make()
