"""The length of a file by its packets: what the middle and the limits of a scan depend on."""

from fractions import Fraction

import av
import numpy as np
import pytest

from genrestream.library.work.identity import identify
from tests.conftest import music

RATE, YEAR_S = 16_000, 365 * 86_400


def written(path, late_s: float) -> str:
    """Write 10 s of PCM in packets of 0.1 s, the last of which claims to be so much later."""
    samples = (music(10, RATE)[0] * 32_767).astype(np.int16)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("pcm_s16le", rate=RATE, layout="mono")
        file.start_encoding()
        for number, part in enumerate(np.split(samples, 100)):
            packet = av.Packet(part.tobytes())
            packet.stream, packet.time_base = stream, Fraction(1, 1000)
            packet.pts = packet.dts = 100 * number + (round(1000 * late_s) if number == 99 else 0)
            packet.duration = 100
            file.mux(packet)
    return str(path)


@pytest.mark.parametrize("late_s", [0, YEAR_S])
def test_one_absurd_time_is_not_the_length(tmp_path, late_s):
    assert identify(written(tmp_path / "song.mka", late_s))[1] == pytest.approx(10, abs=0.2)


def test_a_gap_counts(tmp_path):
    assert identify(written(tmp_path / "song.mka", 20))[1] == pytest.approx(30, abs=0.2)
