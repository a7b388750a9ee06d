from pathlib import Path

import pytest

from train.command import provenance


@pytest.mark.parametrize(
    ("argument", "public"),
    [
        ("/home/ann/music", "music"),
        ("~/music", "music"),
        ("--data=/home/ann/music", "--data=music"),
        ("C:\\\\Users\\\\ann\\\\music", "music"),
        ("../shared/data", "../shared/data"),
        ("runs/cnn", "runs/cnn"),
        ("--learning-rate", "--learning-rate"),
        ("1e-3", "1e-3"),
        ("-1", "-1"),
    ],
)
def test_the_command_names_no_private_place(monkeypatch, argument, public):
    monkeypatch.setattr("sys.argv", ["train", argument])
    assert provenance.provenance.__wrapped__()["command"].split()[-1].strip("'") == public


def test_a_folder_is_known_by_its_own_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert provenance.folder_name(Path(".")) == tmp_path.name
