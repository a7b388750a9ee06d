"""Music and runs on an object store: fsspec's store in memory, and S3 as moto's server speaks it."""

import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from genrestream.errors import OutputError, UsageError
from genrestream.inference.checkpoint import read as read_model
from genrestream.inference.network import load_weights
from tests.conftest import ROOT, encode, music
from tests.train.loop.test_run import NETWORK
from train import evaluate, shard
from train.cnn import Config
from train.command import remote
from train.command.paths import address_of, check_local
from train.data.tracks import DataConfig

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed; pip install fsspec")


@pytest.fixture
def store(tmp_path, monkeypatch):
    """An address of nothing yet, in memory."""
    monkeypatch.setenv("GENRESTREAM_CACHE", str(tmp_path / "cache"))
    remote.local.cache_clear()
    return Path(f"memory://{secrets.token_hex(4)}/music")


def put(store, name, content):
    with fsspec.open(f"{address_of(store)}/{name}", "wb") as file:
        file.write(content)


def held(store):
    files = fsspec.filesystem("memory")
    return {path.partition("/music/")[2]: files.cat(path) for path in files.find(address_of(store))}


def fetched(store):
    remote.local.cache_clear()
    folder = remote.local(store)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_the_store_has_is_here_and_fetched_once(store):
    put(store, "jazz/one.flac", b"1")
    put(store, "rock/sub/two.flac", b"2")
    assert remote.local(store).name == "music"
    assert fetched(store) == held(store) == {"jazz/one.flac": b"1", "rock/sub/two.flac": b"2"}
    times = [path.stat().st_mtime_ns for path in sorted(remote.local(store).rglob("*.flac"))]
    put(store, "rock/sub/two.flac", b"new")
    fsspec.filesystem("memory").rm(f"{address_of(store)}/jazz/one.flac")
    put(store, "rock/three.flac", b"3")
    assert fetched(store) == held(store) == {"rock/sub/two.flac": b"new", "rock/three.flac": b"3"}
    (remote.local(store) / "rock" / "three.flac").write_bytes(b"damaged here")
    assert fetched(store) == held(store)
    assert len(times) == 2
    kept = (remote.local(store) / "rock" / "three.flac").stat().st_mtime_ns
    fetched(store)
    assert (remote.local(store) / "rock" / "three.flac").stat().st_mtime_ns == kept


def test_a_run_is_copied_while_it_goes_on_and_gone_on_from_elsewhere(store, monkeypatch):
    monkeypatch.setattr(remote, "EVERY_S", 0.01)
    with remote.mirrored(store, resumes=False) as folder:
        (folder / "state" / "1").mkdir(parents=True)
        (folder / "state" / "1" / "checkpoint").write_bytes(b"1")
        (folder / "state" / "2.part").mkdir()
        (folder / "state" / "2.part" / "checkpoint").write_bytes(b"half")
        (folder / "lock").write_text("7")
        (folder / "metrics.jsonl").write_text("{}\n")
        deadline = time.monotonic() + 60
        while len(held(store)) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert held(store) == {"state/1/checkpoint": b"1", "metrics.jsonl": b"{}\n"}
        (folder / "state" / "1" / "checkpoint").unlink()
        (folder / "config.toml").write_text("x")
    assert held(store) == {"config.toml": b"x", "metrics.jsonl": b"{}\n"}
    with pytest.raises(UsageError, match="holds files already"), remote.mirrored(store, resumes=False):
        pass
    monkeypatch.setenv("GENRESTREAM_CACHE", str(folder.parent / "another machine"))
    with remote.mirrored(store) as there:
        assert there != folder
        assert (there / "metrics.jsonl").read_text() == "{}\n"


def test_a_store_that_fails_is_one_line(store, monkeypatch):
    with pytest.raises(UsageError, match=f"{address_of(store)}: holds no files"):
        remote.local(store)
    with pytest.raises(UsageError, match="nowhere://x: Protocol not known: nowhere; or mount the bucket"):
        remote.local(Path("nowhere://x"))
    put(store, "../../evil", b"x")
    with pytest.raises(UsageError, match="is not a valid file name on this machine"):
        remote.local(store)

    def refuse(*_, **__):
        raise PermissionError("no\nmore")

    other = remote.mirrored(Path(f"memory://{secrets.token_hex(4)}/music"))
    (other.__enter__() / "a").touch()
    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "put_file", refuse)
    with pytest.raises(OutputError, match=r"cannot be written \(no\); .*music is whole, copy it there"):
        other.__exit__(None, None, None)
    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "find", refuse)
    put(store, "a", b"")
    with pytest.raises(UsageError, match=r"cannot be read \(no"):
        remote.local(store)


def test_paths_of_this_machine_are_what_they_are(tmp_path):
    assert remote.local(tmp_path) == tmp_path
    with remote.mirrored(tmp_path) as folder:
        assert folder == tmp_path
    assert [address_of(Path(path)) for path in ("C:/music", "a:b", "music")] == ["", "", ""]
    assert address_of(Path("gs://bucket/music/")) == "gs://bucket/music"


@pytest.mark.parametrize(
    "made", [lambda path: DataConfig(path), lambda path: Config(data=DataConfig(Path()), output=path)]
)
def test_a_web_page_is_no_folder(made):
    with pytest.raises(UsageError, match="https://host/music: is not a folder"):
        made(Path("https://host/music"))


@pytest.mark.parametrize(
    ("option", "made"),
    [
        ("--cache", lambda path: DataConfig(Path(), cache=path)),
        ("OUTPUT", lambda path: shard.Config(Path(), path)),
        ("--output", lambda path: evaluate.Config(("cnn",), Path(), output=path)),
    ],
)
def test_what_is_written_in_many_pieces_is_on_this_machine(option, made):
    with pytest.raises(UsageError, match=f"{option} s3://bucket/x: must be a folder of this machine"):
        made(Path("s3://bucket/x"))
    check_local("--cache", None)


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """A bucket of S3, on a server of this machine; its settings are in the environment, as boto and s3fs read them."""
    pytest.importorskip("s3fs", reason="s3fs is not installed; pip install s3fs 'moto[server]'")
    server = pytest.importorskip("moto.server", reason="moto is not installed; pip install s3fs 'moto[server]'")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "GENRESTREAM_CACHE": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    files = fsspec.filesystem("s3", skip_instance_cache=True)
    files.mkdir("bucket")
    yield files
    running.stop()


def test_a_training_from_s3_to_s3_goes_on_on_another_machine(bucket, tmp_path):
    """The run on the store, which a second machine goes on with, ends as one that never left this one."""
    for number in range(6):
        for genre in ("chords", "noise"):
            waveform = music(4, 8_000, seed=number)
            if genre == "noise":
                waveform = np.random.default_rng(number).normal(scale=0.1, size=waveform.shape).astype(np.float32)
            (tmp_path / "music" / genre).mkdir(parents=True, exist_ok=True)
            encode(tmp_path / "music" / genre / f"{number}.flac", waveform, 8_000, "flac")
    bucket.put(str(tmp_path / "music"), "bucket/music", recursive=True)

    def train(output, *more, cache="cache", data="s3://bucket/music"):
        command = [sys.executable, "-m", "train.cnn", "--data", data, "--output", output, "--split", "track",
                   "--n-folds", 3, *NETWORK, *more]  # fmt: skip
        environment = os.environ | {"GENRESTREAM_CACHE": str(tmp_path / cache)}
        return subprocess.run(list(map(str, command)), cwd=ROOT, env=environment, capture_output=True, text=True)

    begun = train("s3://bucket/runs/one", cache="first")
    assert begun.returncode == 0, begun.stderr
    assert "train.evaluate" in begun.stdout
    assert "--data s3://bucket/music" in begun.stdout
    refused = train("s3://bucket/runs/one")
    assert refused.returncode == 2
    assert "--output s3://bucket/runs/one: holds files already" in refused.stderr
    names = {path.partition("runs/one/")[2] for path in bucket.find("bucket/runs/one")}
    assert {"config.toml", "metrics.jsonl", "model/checkpoint.json"} <= names
    assert any(name.startswith("state/") for name in names)
    bucket.rm("bucket/runs/one/model", recursive=True)
    newest = max(int(name.split("/")[1]) for name in names if name.startswith("state/"))
    bucket.rm(f"bucket/runs/one/state/{newest}", recursive=True)
    again = train("s3://bucket/runs/one", "--resume", cache="second")
    assert again.returncode == 0, again.stderr
    bucket.invalidate_cache()
    bucket.get("bucket/runs/one/model", str(tmp_path / "one"), recursive=True)
    whole = train(tmp_path / "whole" / "one", data=tmp_path / "music")
    assert whole.returncode == 0, whole.stderr
    expected = load_weights(read_model(tmp_path / "whole" / "one" / "model"))
    for name, array in load_weights(read_model(tmp_path / "one")).items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)
    missing = train("s3://none/run")
    assert missing.returncode
    assert len(missing.stderr.strip().splitlines()) == 1, missing.stderr
