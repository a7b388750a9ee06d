"""The public names: what they accept, and what they say where they do not."""

import io

import numpy as np
import pytest

import genrestream
from genrestream import AudioError, GenrestreamError, UsageError
from tests.conftest import METAL, music

SAMPLES = music(7)[0]


class Reader:
    """A file object that fails after some reads, as a broken download does."""

    def __init__(self, n_reads: int, error: Exception | None = None, gives: object = None):
        self._file, self._n_reads = METAL.open("rb"), n_reads
        self._error, self._gives = error, gives

    def read(self, n_bytes: int) -> object:
        self._n_reads -= 1
        if self._n_reads >= 0:
            return self._file.read(n_bytes)
        if self._error:
            raise self._error
        return self._gives


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"bogus": 1}, "bogus: no such option; choose from hop_s, vote"),
        ({"hop_s": "1"}, "hop_s='1' must be a number from 0.05"),
        ({"hop_s": True}, "hop_s=True must be a number"),
        ({"hop_s": None}, "hop_s=None must be a number"),
        ({"hop_s": float("nan")}, "hop_s=nan must be from 0.05"),
        ({"half_life_s": "3", "vote": "decay"}, "half_life_s='3' must be a number"),
        ({"min_probability": [0.5]}, r"min_probability=\[0.5\] must be a number"),
        ({"silence_db": float("inf")}, "silence_db=inf must be from -200"),
        ({"vote": None}, "vote=None must be one of follow"),
    ],
)
@pytest.mark.parametrize("method", ["session", "classify", "stream", "segments", "listen"])
def test_impossible_options_are_named_in_the_words_of_python(model, method, options, said):
    source = {"source": str(METAL)} if method != "session" else {}
    with pytest.raises(UsageError, match=said):
        getattr(model, method)(**source, **options)


@pytest.mark.parametrize("rate", ["44100", True, None, float("nan"), float("inf"), 44_100.5, -1, np.array([1, 2]), [1]])
def test_impossible_rates(model, rate):
    with pytest.raises(UsageError, match="sample_rate="):
        model.session().push(SAMPLES, rate)


@pytest.mark.parametrize("rate", [16_000, 16_000.0, np.int64(16_000), np.float32(16_000)])
def test_rates_of_any_type_of_number(model, rate):
    assert len(model.session().push(SAMPLES, rate)) == 2


@pytest.mark.parametrize(
    "samples",
    [[[1, 2], [3]], np.array([None]), np.array([0.5, "a"], object), "text", None, {}, np.zeros(9, bool), [1j],
     np.zeros(9, "m8[s]")],
    ids=str,
)  # fmt: skip
def test_what_is_no_array_of_numbers(model, samples):
    with pytest.raises(UsageError, match="samples"):
        model.session().push(samples, 16_000)


@pytest.mark.parametrize("form", [np.array, list, tuple], ids=["array", "list", "tuple"])
def test_an_array_is_a_source(model, form):
    session = model.session()
    pushed = session.push(SAMPLES, 16_000) + session.flush()
    streamed = list(model.stream(form(SAMPLES), sample_rate=16_000))
    assert [(p.start_s, p.end_s, p.chosen) for p in streamed] == [(p.start_s, p.end_s, p.chosen) for p in pushed]
    verdict = model.classify(form(SAMPLES), sample_rate=16_000)
    assert verdict.final.probs == pytest.approx(session.verdict().final.probs, abs=1e-5)
    assert (verdict.final.votes, verdict.source) == (session.verdict().final.votes, "array")


def test_stereo_arrays_are_columns(model):
    both = np.stack([SAMPLES, SAMPLES], axis=1)
    assert model.classify(both, sample_rate=16_000).duration_s == pytest.approx(7)


@pytest.mark.parametrize(
    ("source", "rate", "said"),
    [
        (SAMPLES, None, "sample_rate=None must be given with an array"),
        (METAL, 44_100, "a file has its own"),
        (5, None, "source of type int"),
        (None, None, "source of type NoneType"),
        (b"RIFF", None, "source of type bytes"),
        (SAMPLES[:9], 16_000, "array: .* at least 1 s"),
        (np.full(99_999, np.nan), 16_000, "array: a sample is NaN"),
    ],
    ids=str,
)
def test_sources_that_cannot_be(model, source, rate, said):
    with pytest.raises(GenrestreamError, match=said):
        model.classify(source, sample_rate=rate)


@pytest.mark.parametrize(
    "reader",
    [
        Reader(0, RuntimeError("boom")),
        Reader(2, RuntimeError("boom")),
        Reader(0, EOFError()),
        Reader(2, KeyError("chunk")),
        Reader(0, gives="text"),
        Reader(0, gives=None),
        io.StringIO("text"),
    ],
)
def test_a_file_object_that_fails_is_one_line(model, reader):
    with pytest.raises(AudioError, match=r"^stream: .") as error:
        model.classify(reader)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", [5, None, b"musicnn", ["musicnn"]])
def test_what_is_no_models_name(name):
    with pytest.raises(UsageError, match=r"name=.* must be a model's name"):
        genrestream.load(name)


def test_a_model_shows_what_it_is(model, tags):
    assert repr(model) == "<Classifier musicnn: 10 genres, 16000 Hz>"
    assert "50 tags" in repr(tags)


def test_tables_have_a_column_for_each_fact(model):
    predictions = list(model.stream(METAL))
    columns = genrestream.table(predictions)
    assert {len(column) for column in columns.values()} == {len(predictions)}
    assert columns["start_s"] == [prediction.to_dict()["start_s"] for prediction in predictions]
    assert columns["p:metal"][-1] == pytest.approx(predictions[-1].running.probs["metal"], abs=1e-6)
    assert genrestream.table([model.classify(METAL)])["genre"] == ["metal"]
    assert genrestream.table([]) == {}


def test_silence_in_a_table_has_no_probability(model):
    columns = genrestream.table(model.stream(np.zeros(48_000), sample_rate=16_000))
    assert (columns["chosen"], columns["chunk_probability"], columns["state"]) == (["silence"], [None], ["silence"])


def test_segments_of_a_file(model):
    (segment,) = model.segments(METAL)
    assert segment.genre == "metal"
    assert segment.to_dict()["start"] == 0
    assert segment.end_s == pytest.approx(30, abs=0.1)


def test_the_version_is_that_of_the_package():
    from importlib.metadata import version

    assert genrestream.__version__ == version("genrestream")
