"""Live listening from Python: an iterator over predictions and events."""

import math
import threading
import time

import pytest

import genrestream
from genrestream import AudioError, Event, Prediction, UsageError
from tests.conftest import METAL


def test_a_live_run_says_what_the_file_says(model):
    with model.listen(source=METAL, speed=math.inf, hop_s=3.0, vote="mean") as live:
        updates = list(live)
        assert live.name == str(METAL)
        assert live.verdict().genre == live.status.prediction.running.genre == "metal"
    predictions = [update for update in updates if isinstance(update, Prediction)]
    assert [p.start_s for p in predictions] == [p.start_s for p in model.stream(METAL)]
    assert all(isinstance(update, Prediction | Event) and update.to_dict() for update in updates)


def test_the_module_listens_with_a_model_of_any_name():
    with genrestream.listen(source=METAL, model="cnn", speed=math.inf, duration_s=4) as live:
        assert sum(isinstance(update, Prediction) for update in live) == 2


def test_another_thread_may_close_it(model):
    live = model.listen(source=METAL)
    threading.Timer(1.0, live.close).start()
    began_s = time.monotonic()
    list(live)
    assert time.monotonic() - began_s < 10
    assert live.verdict().genre in ("nothing", "metal")


def test_it_may_be_left_early(model):
    with model.listen(source=METAL, speed=math.inf) as live:
        first = next(live)
    assert isinstance(first, Prediction)
    assert live.verdict().n_chunks >= 1


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"source": "gone.wav"}, AudioError, "gone.wav: no such file"),
        ({"speed": 2}, UsageError, "speed=2 needs a source"),
        ({"source": METAL, "speed": "2"}, UsageError, "speed='2' must be a number"),
        ({"source": METAL, "duration_s": True}, UsageError, "duration_s=True must be a number"),
        ({"source": METAL, "device": 3}, UsageError, "device='3' cannot be used together with source"),
        ({"source": METAL, "raw": "s16le"}, UsageError, "raw='s16le' must be a RawFormat"),
    ],
)
def test_what_cannot_be_listened_to(model, options, error, said):
    with pytest.raises(error, match=said):
        model.listen(**options)


def test_what_is_no_audio_is_an_error_of_the_iteration(model, tmp_path):
    (tmp_path / "text.wav").write_text("this is no music\n" * 100)
    live = model.listen(source=tmp_path / "text.wav")
    with pytest.raises(AudioError, match="is not audio"):
        next(live)
    assert list(live) == []
