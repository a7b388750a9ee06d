"""Several chunks and files in work at once: the answers, their order and the errors of one by one."""

import io
import os
import threading
from pathlib import Path

import numpy as np
import pytest

import genrestream
from genrestream.streaming.pipeline import JOINED_S, joined
from tests.conftest import METAL, command, encode, music


@pytest.mark.parametrize("hop_s", [3.0, 1.0])
def test_the_answers_are_those_of_one_job(default, hop_s):
    one, four = (list(default.stream(METAL, jobs=jobs, hop_s=hop_s)) for jobs in (1, 4))
    assert [prediction.start_s for prediction in four] == [prediction.start_s for prediction in one]
    for prediction, other in zip(four, one, strict=True):
        assert (prediction.kind, prediction.level_db, prediction.running.state) == (
            other.kind, other.level_db, other.running.state,
        )  # fmt: skip
        np.testing.assert_allclose(list(prediction.probs.values()), list(other.probs.values()), atol=1e-6)


def test_a_verdict_on_the_way_is_on_what_was_answered(model):
    """The source is read ahead, perhaps to its end; what is not answered yet does not count."""
    with model.stream(METAL, jobs=4) as stream:
        first = next(stream)
        verdict = stream.verdict()
    assert verdict.n_chunks == 1
    assert first.end_s <= verdict.duration_s < first.end_s + 2 * JOINED_S
    assert not verdict.dropped_s


@pytest.mark.parametrize("jobs", [1, 4])
def test_an_error_comes_after_the_answers_before_it(model, jobs):
    class Torn:
        def __init__(self) -> None:
            self._file, self._left = io.BytesIO(METAL.read_bytes()), METAL.stat().st_size * 2 // 3

        def read(self, n_bytes: int) -> bytes:
            self._left -= n_bytes
            if self._left < 0:
                raise OSError("the disk is gone")
            return self._file.read(n_bytes)

    stream = model.stream(Torn(), jobs=jobs)  # type: ignore[arg-type]
    answers: list[genrestream.Prediction] = []
    with pytest.raises(genrestream.AudioError, match="the disk is gone"):
        answers.extend(stream)
    assert len(answers) > 2


def test_a_stream_that_nobody_reads_ends_its_threads(model):
    before = set(threading.enumerate())
    with model.stream(music(180)[0], sample_rate=16_000, jobs=2) as stream:
        next(stream)
        begun = [thread for thread in threading.enumerate() if thread not in before and thread.name == "source"]
        assert begun  # 60 chunks are more than wait for their turn
    for thread in begun:
        thread.join(30)
    assert not any(thread.is_alive() for thread in begun)


@pytest.mark.parametrize("jobs", [0, 17, 1.5, True, "2"])
def test_impossible_jobs_are_refused(model, jobs):
    with pytest.raises(genrestream.OptionError, match=r"jobs=.* must be a whole number from 1 to 16"):
        model.stream(METAL, jobs=jobs)


def test_short_blocks_are_joined_and_formats_are_not_mixed():
    def blocks():
        for n_channels, rate in [(2, 8_000)] * 5 + [(1, 8_000)] * 2 + [(1, 16_000)]:
            yield np.full((n_channels, 1_000), rate, np.float32), rate
        raise OSError("torn")

    got: list[tuple[np.ndarray, int]] = []
    with pytest.raises(OSError, match="torn"):
        got.extend(joined(blocks()))
    assert all((block == rate).all() for block, rate in got)
    assert [(block.shape, rate) for block, rate in got] == [
        ((2, 4_000), 8_000),
        ((2, 1_000), 8_000),
        ((1, 2_000), 8_000),
        ((1, 1_000), 16_000),
    ]


def test_blocks_are_joined_to_any_length():
    blocks = [(np.full((1, 1_000), number, np.float32), 8_000) for number in range(9)]
    got = list(joined(iter(blocks), 0.25))
    assert [block.shape[1] for block, _ in got] == [2_000] * 4 + [1_000]
    assert (np.concatenate([block for block, _ in got], 1) == np.concatenate([block for block, _ in blocks], 1)).all()


def test_loading_goes_on_in_the_background(cache):
    model = genrestream.load("musicnn", wait=False)
    with model.stream(METAL) as stream:
        stream.start()
        assert model.wait(120)
        assert len(list(stream)) == 10


@pytest.fixture(scope="module")
def album(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("album")
    for number in range(12):
        encode(folder / f"{number:02}.wav", music(3 + number % 3, 16_000, seed=number), 16_000, "pcm_s16le")
    (folder / "05.wav").write_bytes(b"RIFF but nothing else")
    (folder / "07.wav").write_bytes((folder / "07.wav").read_bytes()[:-20_000])
    return folder


@pytest.mark.usefixtures("model")
def test_a_folder_is_answered_in_order(album):
    one, more = (command("file", album, "-m", "musicnn", "-f", "jsonl", "--jobs", jobs) for jobs in (1, 4))
    assert one.returncode == more.returncode == 1
    assert more.stdout == one.stdout
    assert more.stderr == one.stderr
    assert "05.wav" in more.stderr
    assert "07.wav: cut short" in more.stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs on this system")
def test_a_pipe_is_not_opened_before_its_turn(album, tmp_path, model):
    """Its writer may come late; the file before it is answered meanwhile."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    first = album / "00.wav"
    writer = threading.Thread(target=lambda: fifo.write_bytes((album / "01.wav").read_bytes()))
    writer.start()
    done = command("file", first, fifo, "-m", "musicnn", "--verdicts-only", "-f", "jsonl", "--jobs", 4)
    writer.join()
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 2
