"""Help, wrong usage, and standard streams that are closed."""

import json
import subprocess
import sys
import types

import pytest

import genrestream
from genrestream.cli.help import COMMANDS, FOLDERS
from genrestream.cli.main import main
from tests.conftest import METAL, ROOT, command


@pytest.fixture(autouse=True)
def compiled(default):
    """The commands find the model's program in the cache, as on a user's second run."""


def said(arguments, capsys):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", [*COMMANDS, None])
def test_help_fits_and_shows_examples_and_exit_codes(name, width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    code, out, _ = said([name, "--help"] if name else ["--help"], capsys)
    assert code == 0
    assert max(map(len, out.splitlines())) <= (width if name else 82)
    assert out.count("  genrestream ") >= 2
    assert name is None or "exit codes:" in out
    assert not [raw for raw in ("None", " STR", "FLOAT", "``", "(default: )", "[[") if raw in out]


def test_a_value_is_named_for_what_it_is(capsys):
    assert "--input NAME=SOURCE" in said(["serve", "--help"], capsys)[1]
    assert "--input NAME Only this input." in " ".join(said(["history", "--help"], capsys)[1].split())


def test_help_imports_no_jax():
    program = "import sys; from genrestream.cli.main import main; main(['file', '--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60)
    imported = {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert not imported & {"jax", "flax", "tyro", "rich", "sounddevice", "matplotlib"}


def test_the_version(capsys):
    assert said(["--version"], capsys)[:2] == (0, f"genrestream {genrestream.__version__}\n")


def test_no_command_is_a_short_help(capsys):
    code, out, _ = said([], capsys)
    assert code == 2
    assert all(name in out for name in COMMANDS)
    assert len(out.splitlines()) < 24


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sing"], "sing: no such command; choose one of file, listen, serve, history, scan, tag, playlist, merge,"),
        (["file", "--bogus", METAL], "--bogus: no such option; 'genrestream file --help'"),
        (["file", METAL, "--hop-s", "x"], "--hop-s: 'x' must be a number; see 'genrestream file --help'"),
        (["file", METAL, "-m"], "-m/--model: expected one argument; see 'genrestream file --help'"),
        (["file", METAL, "-f", "xml"], "invalid choice: 'xml'"),
        (["file", METAL, "--mod", "cnn"], "--mod: no such option"),
        (["file", "-dash.wav"], "-dash.wav: no such option; 'genrestream file --help' lists them; for a file of this"),
        (["file", "-old.wav", METAL], "./-old.wav, or -- before it"),
        (["file", "-1.wav"], "./-1.wav, or -- before it"),
        (["listen", "song.wav"], "song.wav: not understood; 'genrestream listen --help'"),
        (["listen", "--record", "-", "--source", METAL], "--record -: a recording needs a file"),
        (["models", "polka"], "genrestream: polka: no such model; choose one of cnn,"),
        (["export", "polka", "x.onnx"], "genrestream: polka: no such model; choose one of cnn,"),
        ([METAL], f"{METAL}: is no command; 'genrestream file NAME' classifies a file"),
        (["http://radio.example/live"], "is no command; 'genrestream file NAME' classifies a file"),
        (["--verbose"], "--verbose: no such option; a command stands first, 'genrestream --help' lists them"),
        (["scan", ""], "no folder; name what to scan"),
        (["teach", "", "--name", "x"], "no folder; name one folder"),
        (["listen", "--speed", "2"], "--speed 2.0: needs a source to play; give a file with --source FILE"),
        (["file", METAL, "--min-probability", "2"], "--min-probability 2.0: must be from 0 to 1"),
        (["file", METAL, "--silence-db", "3"], "--silence-db 3.0: must be from -200 to 0 dB"),
        (["file", METAL, "--vote", "x"], "--vote: invalid choice: 'x'"),
        (["file", METAL, "--channel", "99x"], "--channel 99x: must be"),
    ],
)
def test_wrong_usage_is_one_line_that_points_to_the_commands_help(arguments, words, capsys):
    code, out, error = said(arguments, capsys)
    assert (code, out) == (2, "")
    assert words in error
    assert error.count("\n") == 1


def test_short_options_and_options_between_sources(tmp_path, capsys):
    code, _, _ = said(["file", METAL, "-m", "cnn", METAL, "-f", "jsonl", "-o", tmp_path / "x.txt"], capsys)
    records = [json.loads(line) for line in (tmp_path / "x.txt").read_text().splitlines()]
    assert code == 0
    assert [record["model"] for record in records if record["type"] == "verdict"] == ["cnn", "cnn"]


@pytest.mark.parametrize("arguments", [["--", "-old.ogg"], ["./-old.ogg"], ["-f", "text", "--", "-old.ogg"]])
def test_a_name_that_begins_with_a_dash_is_read(arguments, tmp_path, monkeypatch, capsys):
    (tmp_path / "-old.ogg").write_bytes(METAL.read_bytes())
    monkeypatch.chdir(tmp_path)
    code, out, _ = said(["file", "-m", "cnn", *arguments], capsys)
    assert code == 0
    assert "-old.ogg: metal" in out


def test_a_dash_is_standard_output(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, out, _ = said(["file", METAL, "-m", "cnn", "--output", "-", "--format", "jsonl"], capsys)
    assert code == 0
    assert json.loads(out.splitlines()[-1])["type"] == "verdict"
    assert list(tmp_path.iterdir()) == []


def test_models_as_json_and_as_cards(capsys):
    listed = json.loads(said(["models", "--format", "json"], capsys)[1])
    assert {model["name"] for model in listed if model["default"]} == {"musicnn-yamnet"}
    assert all(model["size_mb"] > 0 and model["labels"] and model["licence"] for model in listed)
    (card,) = json.loads(said(["models", "cnn", "-f", "json"], capsys)[1])
    assert card["labels"][0] == "blues"
    text = said(["models", "cnn"], capsys)[1]
    assert "labels: blues, classical" in text
    assert "    accuracy: 0." in text


CLOSED = {
    "stdout": (f"file {METAL}", ">&-", 1, "standard output: cannot be written"),
    "stdout beside a file": (f"file {METAL} -o OUT/x.json", ">&-", 0, ""),
    "stdout of models": ("models", ">&-", 1, "standard output: cannot be written"),
    "stdout is full": ("models", ">/dev/full", 1, "standard output: cannot be written"),
    "stdout of a help is full": ("file --help", ">/dev/full", 1, "standard output: cannot be written"),
    "stdin": ("file -", "<&-", 1, "-: standard input is closed"),
    "stdin is empty": ("file -", "</dev/null", 1, "-: is empty"),
    "stdin of listen": ("listen --source -", "<&-", 1, "-: standard input is closed"),
    "stderr": ("file gone.wav", "2>&-", 1, ""),
    "all": (f"file {METAL} -o OUT/x.json", "<&- >&- 2>&-", 0, ""),
}


@pytest.mark.parametrize("case", CLOSED)
def test_closed_standard_streams(case, tmp_path):
    arguments, closed, code, words = CLOSED[case]
    program = f"{sys.executable} -m genrestream {arguments.replace('OUT', str(tmp_path))} {closed}"
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == code
    assert done.stdout == ""
    assert words in done.stderr
    assert done.stderr.count("\n") == bool(words)
    for written in tmp_path.iterdir():
        assert json.loads(written.read_text())["files"][0]["verdict"]["genres"] == ["metal"]


def test_no_command_is_a_module_that_lacks_run():
    for name in COMMANDS:
        folder = f"{FOLDERS[name]}." if name in FOLDERS else ""
        module = __import__(f"genrestream.cli.{folder}{name}", fromlist=["run"])
        assert isinstance(module.run, types.FunctionType)


def test_an_error_cannot_drive_the_terminal():
    assert "\x1b" not in command("file", METAL, "--model", "a\x1b[2Jb").stderr
