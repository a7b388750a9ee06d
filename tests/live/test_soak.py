"""Minutes of what ``python -m benchmarks.soak`` does for a day."""

from benchmarks.soak import Config, run


def test_lost_inputs_other_formats_and_a_clock_that_jumps_lose_no_answer():
    assert run(Config(hours=0.05, losses=2, growth_mb=150)) == []
