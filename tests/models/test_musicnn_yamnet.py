"""The default model is its two halves side by side; a card that does not fit them is one line."""

import json
import shutil

import jax.numpy as jnp
import numpy as np
import pytest

import genrestream
from genrestream.errors import CheckpointError
from genrestream.features.config import PairConfig
from genrestream.features.frontend import features
from genrestream.inference.checkpoint import read
from genrestream.inference.network import bind, load_weights
from genrestream.inference.shipped import find
from genrestream.models.musicnn_yamnet import LOGIT_RANGE
from tests.conftest import METAL


def test_its_features_are_those_of_its_halves(golden):
    waveform = jnp.asarray(golden["waveform"][:1])
    pair, tags, yamnet = (read(find(name)) for name in ("musicnn-yamnet", "musicnn-tags", "yamnet"))
    both = bind(pair.card)(load_weights(pair)).features(features(waveform, pair.card.frontend))
    one = bind(tags.card)(load_weights(tags)).features(features(waveform, tags.card.frontend))
    embedding, logits = bind(yamnet.card)(load_weights(yamnet)).features(features(waveform, yamnet.card.frontend))
    expected = np.concatenate([*one, embedding, np.clip(logits, *LOGIT_RANGE)], axis=-1)
    np.testing.assert_allclose(both, expected, atol=1e-3)


def test_music_speech_and_noise_are_told_apart(default):
    assert default.card.states == ("music", "speech", "noise")
    assert isinstance(default.card.frontend, PairConfig)
    noise = 0.1 * np.random.default_rng(0).normal(size=6 * 16_000)
    verdict = default.classify(noise, sample_rate=16_000)
    assert (verdict.genre, verdict.n_noise, verdict.final.n_votes) == ("noise", 2, 0)
    assert default.classify(METAL).genre == "metal"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card: card["frontend"]["second"].update(sample_rate=8000, high_hz=4000.0), "sample_rate=16000 of the"),
        (lambda card: card["frontend"].pop("second"), "second"),
        (lambda card: card.update(model_config={"n_audioset": 500}), "the weights are of another network"),
        (lambda card: card.update(labels=card["labels"][:9]), "the weights are of another network"),
        (lambda card: card.update(states=["speech", "noise"]), "states=.* must be music first"),
        (lambda card: card.update(frontend=card["frontend"]["first"]), "must be a pair"),
    ],
    ids=["rates differ", "half missing", "other class map", "label missing", "music not first", "one front end"],
)
def test_a_card_that_does_not_fit_is_one_line(tmp_path, change, message):
    folder = shutil.copytree(find("musicnn-yamnet"), tmp_path / "model")
    card = json.loads((folder / "checkpoint.json").read_text())
    change(card)
    (folder / "checkpoint.json").write_text(json.dumps(card))
    with pytest.raises(CheckpointError, match=message) as raised:
        genrestream.load(folder)
    assert "\n" not in str(raised.value)
