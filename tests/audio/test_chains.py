"""Chained Ogg: one stream after another, as radio stations send them, each with its own channels and rate."""

import errno
import io

import numpy as np
import pytest

from genrestream.audio.source import AudioSource
from genrestream.errors import AudioError
from tests.audio.servers import head, serving
from tests.conftest import METAL, encode, music


def part(folder, seconds, n_channels):
    samples = music(seconds, 48_000, n_channels, seed=n_channels)
    return encode(folder / f"{n_channels}.opus", samples, 48_000, "libopus").read_bytes()


def read(source):
    with AudioSource(source) as opened:
        blocks = [(len(block), rate, block.shape[1] / rate) for block, rate in opened]
    lengths_s = {}
    for n_channels, rate, length_s in blocks:
        lengths_s[n_channels, rate] = lengths_s.get((n_channels, rate), 0) + length_s
    return lengths_s, opened


@pytest.mark.parametrize("channels", [(1, 2), (2, 1), (1, 2, 1), (2, 2), (1, 1, 2, 2)])
def test_links_with_other_channels(tmp_path, channels):
    path = tmp_path / "chain.opus"
    path.write_bytes(b"".join(part(tmp_path, 3, n_channels) for n_channels in channels))
    lengths_s, opened = read(path)
    for n_channels in set(channels):
        assert lengths_s[n_channels, 48_000] == pytest.approx(3 * channels.count(n_channels), abs=0.1)
    assert not opened.problems


def test_links_of_other_codecs_and_rates(tmp_path):
    path = tmp_path / "chain.ogg"
    path.write_bytes(METAL.read_bytes() + part(tmp_path, 3, 1) + METAL.read_bytes())
    lengths_s, opened = read(path)
    assert lengths_s == {(2, 44_100): pytest.approx(60, abs=0.1), (1, 48_000): pytest.approx(3, abs=0.1)}
    assert not opened.problems


def test_a_chain_through_a_pipe_a_file_object_and_a_server(tmp_path):
    chain = part(tmp_path, 3, 1) + part(tmp_path, 3, 2)
    expected = {(1, 48_000): pytest.approx(3, abs=0.1), (2, 48_000): pytest.approx(3, abs=0.1)}

    class Forwards(io.RawIOBase):
        rest = io.BytesIO(chain)

        def readable(self):
            return True

        def read(self, n_bytes=-1):
            return self.rest.read(min(n_bytes, 1000))

    assert read(io.BytesIO(chain))[0] == expected
    assert read(Forwards())[0] == expected
    with serving(head("application/ogg"), chain) as address:
        lengths_s, opened = read(f"{address}/radio")
    assert lengths_s == expected
    assert not opened.problems


def test_a_damaged_link_does_not_take_the_next_one_with_it(tmp_path):
    broken = bytearray(part(tmp_path, 3, 2))
    broken[28:36] = b"NotOpus!"
    path = tmp_path / "chain.opus"
    path.write_bytes(part(tmp_path, 3, 1) + broken + part(tmp_path, 3, 1))
    lengths_s, opened = read(path)
    assert sum(lengths_s.values()) == pytest.approx(6, abs=0.1)
    assert opened.ending.damage.n_packets == 1


@pytest.mark.parametrize("n_kept", [20_000, 30_001, 40_002])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_a_link_that_is_cut_within_a_page_does_not_take_the_next_one_with_it(tmp_path, n_kept, n_channels):
    """As where a station is switched over in the middle of a song."""
    path = tmp_path / "chain.opus"
    path.write_bytes(part(tmp_path, 6, 1)[:n_kept] + part(tmp_path, 3, n_channels))
    lengths_s, opened = read(path)
    assert 3.5 < sum(lengths_s.values()) < 6
    assert lengths_s[n_channels, 48_000] > 2.9
    assert [problem[-19:] for problem in opened.problems] == ["(pages are missing)"]


def test_a_link_without_its_start_does_not_take_the_next_one_with_it(tmp_path):
    """As where a stream is recorded from somewhere in the middle."""
    path = tmp_path / "chain.opus"
    path.write_bytes(part(tmp_path, 6, 2)[30_000:] + part(tmp_path, 3, 1))
    lengths_s, opened = read(path)
    assert lengths_s == {(1, 48_000): pytest.approx(3, abs=0.1)}
    assert len(opened.problems) == 1
    path.write_bytes(part(tmp_path, 6, 2)[30_000:])
    with pytest.raises(AudioError, match="is not audio that FFmpeg can decode, or lacks its start"):
        read(path)


class FailsOnce(io.BytesIO):
    """A file on a network drive that fails once on the way."""

    has_failed = False

    def read(self, n_bytes: int | None = -1) -> bytes:
        if self.tell() > 20_000 and not self.has_failed:
            self.has_failed = True
            raise OSError(errno.EIO, "Input/output error")
        return super().read(n_bytes)


def test_a_part_that_breaks_off_is_reported_though_another_follows(tmp_path):
    with AudioSource(FailsOnce(part(tmp_path, 6, 1) + part(tmp_path, 3, 2))) as source:
        blocks = [block for block, _ in source]
    assert {len(block) for block in blocks} == {1, 2}
    assert any("a part breaks off: input/output error" in problem for problem in source.problems)


def test_unchained_ogg_is_decoded_as_a_whole():
    """Reading forwards, link by link, must give the samples that FFmpeg gives when it may seek."""
    import av

    with av.open(str(METAL)) as file:
        expected = np.concatenate([frame.to_ndarray() for frame in file.decode(audio=0)], axis=1)
    with AudioSource(METAL) as source:
        np.testing.assert_array_equal(np.concatenate([block for block, _ in source], axis=1), expected)
        assert source.duration_s == pytest.approx(30, abs=0.01)
