"""What machines read: each record fits the schema, CSV has one kind of row a file, and only what was asked for."""

import csv
import json
import time
import typing
from datetime import datetime

import jsonschema
import numpy as np
import pytest

from genrestream.audio.reading.ending import EndKind
from genrestream.cli.main import main
from genrestream.streaming import predictions, table
from tests.conftest import METAL, ROOT, encode, music

SCHEMA = json.loads((ROOT / "docs" / "records.schema.json").read_text(encoding="utf-8"))
ONE_RECORD = jsonschema.Draft202012Validator(SCHEMA)
DOCUMENT = jsonschema.Draft202012Validator({"$ref": "#/$defs/document", "$defs": SCHEMA["$defs"]})


@pytest.fixture(autouse=True)
def compiled(default):
    """The commands find the model's program in the cache, as on a user's second run."""


@pytest.fixture
def broken(tmp_path):
    """Eight seconds with a sample in them that is no number."""
    samples = music(8)
    samples[0, 70_000] = np.nan
    return encode(tmp_path / "nan.wav", samples, 16_000, "pcm_f32le")


@pytest.fixture
def parts(tmp_path):
    """Silence, music, silence: the running answer changes once."""
    silence = np.zeros((1, 16_000 * 6), np.float32)
    return encode(tmp_path / "parts.wav", np.concatenate([silence, music(9), silence], 1), 16_000, "pcm_s16le")


def said(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    return code, capsys.readouterr()


def records(text):
    return [json.loads(line) for line in text.splitlines()]


def rows(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def test_the_schema_is_one_and_knows_every_state_and_ending():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert set(SCHEMA["$defs"]["state"]["enum"]) == set(typing.get_args(predictions.State))
    assert set(SCHEMA["$defs"]["verdict"]["properties"]["ending"]["enum"]) == {*EndKind, None}
    for name in ("chunk", "verdict", "event", "error", "decision", "segment"):
        assert SCHEMA["$defs"][name]["additionalProperties"] is False


def test_records_of_files_fit_the_schema(capsys, parts, tmp_path):
    (tmp_path / "bad.wav").write_text("no music")
    found = records(said(capsys, "file", METAL, parts, tmp_path / "bad.wav", "-f", "jsonl")[1].out)
    assert {record["type"] for record in found} == {"chunk", "verdict", "error"}
    for record in found:
        ONE_RECORD.validate(record)
    assert {record["time"] for record in found if record["type"] == "chunk"} == {None}
    DOCUMENT.validate(json.loads(said(capsys, "file", METAL, tmp_path / "bad.wav", "-f", "json")[1].out))


def test_records_of_a_live_run_fit_the_schema_and_tell_the_time(capsys, broken):
    began = time.time()
    found = records(said(capsys, "listen", "--source", broken, "--speed", "4", "-f", "jsonl")[1].out)
    assert {record["type"] for record in found} == {"chunk", "event", "verdict"}
    for record in found:
        ONE_RECORD.validate(record)
    times = [datetime.fromisoformat(record["time"]) for record in found if record["type"] != "verdict"]
    assert all(one.utcoffset() is not None for one in times)
    assert all(began - 1 < one.timestamp() < time.time() + 1 for one in times)
    first, *_, last = (record for record in found if record["type"] == "chunk")
    took_s = (datetime.fromisoformat(last["time"]) - datetime.fromisoformat(first["time"])).total_seconds()
    assert took_s == pytest.approx((last["end_s"] - first["end_s"]) / 4, abs=0.5)


@pytest.mark.parametrize("change", [{"odd": 1}, {"state": "polka"}, {"type": "chunk"}, {"n_votes": -1}])
def test_the_schema_refuses_what_is_no_record(default, change):
    record = {"type": "verdict", **default.session().verdict().to_dict()}
    ONE_RECORD.validate(record)
    assert not ONE_RECORD.is_valid(record | change)


def test_csv_has_a_kind_of_row_a_file(capsys, broken, tmp_path):
    (tmp_path / "out-events.csv").write_text("of an earlier run")
    assert said(capsys, "listen", "--source", broken, "--speed", "inf", "-o", tmp_path / "out.csv")[0] == 1
    chunks, verdicts, events = (rows(tmp_path / f"out{part}.csv") for part in ("", "-verdicts", "-events"))
    assert float(chunks[0]["end_s"]) == 3
    assert all(datetime.fromisoformat(row["time"]) for row in [*chunks, *events])
    assert [row["problems"] for row in verdicts] == [row["message"] for row in events]
    assert "NaN" in events[0]["message"]


def test_csv_of_files_has_errors_among_the_verdicts_and_no_events(capsys, parts, tmp_path):
    (tmp_path / "bad.wav").write_text("no music")
    (tmp_path / "out-events.csv").write_text("of an earlier run")
    assert said(capsys, "file", METAL, tmp_path / "bad.wav", parts, "-o", tmp_path / "out.csv")[0] == 1
    verdicts = rows(tmp_path / "out-verdicts.csv")
    assert [row["genre"] for row in verdicts][:2] == ["metal", ""]
    assert "is not audio" in verdicts[1]["error"]
    assert not (tmp_path / "out-events.csv").exists()
    silent = [row for row in rows(tmp_path / "out.csv") if row["chosen"] == "silence"]
    assert silent
    assert {value for row in silent for name, value in row.items() if name.startswith("c:")} == {""}


def test_columns_are_there_once():
    columns = table.verdict_columns(("rock", "silence"))
    assert len(columns) == len(set(columns))


def test_the_columns_are_those_of_the_public_table(default, model):
    prediction, *_ = default.stream(METAL)
    verdict = model.classify(METAL)
    assert list(table.row(prediction)) == table.chunk_columns(default.card.labels)
    assert list(table.row(verdict)) == table.verdict_columns(model.card.labels)
    row = table.row(prediction)
    assert row["c:metal"] == pytest.approx(prediction.probs["metal"], abs=1e-6)
    assert row["p:metal"] == pytest.approx(prediction.running.probs["metal"], abs=1e-6)


@pytest.mark.parametrize("form", ["csv", "jsonl", "json", "text"])
def test_verdicts_only(capsys, form):
    out = said(capsys, "file", METAL, METAL, "-f", form, "--verdicts-only")[1].out
    if form == "json":
        assert [(one["chunks"], one["verdict"]["genres"]) for one in json.loads(out)["files"]] == [([], ["metal"])] * 2
    else:
        assert len(out.splitlines()) == 2 + (form == "csv")
        assert out.count("metal.ogg") == 2


def test_verdicts_only_are_the_output_itself(capsys, tmp_path):
    (tmp_path / "out-events.csv").write_text("mine")
    assert said(capsys, "file", METAL, "--verdicts-only", "-o", tmp_path / "out.csv")[0] == 0
    assert [row["genre"] for row in rows(tmp_path / "out.csv")] == ["metal"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out-events.csv", "out.csv"]


def test_a_pipe_of_csv_has_chunks_only(capsys):
    lines = said(capsys, "file", METAL, "-f", "csv")[1].out.splitlines()
    assert len(lines) == 1 + 10


@pytest.mark.parametrize("form", ["jsonl", "csv", "json", "text"])
def test_on_change(capsys, parts, tmp_path, form):
    whole = records(said(capsys, "file", parts, "-m", "musicnn", "-f", "jsonl")[1].out)
    answers = [(one["running"]["state"], one["running"]["genres"]) for one in whole if one["type"] == "chunk"]
    changes = [n for n, answer in enumerate(answers) if n == 0 or answer != answers[n - 1]]
    assert 1 < len(changes) < len(answers)
    out = said(capsys, "file", parts, "-m", "musicnn", "-f", form, "--on-change")[1].out
    if form == "jsonl":
        assert [one["start_s"] for one in records(out)[:-1]] == [whole[n]["start_s"] for n in changes]
    elif form == "json":
        assert len(json.loads(out)["files"][0]["chunks"]) == len(changes)
    else:
        assert len(out.splitlines()) == len(changes) + 1  # and the header, or the closing line


def test_quiet_says_nothing_but_errors(capsys, tmp_path):
    output = tmp_path / "out.jsonl"
    code, printed = said(capsys, "file", METAL.parent, "--quiet", "-o", output)
    assert (code, printed.out, printed.err) == (0, "", "")  # nor what was left out of the folder
    assert records(output.read_text())[-1]["genres"] == ["metal"]
    code, printed = said(capsys, "file", tmp_path / "gone.wav", "--quiet", "-o", output)
    assert (code, printed.out) == (1, "")
    assert "gone.wav: no such file" in printed.err
    code, printed = said(capsys, "listen", "--source", METAL, "--speed", "inf", "--quiet", "-o", output)
    assert (code, printed.out, printed.err) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--quiet"], "--quiet: the results would be nowhere; give --output FILE"),
        (["--quiet", "-o", "-"], "--quiet: the results would be nowhere"),
        (["--verdicts-only", "--on-change"], "--verdicts-only and --on-change: cannot be used together"),
        (["-o", "x.xyz"], "--output x.xyz: .xyz names no format; end it in .txt, .jsonl, .csv or .json, or say --fo"),
        (["-o", "x.csv", "--segments", "x-verdicts.csv"], "--output x-verdicts.csv: would overwrite --segments"),
        (["-o", "x.csv", "--segments", "x-events.csv"], "--output x-events.csv: would overwrite --segments"),
    ],
)
def test_what_does_not_fit_together_is_one_line(capsys, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    for command in (["file", METAL], ["listen", "--source", METAL]):
        code, printed = said(capsys, *command, *arguments)
        assert (code, printed.out) == (2, "")
        assert words in printed.err
        assert printed.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_format_makes_any_name_legal(capsys, tmp_path):
    assert said(capsys, "file", METAL, "-o", tmp_path / "x.xyz", "-f", "csv")[0] == 0
    assert len(rows(tmp_path / "x.xyz")) == 10
    assert len(rows(tmp_path / "x-verdicts.xyz")) == 1
    assert said(capsys, "file", METAL, "-o", tmp_path / "bare")[0] == 0
    assert "metal.ogg: metal" in (tmp_path / "bare").read_text()
