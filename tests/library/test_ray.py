"""The pipeline on a real cluster of two nodes, one of which dies in the middle."""

import os
import threading

import pytest

from genrestream.library.config import ScanConfig
from genrestream.library.table import files
from tests.conftest import METAL, encode, music

ray = pytest.importorskip("ray", reason="Ray, of the extra ray, is missing")
pytest.importorskip("pyarrow", reason="pyarrow, of the extra parquet, is missing")


class Watcher:
    """Kills a node when the first rows are there."""

    def __init__(self, kill):
        self.n, self.problems, self._kill = 0, [], kill

    def found(self, n):
        pass

    def begin(self, n, n_unchanged):
        self.n_to_hear = n

    def problem(self, line):
        self.problems.append(line)

    def advance(self, n):
        self.n += n
        if self._kill:
            kill, self._kill = self._kill, None
            threading.Thread(target=kill).start()


@pytest.mark.filterwarnings("default")  # Ray's own, of many kinds
def test_a_node_that_dies_changes_nothing(tmp_path, default, monkeypatch):
    from ray.cluster_utils import Cluster  # pyright: ignore[reportMissingImports]

    from genrestream.library.cluster.scan import scan_on_ray
    from genrestream.library.scan import scan

    monkeypatch.setenv("RAY_worker_niceness", "0")  # beside other tests
    folder = tmp_path / "music"
    folder.mkdir()
    for number in range(64):
        encode(folder / f"{number:02}.wav", music(2, seed=number), 16_000, "pcm_s16le")
    os.symlink(METAL, folder / "left out.ogg")
    (folder / "broken.mp3").write_bytes(b"no music" * 100)
    plain = ScanConfig(db=str(tmp_path / "plain.jsonl"), jobs=1)
    scan([str(folder)], plain, Watcher(None), lambda _: None)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        second = cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
        on_ray = ScanConfig(db=str(tmp_path / "ray.parquet"), ray=cluster.address)
        watcher = Watcher(lambda: cluster.remove_node(second, allow_graceful=False))
        summary = scan_on_ray([str(folder)], on_ray, watcher)
        assert (summary.n_classified, summary.n_failed) == (64, 1)
        again = scan_on_ray([str(folder)], on_ray, Watcher(None))
        assert (again.n_unchanged, again.n_classified) == (65, 0)
    finally:
        ray.shutdown()
        cluster.shutdown()
    ours, theirs = (sorted(files.read(db), key=lambda row: row.path) for db in (on_ray.db, plain.db))
    assert [row.path for row in ours] == [row.path for row in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert (one.audio_hash, one.genre, one.error, one.votes) == (
            other.audio_hash,
            other.genre,
            other.error,
            other.votes,
        )
        assert one.probs == pytest.approx(other.probs, abs=1e-4)
