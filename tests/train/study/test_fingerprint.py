import numpy as np
import pytest

from tests.conftest import EXAMPLES
from train.data.decode import waveform_blocks
from train.study.fingerprint import fingerprint, matches

RATE = 22_050
NAMES = ("metal", "classical")


def fingerprints(**waveforms: np.ndarray) -> dict[str, np.ndarray]:
    return {name: fingerprint(waveform) for name, waveform in waveforms.items()}


@pytest.mark.parametrize("start_s", [0.0, 3.21])
def test_the_same_recording_is_found_though_quieter_noisy_and_shifted(start_s):
    song, other = (np.concatenate(list(waveform_blocks(EXAMPLES / f"{name}.ogg", RATE)))[: 10 * RATE] for name in NAMES)
    copy = 0.2 * song[round(start_s * RATE) :]
    copy = copy + 0.002 * np.random.default_rng(0).normal(size=len(copy)).astype(np.float32)
    (match,) = matches(fingerprints(song=song, other=other, copy=copy))
    assert {match.first, match.second} == {"song", "copy"}
    assert match.error < 0.2
    assert match.seconds == pytest.approx(10 - start_s, abs=0.5)


def test_silence_and_a_scrap_match_nothing():
    silence = np.zeros(5 * RATE, np.float32)
    assert not matches(fingerprints(a=silence, b=silence, c=silence[:100]))
