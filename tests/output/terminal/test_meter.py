import pytest

from genrestream.output.terminal.console import ASCII
from genrestream.output.terminal.meter import HELD_S, Meter


def text(line):
    return "".join(piece for piece, _ in line)


def test_loudness_peak_and_held_peak():
    meter = Meter(ASCII)
    meter.line(-10, -6, False, 0.0, 88)
    later = text(meter.line(-30, -24, False, 1.0, 88))
    bar = later[9 : later.index(" -30 dB") - 1]
    assert later == f" level   {bar}  -30 dB, peak   -6 dB "
    n_cells = len(bar)
    assert bar.count("#") == pytest.approx(n_cells / 2, abs=1)
    assert bar.count("=") == pytest.approx(n_cells / 10, abs=1)
    assert bar.index("|") == pytest.approx(0.9 * n_cells, abs=2)
    assert "peak  -24 dB" in text(meter.line(-30, -24, False, 0.1 + HELD_S, 88))


@pytest.mark.parametrize("level_db", [-120.0, -60.0, -0.4, 3.0])
@pytest.mark.parametrize("width", [10, 40, 200])
def test_its_width_is_that_of_the_line(level_db, width):
    line = text(Meter(ASCII).line(level_db, level_db, True, 0.0, width))
    assert len(line) == max(width, 32)
    assert line.startswith(" CLIPPED ")
    assert "-0 " not in line
