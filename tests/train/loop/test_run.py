"""Training as a user starts it: processes that are killed, resumed, several at once, or given what cannot work."""

import importlib.util
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tyro

import genrestream
from genrestream.inference.checkpoint import read
from genrestream.inference.network import load_weights
from tests.conftest import ROOT
from train.cnn import Config
from train.command import settings
from train.command.lock import locked
from train.data import sealed
from train.data.hosts import assigned
from train.data.load import load, read_all
from train.data.tracks import DataConfig
from train.input.batching import batches
from train.input.examples import crops, n_crops
from train.loop.config import n_steps
from train.loop.run import seed_of, validation_of
from train.loop.step import Network, Step

SIZES = ("--sample-rate", 8_000, "--n-fft", 256, "--hop-length", 128, "--n-mels", 16, "--n-samples", 8_000)
SMALL_FILES = ("bash", "-c", 'ulimit -f 8; exec "$@"', "bash")  # to a writer as a full disk is
NETWORK = (*SIZES, "--n-frames", 62, "--n-filters", 4, 8, "--batch-size", 8, "--n-epochs", 3, "--save-steps", 2)


def arguments(data, output, *more):
    options = ("--data", data, "--split", "track", "--n-folds", 3, "--output", output, *NETWORK, *more)
    return [sys.executable, "-m", "train.cnn", *map(str, options)]


def train(data, output, *more, code=0, **environment):
    run = subprocess.run(
        arguments(data, output, *more),
        cwd=ROOT,
        env=os.environ | environment,
        text=True,
        capture_output=True,
        timeout=400,
    )
    assert run.returncode == code, run.stdout + run.stderr
    return run


def weights(output):
    return load_weights(read(output / "model"))


def metrics(output):
    """Return the rows of metrics.jsonl without speeds, which differ from run to run."""
    rows = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    return [{name: row[name] for name in row if name not in ("chunks_per_s", "waiting_share")} for row in rows]


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """A run that nothing disturbed."""
    output = tmp_path_factory.mktemp("whole") / "run"
    train(data, output)
    return output


def test_a_run_makes_a_model_that_classifies(data, whole):
    model = genrestream.load(whole / "model")
    assert model.card.labels == ("chords", "noise")
    assert model.classify(data / "chords" / "0.flac").n_chunks == 2
    held_out = model.card.provenance["held_out"]
    assert len(held_out) == 4
    lines = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert all(0 <= line["val_accuracy"] <= 1 and line["chunks_per_s"] > 0 for line in lines)
    assert list((whole / "tensorboard").iterdir())


def steps(output):
    return sorted(int(folder.name) for folder in (output / "state").glob("[0-9]*") if folder.name.isdigit())


def kill(command, output, after):
    """Start a run, and kill it at once when a later step is saved than this."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None and steps(output)[-1:] <= [after]:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("killed_after", [0, 2])
def test_killed_then_out_of_space_then_resumed_it_ends_bit_for_bit_alike(data, whole, tmp_path, killed_after):
    output = tmp_path / "run"
    kill(arguments(data, output), output, killed_after)
    saved = steps(output)
    assert saved
    run = subprocess.run([*SMALL_FILES, *arguments(data, output, "--resume")], cwd=ROOT, text=True, capture_output=True)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "make room, then go on with --resume" in run.stderr
    assert run.stderr.count("\n") == 1
    assert saved == steps(output)
    train(data, output, "--resume")
    for name, array in weights(whole).items():
        np.testing.assert_array_equal(weights(output)[name], array, err_msg=name)
    assert metrics(output) == metrics(whole)


def test_a_stateful_run_goes_on_bit_for_bit(data, tmp_path):
    sizes = ("--n-fft", 256, "--hop-length", 128, "--n-mels", 32, "--n-samples", 8_192, "--n-frames", 64)
    sizes = (*sizes, "--n-filters", 4, 4, 4, 4, 4, "--n-units", 4, "--batch-size", 4, "--n-epochs", 2)
    options = ("--data", data, "--split", "track", "--n-folds", 3, "--sample-rate", 8_000, *sizes, "--save-steps", 1)
    command = [sys.executable, *map(str, ("-m", "train.crnn", "--stateful", *options, "--output"))]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    kill([*command, str(killed)], killed, 0)
    assert steps(killed)
    assert not (killed / "model").exists()
    for output, more in ((killed, ["--resume"]), (whole, [])):
        subprocess.run([*command, str(output), *more], cwd=ROOT, check=True, capture_output=True, timeout=400)
    for name, array in weights(whole).items():
        np.testing.assert_array_equal(weights(killed)[name], array, err_msg=name)
    assert metrics(killed) == metrics(whole)


def test_resumed_on_other_devices(data, whole, tmp_path):
    """A finished run's state, loaded onto eight devices, is the same model."""
    shutil.copytree(whole, tmp_path / "run")
    train(data, tmp_path / "run", "--resume", XLA_FLAGS="--xla_force_host_platform_device_count=8")
    for name, array in weights(whole).items():
        np.testing.assert_array_equal(weights(tmp_path / "run")[name], array, err_msg=name)


# Without augmentation and dropout, which draw by the place in a batch.
CALM = ("--gain-db", 0, "--noise", 0, "--speed", 0, "--equalise-db", 0, "--distort", 0, "--shorten", 0,
        "--spec-masks", 0, "--mixup", 0, "--dropout", 0, "--n-epochs", 1)  # fmt: skip


def started_in_two_processes(data, output, caches, *more, first=()):
    """Start a training on two hosts, which are processes of this machine; ``first`` starts the first one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = []
    for number, cache in enumerate(caches):
        environment = {
            "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
            "JAX_NUM_PROCESSES": "2",
            "JAX_PROCESS_ID": str(number),
        }
        command = arguments(data, output, *CALM, "--cache", cache, "--distributed", *more)
        command = command if number else [*first, *command]
        processes.append(
            subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, text=True, stderr=subprocess.PIPE)
        )
    return processes


def ended(processes, code=0):
    """Wait for processes, and return what they wrote to standard error."""
    errors = [process.communicate(timeout=400)[1] for process in processes]
    assert [process.returncode for process in processes] == [code] * len(processes), errors
    return errors


def train_in_two_processes(data, output, caches, *more):
    ended(started_in_two_processes(data, output, caches, *more))


def test_two_processes_train_on_shards_as_one_does_on_the_folder(data, tmp_path):
    cache = ("--cache", tmp_path / "cache")
    train(data, tmp_path / "one", *CALM, *cache)
    command = ["-m", "train.shard", data, tmp_path / "shards", "--sample-rate", 8_000, *cache]
    subprocess.run([sys.executable, *map(str, command)], cwd=ROOT, check=True)
    train_in_two_processes(tmp_path / "shards", tmp_path / "two", [tmp_path / "a", tmp_path / "b"])
    assert not [*(tmp_path / "a").glob("*.s16"), *(tmp_path / "b").glob("*.s16")]
    for name, array in weights(tmp_path / "one").items():
        np.testing.assert_allclose(weights(tmp_path / "two")[name], array, atol=1e-3, err_msg=name)
    validation = [metrics(tmp_path / one)[0]["val_loss"] for one in ("one", "two")]
    assert validation[0] == pytest.approx(validation[1], abs=1e-3)


def test_each_of_two_processes_decodes_and_draws_from_its_own_tracks(data, tmp_path):
    """The weights are those of a training on both processes' batches, joined; both validate on all tracks."""
    output, caches = tmp_path / "run", [tmp_path / "a", tmp_path / "b"]
    train_in_two_processes(data, output, caches)
    first, second = ({file.name for file in cache.glob("*.s16")} for cache in caches)
    assert (len(first), len(second)) == (6, 6)
    assert not first & second
    alone = train(data, output, *CALM, "--resume", code=2)
    assert "number of processes" in said(alone)
    parts = tyro.conf.OmitArgPrefixes
    config = tyro.cli(Config, args=arguments(data, output, *CALM, "--cache", tmp_path / "c")[3:], config=(parts,))
    split, cache = load(config.data, 8_000)
    host_of = {track.name: track.host for track in assigned(read_all(data).tracks, 2)}
    frontend = config.design.frontend
    halves = []
    for host in range(2):
        tracks = [track for track in split.train if host_of[track.name] == host]
        seed = seed_of(config.seed, host)
        own = crops(tracks, split.genres, cache, frontend, config.augment, config.sampling, seed)
        halves.append(iter(batches(own, 4, seed)))
    n = n_steps(config, n_crops(split.train, cache, frontend, config.sampling))
    step = Step(Network(config.design.module(2, 0)), frontend, 2, config.augment, config.step, n)
    state = step.start()
    for _ in range(n):
        one, other = (next(half) for half in halves)
        state, _ = step.train(state, step.to_devices({name: np.concatenate([one[name], other[name]]) for name in one}))
    for half in halves:
        half.close()
    expected = step.weights(state)
    for name, array in weights(output).items():
        np.testing.assert_allclose(array, expected[name], atol=1e-3, err_msg=name)
    validation = validation_of(split, cache, config.example, 8)
    assert validation
    scores = validation.score(step, expected)
    assert metrics(output)[0]["val_loss"] == pytest.approx(scores["val_loss"], abs=1e-3)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_the_last_step_and_ends(data, tmp_path, number, code):
    output = tmp_path / "run"
    endless = arguments(data, output, "--n-epochs", 100_000, "--save-steps", 1_000_000)
    with subprocess.Popen(endless, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        while "epoch   1" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(number)
        error = process.communicate(timeout=120)[1]
    assert process.returncode == code
    stopped = re.fullmatch(r"stopped; step (\d+) is saved, go on with --resume\n", error)
    assert stopped
    assert steps(output)[-1] == int(stopped[1])
    assert not (output / "model").exists()


def test_a_signal_to_one_of_two_processes_saves_and_ends_both(data, tmp_path):
    output, caches, options = tmp_path / "run", [tmp_path / "a", tmp_path / "b"], ("--n-epochs", 3, "--save-steps", 1)
    processes = started_in_two_processes(data, output, caches, *options)
    while not steps(output):
        assert [process.poll() for process in processes] == [None, None]
        time.sleep(0.005)
    processes[1].send_signal(signal.SIGTERM)
    errors = ended(processes, 128 + signal.SIGTERM)
    assert all(f"stopped; step {steps(output)[-1]} is saved, go on with --resume\n" in error for error in errors)
    assert not (output / "model").exists()
    train_in_two_processes(data, output, caches, *options, "--resume")
    train_in_two_processes(data, tmp_path / "whole", caches, *options)
    for name, array in weights(tmp_path / "whole").items():
        np.testing.assert_array_equal(weights(output)[name], array, err_msg=name)
    assert metrics(output) == metrics(tmp_path / "whole")


def test_where_the_first_of_two_processes_cannot_save_both_end_with_its_line(data, tmp_path):
    output, cache = tmp_path / "run", tmp_path / "cache"
    load(DataConfig(data, split="track", n_folds=3, cache=cache), 8_000)  # which needs room, too
    options = ("--n-epochs", 100_000, "--save-steps", 1)
    errors = ended(started_in_two_processes(data, output, [cache] * 2, *options, first=SMALL_FILES), code=1)
    line = f"{output / 'state'}: step 1 cannot be saved (file too large); make room, then go on with --resume"
    assert [error.splitlines()[-1] for error in errors] == [line, f"process 0: {line}"]
    assert not steps(output)


def test_a_run_keeps_its_options_and_says_what_comes_next(data, whole, tmp_path):
    options = settings.with_file(["--config", str(whole / "config.toml")], Config)
    assert ["--data", str(data)] == options[options.index("--data") : options.index("--data") + 2]
    run = subprocess.run(
        [sys.executable, "-m", "train.cnn", "--config", whole / "config.toml", "--output", tmp_path / "run",
         "--profile", "--n-epochs", "8"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"model: {tmp_path / 'run' / 'model'}\n" in run.stdout
    assert f"next: python -m train.evaluate {tmp_path / 'run'} --data {data}\n" in run.stdout
    assert "epoch   1" in run.stdout
    assert run.stdout.splitlines()[1].endswith("best so far")  # the first epoch is
    assert list((tmp_path / "run" / "profile").rglob("*.xplane.pb"))
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert all(row["gradient_norm"] > 0 for row in rows)
    rates = [row["learning_rate"] for row in rows]
    assert max(rates) > rates[-1] > 0


def test_a_dry_run_says_what_it_would_take_and_writes_nothing(data, tmp_path):
    run = train(data, tmp_path / "run", "--dry-run")
    assert re.search(
        r"[\d,]+ parameters to train\n[\d,]+ steps of 8 pieces in 3 epochs\n[\d,]+ MB of memory", run.stdout
    )
    assert "s a step" in run.stdout
    assert not (tmp_path / "run").exists()


def test_patience_ends_a_run_that_becomes_no_better_and_keeps_the_best(data, tmp_path):
    output = tmp_path / "run"
    train(data, output, "--patience", 2, "--n-epochs", 50, "--save-steps", 1)
    rows = metrics(output)
    assert steps(output)[-1] == rows[-1]["step"]
    best = max(range(len(rows)), key=lambda number: (rows[number]["val_accuracy"], -number))
    assert len(rows) == best + 1 + 2 < 50
    saved = {}
    for row in (rows[best], rows[-1]):
        _, content = sealed.read(output / "state" / str(row["step"]) / "checkpoint")
        saved[row["step"]] = np.load(io.BytesIO(content))
    for name, array in weights(output).items():
        np.testing.assert_array_equal(array, saved[rows[best]["step"]][f"average/{name}"])
    kernel = "average/dense.layers.0.kernel"
    assert not np.array_equal(saved[rows[best]["step"]][kernel], saved[rows[-1]["step"]][kernel])


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_logger_that_is_not_installed_is_one_line(data, tmp_path, name):
    if importlib.util.find_spec(name):
        pytest.skip(f"{name} is installed here")
    run = train(data, tmp_path / "run", "--log", name, code=2)
    assert said(run) == f"--log {name}: is not installed; pip install {name}"


def said(run):
    return run.stderr.strip().splitlines()[-1]


def test_a_loss_that_is_no_number_stops(data, tmp_path):
    run = train(data, tmp_path / "run", "--learning-rate", 1e30, "--clip-norm", 0, code=1)
    assert re.match(
        r"step \d+: the (loss|norm of the weights) is (nan|inf); nothing was saved yet, try a lower", said(run)
    )
    assert not (tmp_path / "run" / "model").exists()


def test_two_trainings_in_one_folder(data, whole, tmp_path):
    """The second is refused while the first holds the folder, and changes nothing in it."""
    output = tmp_path / "run"
    shutil.copytree(whole, output)
    with locked(output):
        run = train(data, output, "--resume", "--learning-rate", 9, code=2)
    assert run.stderr == (
        f"--output {output}: process {os.getpid()} trains in it; wait for it or stop it, or name another folder\n"
    )
    assert metrics(output) == metrics(whole)
    assert (output / "config.toml").read_bytes() == (whole / "config.toml").read_bytes()


def test_a_damaged_checkpoint_is_left_out(data, whole, tmp_path):
    output = tmp_path / "run"
    shutil.copytree(whole, output)
    newest = output / "state" / str(steps(output)[-1]) / "checkpoint"
    newest.write_bytes(newest.read_bytes()[:-1])
    (output / "metrics.jsonl").write_bytes((output / "metrics.jsonl").read_bytes() + b'{"step": 1\n\xff{}\n[]\n7\n')
    run = train(data, output, "--resume")
    assert re.search(r"warning: .*checkpoint: holds .*; going on from step \d+\n", run.stderr)
    assert metrics(output) == metrics(whole)
    for name, array in weights(whole).items():
        np.testing.assert_array_equal(weights(output)[name], array, err_msg=name)


@pytest.mark.parametrize("other", [("--n-filters", 4, 4), ("--fold", 1)])
def test_another_run_is_not_resumed(data, whole, tmp_path, other):
    """Nor is anything in its folder changed."""
    shutil.copytree(whole, tmp_path / "run")
    assert "holds a run already" in said(train(data, tmp_path / "run", *other, code=2))
    run = train(data, tmp_path / "run", "--resume", *other, code=2)
    assert "holds a run with another network, data, split, seed" in said(run)
    assert (tmp_path / "run" / "config.toml").read_bytes() == (whole / "config.toml").read_bytes()


def test_a_batch_must_fit_the_devices(data, tmp_path):
    eight = "--xla_force_host_platform_device_count=8"
    run = train(data, tmp_path / "run", "--batch-size", 12, code=2, XLA_FLAGS=eight)
    assert "--batch-size 12: must be divisible by the 8 devices" in said(run)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--learning-rate", -1), "--learning-rate -1.0: must be positive"),
        (("--n-epochs", 0), "--n-epochs 0: must be at least 1"),
        (("--output", "a:b"), "name='a:b' must be printable"),
        (("--fold", 7), "--fold 7: must be from 0 to 2"),
        (("--n-mels", 2), "cannot be halved"),
        (("--dropout", 2), "dropout=2.0 must be at least 0 and below 1"),
    ],
)
def test_options_that_cannot_work(data, tmp_path, more, message):
    run = train(data, tmp_path / "run", *more, code=2)
    assert message in said(run)
    assert "Traceback" not in run.stderr


def test_no_data(tmp_path):
    assert str(tmp_path / "missing") in said(train(tmp_path / "missing", tmp_path / "run", code=2))


def test_folds_go_on_where_they_were(data, tmp_path):
    output = tmp_path / "run"
    options = ("--folds", "--no-validate", "--n-epochs", 1)
    train(data, output, *options)
    assert sorted(path.name for path in output.iterdir()) == ["all", "fold0", "fold1", "fold2"]
    held_out = [read(output / f"fold{fold}" / "model").card.provenance["held_out"] for fold in range(3)]
    assert len({name for names in held_out for name in names}) == sum(map(len, held_out)) == 12
    shutil.rmtree(output / "fold1")
    run = train(data, output, *options)
    assert run.stdout.count("was finished before") == 3
    run = train(data, output, "--folds", "--no-validate", "--n-epochs", 2, code=2)
    assert f"--output {output / 'fold0'}: holds a run with another network" in said(run)
    assert Path(output / "fold1" / "model" / "checkpoint.json").is_file()
