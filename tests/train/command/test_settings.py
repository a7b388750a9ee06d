"""Options as TOML, and paths that are none of this machine."""

import dataclasses

import pytest
import tyro

from genrestream.errors import UsageError
from train.cnn import Config
from train.command import settings
from train.data.tracks import DataConfig


def parsed(*arguments: str) -> Config:
    return tyro.cli(Config, args=settings.with_file(list(arguments), Config), config=(tyro.conf.OmitArgPrefixes,))


def test_a_runs_own_file_gives_the_same_run(tmp_path):
    given = ["--data", str(tmp_path), "--fold", "None", "--n-filters", "8", "16", "--noise", "0", "--no-validate"]
    config = parsed(*given, "--learning-rate", "0.002", "--log", "tensorboard", "wandb", "--output", "runs/mine run")
    file = tmp_path / settings.FILE
    file.write_text(settings.to_toml(config))
    again = parsed("--config", str(file))
    assert again == config
    assert repr(again) == repr(config)  # a run that is resumed is known by it


@pytest.mark.parametrize("given", [["--log"], ["--output", "runs/\N{MUSICAL NOTE} 🎵"], ["--n-units", "8", "--log"]])
def test_a_file_keeps_empty_lists_and_names_in_any_script(tmp_path, given):
    config = parsed("--data", str(tmp_path), *given)
    file = tmp_path / settings.FILE
    file.write_text(settings.to_toml(config), "utf-8")
    assert parsed("--config", str(file)) == config


def test_a_part_that_is_left_out_is_given_on_the_command_line_only(tmp_path):
    config = parsed("--data", str(tmp_path), "frontend:none")
    assert config.frontend.level is None
    file = tmp_path / settings.FILE
    file.write_text(settings.to_toml(config), "utf-8")
    assert parsed("--config", str(file), "frontend:none") == config
    assert parsed("--config", str(file)).frontend.level is not None


def test_a_file_name_that_is_no_text_is_written(tmp_path):
    config = parsed("--data", str(tmp_path), "--output", "runs/\udcff")
    (tmp_path / settings.FILE).write_text(settings.to_toml(config), "utf-8")


def test_the_command_line_wins_and_the_tables_are_free(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(f'data = "{tmp_path}"\nn-epochs = 7\n[step]\nbatch_size = 8\n')
    config = parsed(f"--config={file}", "--batch-size", "4")
    assert (config.loop.n_epochs, config.step.batch_size, config.data.data) == (7, 4, tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("n_epoch = 3", "n_epoch is not an option of this command; --help lists them"),
        ("[step]\nlearning_rates = 3", "learning_rates is not an option"),
        ("a = = 3", "cannot be read"),
        (None, r"cannot be read \(No such file"),
    ],
)
def test_a_file_that_is_wrong_is_one_line(tmp_path, text, words):
    if text is not None:
        (tmp_path / "x.toml").write_text(text)
    with pytest.raises(UsageError, match=words):
        parsed("--config", str(tmp_path / "x.toml"))
    with pytest.raises(UsageError, match="name a TOML file"):
        parsed("--config")


def test_patience_needs_tracks_to_validate_on(tmp_path):
    with pytest.raises(UsageError, match="--patience 3: needs tracks to validate on; leave --no-validate out"):
        parsed("--data", str(tmp_path), "--patience", "3", "--no-validate")


def test_every_option_has_a_name_of_its_own():
    names = list(settings._names(Config))
    assert len(set(names)) == len(names)
    assert {field.name for field in dataclasses.fields(DataConfig)} <= set(names)
