import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from genrestream.cli.main import main
from genrestream.inference import shipped
from genrestream.inference.engines import runtime
from genrestream.output.colours import colour
from tests.conftest import EXAMPLES, METAL, ROOT, command, encode, music


@pytest.fixture(autouse=True)
def compiled(default):
    """The commands find the model's program in the cache, as on a user's second run."""


def one_line(error: str) -> str:
    assert error.count("\n") == 1, error
    assert "Traceback" not in error
    assert error.startswith("genrestream: ")
    return error


def truncated_mp3(folder):
    whole = encode(folder / "whole.mp3", music(10, 44_100), 44_100, "libmp3lame").read_bytes()
    (folder / "cut.mp3").write_bytes(whole[: len(whole) // 2])
    return folder / "cut.mp3"


def with_nan(folder):
    samples = music(5)
    samples[0, 40_000] = np.nan
    return encode(folder / "nan.wav", samples, 16_000, "pcm_f32le")


def long_header(folder):
    content = bytearray(encode(folder / "long.wav", music(4, 8_000), 8_000, "pcm_u8").read_bytes())
    content[4:8] = (100 * 3600 * 8_000).to_bytes(4, "little")
    at = content.index(b"data") + 4
    content[at : at + 4] = content[4:8]
    (folder / "long.wav").write_bytes(content)
    return folder / "long.wav"


def only_pictures(folder):
    import av

    with av.open(str(folder / "film.mp4"), "w") as file:
        stream = file.add_stream("mpeg4", rate=5)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        file.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        file.mux(stream.encode(None))
    return folder / "film.mp4"


def made(name, content=b""):
    def make(folder):
        (folder / name).write_bytes(content)
        return folder / name

    return make


def empty_folder(folder):
    (folder / "empty").mkdir()
    return folder / "empty"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: folder / "gone.wav", "gone.wav: no such file or directory"),
        (lambda folder: "", "'': an empty name is no input; name a file"),
        (empty_folder, "empty: no audio file in this folder"),
        (made("empty.wav"), "empty.wav: is empty"),
        (made("text.wav", b"this is no music\n" * 100), "text.wav: is not audio that FFmpeg can decode"),
        (made("short.ogg", b"not audio"), "short.ogg: ends too early: it is cut short, or is not audio"),
        (made("noise.mp3", bytes(range(256)) * 50), "noise.mp3: "),
        (truncated_mp3, "cut.mp3: cut short: 5.0 s of the 10.0 s"),
        (only_pictures, "film.mp4: has no audio stream"),
        (lambda folder: encode(folder / "blip.wav", music(0.1), 16_000, "pcm_s16le"), "blip.wav: 0.1 s of audio"),
        (with_nan, "nan.wav: a sample is NaN or infinite"),
        (long_header, "long.wav: cut short: 32,0"),
    ],
)
def test_bad_files_get_one_line_and_exit_1(tmp_path, make, said, capfd):
    assert main(["file", str(make(tmp_path))]) == 1
    assert said in one_line(capfd.readouterr().err)


def test_an_unreadable_file(tmp_path, wav):
    path = tmp_path / "secret.wav"
    shutil.copy(wav, path)
    path.chmod(0)
    as_owner = []
    if os.access(path, os.R_OK):  # root reads every file, until it gives that up
        if not shutil.which("setpriv"):
            pytest.skip("root reads every file, and setpriv (util-linux) is not there to change that")
        as_owner = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    result = command("file", path, prefix=as_owner)
    assert "secret.wav: permission denied" in one_line(result.stderr)
    assert result.returncode == 1


def test_silence_is_said(tmp_path):
    result = command("file", encode(tmp_path / "zeros.wav", np.zeros((1, 160_000), np.float32), 16_000, "pcm_s16le"))
    assert "silence: nothing loud enough to name a genre" in result.stdout
    assert (result.returncode, result.stderr) == (0, "")


def test_eight_channels_at_192_khz(tmp_path):
    result = command("file", encode(tmp_path / "wide.wav", music(2, 192_000, 8), 192_000, "pcm_s16le"))
    assert "0:02.0 in 1 chunk" in result.stdout
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "polka"], "--model polka: no such model; choose one of"),
        (["--hop-s", "0"], "--hop-s 0.0: must be from 0.05"),
        (["--min-probability", "7"], "--min-probability 7.0"),
        (["--raw-rate", "1"], "--raw-rate 1"),
        (["--plot", "picture.jpg"], "--plot picture.jpg: must end in .png, .svg or .pdf"),
        (["--plot", "nowhere/picture.svg"], "--plot nowhere/picture.svg: the folder nowhere is missing"),
        (["--plot-background", "mel"], "--plot-background mel: needs --plot FILE"),
        (["--output", METAL, "--format", "text"], "metal.ogg: would overwrite"),
    ],
)
def test_wrong_options_get_one_line_and_exit_2(arguments, said, capfd):
    assert main(["file", str(METAL), *map(str, arguments)]) == 2
    assert said in one_line(capfd.readouterr().err)


@pytest.mark.parametrize("arguments", [[], ["file"], ["file", "x.wav", "--no-such-option"], ["sing"]])
def test_wrong_usage_is_exit_2(arguments, capfd):
    assert main(arguments) == 2
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_corrupt_model(tmp_path):
    folder = shutil.copytree(shipped.find("musicnn"), tmp_path / "model")
    next((folder / "weights").rglob("d/*")).write_bytes(b"junk")
    result = command("file", METAL, "--model", folder)
    assert "the weights are damaged or incomplete" in one_line(result.stderr)
    assert result.returncode == 1


@pytest.mark.parametrize("form", ["text", "jsonl", "csv", "json"])
def test_a_full_disk(form):
    result = command("file", METAL, "--output", "/dev/full", "--format", form)
    assert "/dev/full: cannot be written (no space left on device)" in one_line(result.stderr)
    assert result.returncode == 1


def test_an_output_that_cannot_be_opened(tmp_path):
    result = command("file", METAL, "--output", tmp_path / "no" / "folder.csv")
    assert "folder.csv: cannot be written (no such file or directory)" in one_line(result.stderr)
    assert result.returncode == 1


def test_a_bad_file_does_not_stop_the_rest(tmp_path, wav):
    (tmp_path / "a.wav").write_text("no music")
    shutil.copy(wav, tmp_path / "b.wav")
    result = command("file", tmp_path / "gone.wav", tmp_path, METAL, "--format", "jsonl")
    records = [json.loads(line) for line in result.stdout.splitlines()]
    ends = [(record["type"], record["source"]) for record in records if record["type"] != "chunk"]
    assert ends == [
        ("error", str(tmp_path / "gone.wav")),
        ("error", str(tmp_path / "a.wav")),
        ("verdict", str(tmp_path / "b.wav")),
        ("verdict", str(METAL)),
    ]
    assert result.stderr.count("\n") == 2
    assert result.returncode == 1


def test_a_closed_pipe_is_no_traceback():
    program = f"{sys.executable} -m genrestream file {METAL} | head -1"
    result = subprocess.run(["bash", "-o", "pipefail", "-c", program], capture_output=True, text=True, timeout=120)
    assert result.stderr == ""
    assert result.stdout.count("\n") == 1
    assert result.returncode in (0, 141)


@pytest.mark.parametrize("n_seconds", [0, 8])
def test_ctrl_c_prints_what_is_known_so_far(n_seconds):
    """Raw samples from a pipe that stays open: the run waits for more until it is interrupted."""
    program = [sys.executable, "-u", "-m", "genrestream", "file", "-", "--raw-rate", "16000"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write((music(n_seconds)[0] * 32767).astype("<i2").tobytes() if n_seconds else b"")
        process.stdin.flush()
        if n_seconds:
            assert b"0:00.0" in process.stdout.readline()
        else:
            time.sleep(5)  # until it has started and waits
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 130
        said, complaints = process.stdout.read().decode(), process.stderr.read().decode()
    if n_seconds:
        assert re.search(r"in [12] chunk", said)
    else:
        assert said == "" or "nothing was classified" in said
    assert complaints == ""


@pytest.mark.parametrize("form", ["wav", "raw"])
def test_standard_input(wav, form):
    content = wav.read_bytes()
    options = ["--raw-rate", "16000"] if form == "raw" else []
    given = content[-320_000:] if form == "raw" else content
    result = command("file", "-", *options, "--format", "jsonl", input=given, text=False)
    verdict = json.loads(result.stdout.splitlines()[-1])
    assert verdict["duration_s"] == pytest.approx(10)
    assert result.returncode == 0, result.stderr


def test_text_names_rule_votes_and_time():
    lines = command("file", METAL).stdout.splitlines()
    assert len(lines) == 11
    assert "metal 1/1" in lines[0]
    assert lines[-1].startswith(f"{METAL}: metal ")
    assert re.search(r"votes metal (\d+)/\1, mean; 0:30.0 in 10 chunks", lines[-1])


def test_csv(tmp_path):
    assert command("file", METAL, "--output", tmp_path / "result.csv").returncode == 0
    rows = list(csv.DictReader(io.StringIO((tmp_path / "result.csv").read_text())))
    (verdict,) = csv.DictReader(io.StringIO((tmp_path / "result-verdicts.csv").read_text()))
    assert [float(row["start_s"]) for row in rows] == pytest.approx([3.0 * n for n in range(10)], abs=0.01)
    assert verdict["genre"] == "metal"
    assert verdict["votes"] == verdict["n_votes"]
    assert float(verdict["duration_s"]) == pytest.approx(30, abs=0.1)
    assert sum(float(value) for name, value in rows[0].items() if name.startswith("p:")) == pytest.approx(1, abs=1e-4)


def test_json_is_one_document(tmp_path):
    (tmp_path / "bad.wav").write_text("no music")
    document = json.loads(command("file", METAL, tmp_path / "bad.wav", "--format", "json").stdout)
    good, bad = document["files"]
    assert [round(chunk["start_s"], 3) for chunk in good["chunks"]] == [3.0 * n for n in range(10)]
    assert good["verdict"]["genres"] == ["metal"]
    assert bad["chunks"] == []
    assert "is not audio" in bad["error"]


def test_hop_and_vote_are_obeyed():
    result = command("file", METAL, "--hop-s", "9", "--vote", "majority", "--format", "jsonl")
    *chunks, verdict = [json.loads(line) for line in result.stdout.splitlines()]
    assert [chunk["start_s"] for chunk in chunks] == [0, 9, 18, 27]
    assert verdict["rule"] == "majority"


def test_a_plot_is_a_picture(tmp_path, capsys):
    from PIL import Image

    assert main(["file", str(METAL), "--plot", str(tmp_path / "metal.png"), "--plot-background", "mel"]) == 0
    with Image.open(tmp_path / "metal.png") as picture:
        colours = {rgb for _, rgb in picture.convert("RGB").getcolors(1 << 20) or []}
    assert tuple(bytes.fromhex(colour("metal")[1:])) in colours
    assert main(["file", str(METAL), str(METAL), "--plot", "two.png"]) == 2
    assert "draws one input, 2 are given" in capsys.readouterr().err


def test_names_cannot_drive_the_terminal(tmp_path, wav):
    path = tmp_path / "a\x1b[31mb.wav"
    shutil.copy(wav, path)
    assert "a\\x1b[31mb.wav" in command("file", path).stdout
    path.write_text("no music")
    assert "\x1b" not in command("file", path).stderr


def test_names_that_are_no_text_are_written(tmp_path, wav):
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    shutil.copy(wav, path)
    result = command("file", path, METAL, "--output", tmp_path / "result.jsonl")
    verdicts = [json.loads(line) for line in (tmp_path / "result.jsonl").read_text().splitlines()]
    assert [record["type"] for record in verdicts].count("verdict") + result.stderr.count("genrestream: ") == 2
    assert "Traceback" not in result.stderr


def test_a_long_address_is_an_address():
    result = command("file", "http://127.0.0.1:1/" + 300 * "x")
    assert "connection refused" in one_line(result.stderr)


def test_models_are_listed(capsys):
    assert main(["models"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split()[:3] == ["name", "labels", "accuracy"]
    assert any(line.startswith("musicnn-yamnet (default)  10 genres  0.") for line in printed)
    assert any(line.split()[:3] == ["musicnn-tags", "50", "tags"] for line in printed)


def test_the_examples_classify_as_labelled():
    result = command("file", EXAMPLES, "--format", "jsonl")
    verdicts = [record for record in map(json.loads, result.stdout.splitlines()) if record["type"] == "verdict"]
    named = {verdict["source"].removeprefix(f"{EXAMPLES}/"): verdict["genres"] for verdict in verdicts}
    assert named == {"classical.ogg": ["classical"], "metal.ogg": ["metal"]}


@pytest.mark.usefixtures("default")
def test_the_file_path_imports_only_what_it_needs():
    program = (
        f"import sys; from genrestream.cli.main import main; main(['file', {str(METAL)!r}]);"
        "print(sorted({name.split('.')[0] for name in sys.modules}))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=120)
    imported = set(eval(result.stdout.splitlines()[-1]))
    assert {"jaxlib", "av", "soxr"} <= imported
    assert ("jax" in imported) == (not runtime.is_usable())
    assert not imported & {
        "librosa",
        "matplotlib",
        "sounddevice",
        "flax",
        "orbax",
        "optax",
        "sklearn",
        "scipy",
        "train",
    }
