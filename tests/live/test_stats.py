import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrestream.audio.level import Level
from genrestream.live.stats import Delays


@given(st.lists(st.floats(2e-4, 100), min_size=1, max_size=200), st.sampled_from([50, 95, 99]))
def test_percentiles_are_those_of_all_delays(delays_s, percent):
    delays = Delays()
    for delay_s in delays_s:
        delays.add(delay_s)
    exact = np.percentile(delays_s, percent, method="inverted_cdf")
    assert exact * 0.999 <= delays.percentile_s(percent) <= exact * 1.025
    assert delays.longest_s == max(delays_s)


def test_no_delay_and_delays_off_the_scale():
    delays = Delays()
    assert delays.percentile_s(95) == 0
    for delay_s in (0, 1e9):
        delays.add(delay_s)
    assert delays.percentile_s(50) == pytest.approx(1e-4)


def test_the_meter_rises_at_once_falls_slowly_and_marks_clipping():
    level = Level()
    square = np.tile([1, -1], (2, 50)).astype(np.float32)
    level.push(0.5 * square, 0.1)
    assert level.rms_db == level.peak_db == pytest.approx(-6.02, abs=0.01)
    assert not level.is_clipped
    level.push(square, 0.1)
    assert (level.peak_db, level.is_clipped) == (0, True)
    level.push(np.zeros((2, 100), np.float32), 0.5)
    assert (level.peak_db, level.is_clipped) == (-10, True)
    level.push(np.zeros((2, 100), np.float32), 0.6)
    assert not level.is_clipped
