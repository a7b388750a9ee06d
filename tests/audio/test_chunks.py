import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genrestream.audio.chunks import Chunker
from genrestream.errors import UsageError

RATE = 10  # samples a second keep the cases small: a chunk is 30


def cut(stream, blocks, hop=30):
    chunker = Chunker(30, hop, RATE)
    chunks, at = [], 0
    for size in blocks:
        chunks += chunker.push(stream[at : at + size])
        at += size
    chunks += chunker.push(stream[at:])
    rest, dropped_s = chunker.flush()
    return chunks + rest, dropped_s


@given(
    n_samples=st.integers(0, 300),
    hop=st.integers(1, 70),
    blocks=st.lists(st.integers(0, 80), max_size=40),
)
def test_any_blocks_give_the_chunks_of_the_whole(n_samples, hop, blocks):
    stream = np.arange(n_samples, dtype=np.float32)
    whole, dropped_whole = cut(stream, [], hop)
    pieces, dropped = cut(stream, blocks, hop)
    assert dropped == dropped_whole
    assert [(c.start, c.n_received) for c in pieces] == [(c.start, c.n_received) for c in whole]
    for ours, theirs in zip(pieces, whole, strict=True):
        np.testing.assert_array_equal(ours.waveform, theirs.waveform)


@given(n_samples=st.integers(0, 300), hop=st.integers(1, 70))
def test_a_chunk_is_the_stream_from_its_start(n_samples, hop):
    chunks, _ = cut(np.arange(n_samples, dtype=np.float32), [], hop)
    assert [chunk.start for chunk in chunks] == [hop * number for number in range(len(chunks))]
    for chunk in chunks:
        expected = np.resize(np.arange(chunk.start, chunk.start + chunk.n_received, dtype=np.float32), 30)
        np.testing.assert_array_equal(chunk.waveform, expected)


def test_one_sample_at_a_time():
    stream = np.arange(100, dtype=np.float32)
    assert [c.start for c in cut(stream, [1] * 100, 20)[0]] == [c.start for c in cut(stream, [], 20)[0]]


@pytest.mark.parametrize(
    ("n_samples", "hop", "n_chunks", "last_received", "dropped_s"),
    [
        (5, 30, 0, None, 0.5),  # shorter than 1 s: nothing to classify
        (12, 30, 1, 12, 0.0),  # shorter than a chunk: repeated
        (30, 30, 1, 30, 0.0),
        (39, 30, 1, 30, 0.9),
        (40, 30, 2, 10, 0.0),  # a last piece of 1 s counts
        (40, 10, 2, 30, 0.0),
        (45, 10, 2, 30, 0.5),  # overlapping: only what no chunk has yet is dropped
        (45, 20, 2, 25, 0.0),
        (65, 60, 1, 30, 0.5),  # a hop longer than a chunk skips 3 s to 6 s by intent
        (75, 60, 2, 15, 0.0),
    ],
)
def test_the_end_of_a_stream(n_samples, hop, n_chunks, last_received, dropped_s):
    chunks, dropped = cut(np.arange(n_samples, dtype=np.float32), [], hop)
    assert len(chunks) == n_chunks
    assert (chunks[-1].n_received if chunks else None) == last_received
    assert dropped == pytest.approx(dropped_s)


def test_chunks_do_not_change_after_they_were_given():
    chunker = Chunker(30, 10, RATE)
    (first,) = chunker.push(np.arange(30, dtype=np.float32))
    chunker.push(np.full(300, -1, np.float32))
    np.testing.assert_array_equal(first.waveform, np.arange(30))


def test_hop_must_be_positive():
    with pytest.raises(UsageError, match="hop=0"):
        Chunker(30, 0, RATE)
