"""``genrestream teach`` from end to end: real music, the default model, the command line, and what it leaves behind."""

import json
import os
import shutil
from pathlib import Path

import av
import numpy as np
import pytest

import genrestream
from genrestream.audio.source import AudioSource
from genrestream.cli.main import main
from genrestream.errors import CheckpointError
from genrestream.inference import checkpoint, shipped
from genrestream.inference.network import load_weights
from genrestream.teaching import examples
from genrestream.teaching.config import TeachConfig
from genrestream.teaching.teach import Taught, teach
from genrestream.voting.probabilities import label_probabilities
from tests.conftest import EXAMPLES, encode, music

N_SONGS, SONG_S = 5, 6
RATE = 16_000


def pieces(source: Path, folder: Path, n: int = N_SONGS) -> None:
    """Cut music into songs of six seconds, each in a folder of its own."""
    resampler = av.AudioResampler("flt", "mono", RATE)
    with av.open(str(source)) as opened:
        frames = [part.to_ndarray() for frame in opened.decode(audio=0) for part in resampler.resample(frame)]
    samples = np.concatenate(frames, axis=1)
    for number in range(n):
        place = folder / f"album {number}"
        place.mkdir(parents=True)
        cut = samples[:, number * SONG_S * RATE : (number + 1) * SONG_S * RATE]
        encode(place / "song.wav", cut, RATE, "pcm_s16le")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("teach") / "two genres"
    pieces(EXAMPLES / "metal.ogg", folder / "loud")
    pieces(EXAMPLES / "classical.ogg", folder / "soft")
    noise = (0.1 * np.random.default_rng(0).normal(size=(1, 4 * RATE))).astype(np.float32)
    encode(folder / "soft" / "noise.wav", noise, RATE, "pcm_s16le")
    (folder / "soft" / "broken.mp3").write_bytes(b"no music")
    shutil.copy(folder / "loud" / "album 0" / "song.wav", folder / "loud" / "copy.wav")
    return folder


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def taught(folder, said, default) -> Taught:
    return teach(TeachConfig((str(folder),), name="mine", n_chunks=2), said.append)


def test_it_knows_the_genres_and_says_how_well(taught):
    report = taught.report
    assert report.genres == ("loud", "soft")
    assert report.accuracy.n_right == report.accuracy.n == 2 * N_SONGS
    assert report.accuracy.interval[0] < 0.8  # ten songs prove little
    assert report.held_out == "artist or album"
    assert report.n_folds == 5


def test_it_says_what_it_left_out(taught, said):
    left_out = "\n".join(said)
    assert "soft/noise.wav: no music in it; to teach other sound say --any-sound" in left_out
    assert "broken.mp3: is not audio that FFmpeg can decode" in left_out
    assert "loud/copy.wav: the same file as loud/album 0/song.wav" in left_out or (
        "loud/album 0/song.wav: the same file as loud/copy.wav" in left_out
    )
    assert len(taught.left_out) == 3


def test_the_model_is_there_by_its_name_and_listens(taught, folder):
    model = genrestream.load("mine")
    assert taught.name == "mine"
    assert model.card.labels[:2] == ("loud", "soft")
    assert model.card.metrics["taught"]["n_songs"] == 2 * N_SONGS
    assert model.classify(folder / "loud" / "album 3" / "song.wav").genre == "loud"
    assert model.classify(folder / "soft" / "album 3" / "song.wav").genre == "soft"
    assert model.classify(folder / "soft" / "noise.wav").final.state == "noise"
    assert {file.name for file in taught.path.glob("*.txt")} == {"LICENSE-musicnn.txt", "NOTICE-yamnet.txt"}
    assert str(folder) not in (taught.path / "checkpoint.json").read_text()  # nothing of it names a place on this disk
    assert str(folder) not in taught.page.read_text()


def test_the_stream_sees_what_was_taught(taught, folder):
    """The kept features are those of the stream's own chunks."""
    model = checkpoint.read(taught.path)
    weights = load_weights(model)
    kept = examples.load(taught.path, len(weights["output.kernel"]))
    number = kept.names.index("soft/album 1/song.wav")
    rows = kept.rows[kept.place == number].astype(np.float32)
    logits = (rows @ weights["output.kernel"] + weights["output.bias"])[:, : model.card.n_logits]
    own = [label_probabilities(model.card, one) for one in logits]
    with genrestream.load("mine").stream(folder / "soft" / "album 1" / "song.wav") as stream:
        heard = [list(prediction.probs.values()) for prediction in stream]
    np.testing.assert_allclose(own, heard, atol=5e-3)


def test_the_stages_of_a_cluster_take_it(taught, folder, tmp_path):
    """Its network has more outputs than it has labels: those of other music."""
    pytest.importorskip("pyarrow", reason="pyarrow, of the extra parquet, is missing")
    pytest.importorskip("fsspec", reason="fsspec, of the extra ray, is missing")
    from genrestream.library.cluster.stages import Decode, Infer, StageSettings
    from genrestream.library.table import files

    card = checkpoint.read(taught.path).card
    assert card.n_logits > len(card.labels)
    table, song = tmp_path / "table.parquet", folder / "loud" / "album 3" / "song.wav"
    table.mkdir()
    marks = {"model": "mine", "model_version": "0", "version": "0"}
    settings = StageSettings("mine", 30.0, 1, str(table), "0", marks)
    batch = {"path": np.array([str(song)], object), "size": np.array([1]), "mtime_ns": np.array([1])}
    assert Infer(settings)(Decode(settings).decoded(batch))["n_failed"].tolist() == [0]
    assert [row.genre for row in files.read(str(table))] == ["loud"]


@pytest.fixture
def run(capsys, taught):
    def command(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


def test_the_list_of_models_names_it(run, taught):
    bad = shipped.own_folder() / "bad"
    bad.mkdir(parents=True)
    (bad / "checkpoint.json").write_text("{")
    try:
        code, out, error = run("models")
    finally:
        shutil.rmtree(bad)
    assert code == 0
    assert "mine (yours)" in out
    assert "bad/checkpoint.json: cannot be read as JSON" in error
    assert run("models", "mine")[1].startswith("name: mine\n")


def test_an_example_is_added_without_the_music(run, taught, folder, tmp_path):
    own = shutil.copytree(taught.path, tmp_path / "copy")
    clip = encode(tmp_path / "clip.wav", music(6), RATE, "pcm_s16le")
    shutil.copy(folder / "soft" / "album 2" / "song.wav", tmp_path / "old.wav")
    code, _, error = run("teach", "--name", own, "--add", tmp_path / "old.wav", "loud")
    assert (code, error.strip()[-32:]) == (2, "is an example of copy already (soft)"[-32:])
    joined = tmp_path / "joined.wav"
    parts = [samples(folder / "soft" / f"album {number}" / "song.wav") for number in (1, 3)]
    encode(joined, np.concatenate(parts, axis=1), RATE, "pcm_s16le")
    code, out, _ = run("teach", "--name", own, "--add", joined, "soft")
    assert code == 0
    assert f"of {2 * N_SONGS + 1}) songs" in out
    assert f"next: genrestream listen --model {own}" in out
    assert genrestream.load(own).card.metrics["taught"]["n_songs"] == 2 * N_SONGS + 1
    for arguments, words in (
        (["--add", clip], "of which genre? write it after the file: one of loud, soft"),
        (["--add", clip, "polka"], "polka: is no genre of this model; choose one of loud, soft"),
        (["--add", clip, "loud", "soft"], "a song of this model has one genre"),
        (["--add", tmp_path / "nothing.wav", "loud"], "nothing.wav: cannot be read (no such file or directory)"),
    ):
        code, _, error = run("teach", "--name", own, *arguments)
        assert code in (1, 2)
        assert words in error
        assert error.count("\n") == 1


def samples(path: Path) -> np.ndarray:
    with AudioSource(path) as source:
        return np.concatenate([block for block, _ in source], axis=1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no folder; name one folder that holds a folder of music for each genre"),
        (["/nowhere"], "/nowhere: is not a folder"),
        (["FOLDER", "FOLDER"], "2 folders; name one"),
        (["FOLDER", "--name", "mine"], "was taught before; say --replace to teach it again"),
        (["FOLDER", "--name", "musicnn"], "--name musicnn: is the name of a shipped model; choose another"),
        (["FOLDER", "--name", "a:b"], "--name a:b: must be printable"),
        (["FOLDER", "--name", "x", "--from", "polka"], "--from polka: no such model"),
        (["FOLDER", "--name", "x", "--from", "yamnet"], "--from yamnet: has no linear last layer to replace"),
        (["FOLDER", "--name", "x", "--n-chunks", "0"], "--n-chunks 0: must be from 1 to 1000"),
        (["FOLDER", "--name", "x", "--labels", "/no.csv"], "/no.csv: cannot be read"),
        (["FOLDER/loud", "--name", "x"], "each genre needs at least 4, better 15; add some"),
        (["--add", "clip.wav", "loud"], "--add clip.wav: needs the model's name; give it with --name"),
        (["--name", "nobody", "--add", "clip.wav", "loud"], "--name nobody: no such model; teach it first"),
        (["--name", "cnn", "--add", "clip.wav", "loud"], "--name cnn: is the name of a shipped model"),
    ],
)
def test_wrong_usage_is_one_line(run, folder, arguments, words):
    code, _, error = run("teach", *(str(one).replace("FOLDER", str(folder)) for one in arguments))
    assert (code, error.count("\n")) == (2, 1)
    assert words in error


def test_a_folder_that_is_no_taught_model_is_not_replaced(run, folder, tmp_path):
    (tmp_path / "precious").mkdir()
    code, _, error = run("teach", folder, "--name", tmp_path / "precious", "--replace")
    assert code == 2
    assert "is there already, and is no model that was taught" in error
    assert (tmp_path / "precious").is_dir()


@pytest.mark.parametrize("damage", ["cut", "compressed", "strange", "missing"])
def test_damaged_examples_are_one_line(taught, tmp_path, damage):
    path = shutil.copy(taught.path / examples.FILE, tmp_path / examples.FILE)
    if damage == "cut":
        os.truncate(path, 1000)
    elif damage == "missing":
        os.remove(path)
    else:
        with np.load(path) as arrays:
            content = dict(arrays)
        if damage == "strange":
            content["rows"] = content["rows"][:-1]
        (np.savez_compressed if damage == "compressed" else np.savez)(path, **content)
    with pytest.raises(CheckpointError, match="teach"):
        examples.load(tmp_path, 3251)


@pytest.mark.parametrize("outside", [[1], [0, 3], [-1, 3], ["a", 1], 7, None, [1, 10**9]])
def test_a_strangers_other_music_is_refused_in_one_line(tmp_path, outside):
    folder = shutil.copytree(shipped.find("mlp"), tmp_path / "mlp")
    card = json.loads((folder / "checkpoint.json").read_text())
    (folder / "checkpoint.json").write_text(json.dumps(card | {"outside": outside}))
    with pytest.raises(CheckpointError, match=r"outside=.* must be two numbers of outputs, or empty"):
        checkpoint.read(folder)


def test_a_runs_folder_is_found_by_its_model(tmp_path):
    run = tmp_path / "runs" / "mlp"
    shutil.copytree(shipped.find("mlp"), run / "model")
    assert shipped.find(str(run)) == shipped.find(run) == run / "model"
