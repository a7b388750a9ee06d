"""Checkpoints of a training that are damaged, of another run, or find no room."""

import shutil

import numpy as np
import pytest

from genrestream.errors import CheckpointError, OutputError, UsageError
from tests.train.loop.test_step import batch, step_of
from train.input.batching import batches
from train.input.examples import rows
from train.loop.state_checkpoints import Saved


def new_iterator():
    return iter(batches(rows(np.zeros((4, 2), np.float32), np.zeros(4, np.int32)), 2))


def save(checkpoints, number, state):
    checkpoints.save(number, state, new_iterator())
    checkpoints.wait()


@pytest.fixture(scope="module")
def step():
    return step_of()


@pytest.fixture(scope="module")
def saved(step, tmp_path_factory):
    """A run's folder with two checkpoints, and the states that they hold."""
    folder = tmp_path_factory.mktemp("saved")
    checkpoints, state, iterator = Saved(folder, step, False, "me"), step.start(), new_iterator()
    kept = {}
    for number in (1, 2):
        state, _ = step.train(state, step.to_devices(batch()))
        next(iterator)
        checkpoints.save(number, state, iterator, figures={"loss": np.arange(number, dtype=np.float32)})
        kept[number] = {name: np.array(array) for name, array in state.params.items()}
    checkpoints.wait()
    iterator.close()
    return folder, kept


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved[0], tmp_path / "run")


def test_what_is_saved_is_loaded(folder, saved, step):
    iterator = new_iterator()
    resumed = Saved(folder, step, True, "me").load(iterator)
    assert int(resumed.state.step) == 2
    for name, array in saved[1][2].items():
        np.testing.assert_array_equal(resumed.state.params[name], array)
    assert iterator.get_state() == {"n_taken": 2}
    assert resumed.figures["loss"].tolist() == [0, 1]


def flip(place):
    def damage(file):
        content = bytearray(file.read_bytes())
        content[place] ^= 16
        file.write_bytes(content)

    return damage


def cut(share):
    return lambda file: file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])


DAMAGES = {
    "header": flip(40),
    "first array": flip(4500),
    "last byte": flip(-1),
    "half": cut(0.5),
    "empty": cut(0),
    "no file": lambda file: file.unlink(),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
    "text": lambda file: file.write_text("{}"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_it_goes_on_from_the_newest_that_is_whole(folder, saved, step, capsys, damage):
    damage(folder / "state" / "2" / "checkpoint")
    checkpoints = Saved(folder, step, True, "me")
    resumed = checkpoints.load(new_iterator())
    assert (checkpoints.latest_step, int(resumed.state.step)) == (1, 1)
    for name, array in saved[1][1].items():
        np.testing.assert_array_equal(resumed.state.params[name], array)
    said = capsys.readouterr().err
    assert said.startswith(f"warning: {folder / 'state' / '2' / 'checkpoint'}: ")
    assert said.endswith("; going on from step 1\n")
    assert said.count("\n") == 1
    save(checkpoints, 2, step.train(resumed.state, step.to_devices(batch()))[0])
    assert Saved(folder, step, True, "me").latest_step == 2
    assert not capsys.readouterr().err


def test_when_none_is_whole_it_says_so(folder, step):
    for number in (1, 2):
        (folder / "state" / str(number) / "checkpoint").write_bytes(b"")
    with pytest.raises(CheckpointError, match="2/checkpoint: its header is damaged, and no other checkpoint is whole"):
        Saved(folder, step, True, "me")


def test_only_another_identity_is_another_network(folder, step):
    with pytest.raises(UsageError, match="another network"):
        Saved(folder, step, True, "somebody else")
    with pytest.raises(UsageError, match="holds a run already"):
        Saved(folder, step, False, "me")


@pytest.mark.parametrize("room", [0, 1, 4095, 4096, 5000, 20_000])
def test_a_disk_that_fills_during_a_save(folder, step, room):
    """A limit on the size of files stops a writer where a full disk would."""
    resource = pytest.importorskip("resource", reason="no limits here")
    checkpoints = Saved(folder, step, True, "me")
    state = checkpoints.load(new_iterator()).state
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(OutputError, match=r"step 3 cannot be saved \(file too large\); make room, then go on"):
            save(checkpoints, 3, state)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert sorted(path.name for path in (folder / "state").iterdir()) == ["1", "2"]
    assert Saved(folder, step, True, "me").latest_step == 2


def test_what_is_written_is_the_state_at_the_save(tmp_path, step):
    """The next steps take the memory of the state while it is still written."""
    checkpoints, state = Saved(tmp_path, step, False, "me"), step.start()
    expected = {name: np.array(array) for name, array in state.params.items()}
    checkpoints.save(1, state, new_iterator())
    for _ in range(3):
        state, _ = step.train(state, step.to_devices(batch()))
    checkpoints.wait()
    resumed = Saved(tmp_path, step, True, "me").load(new_iterator())
    for name, array in expected.items():
        np.testing.assert_array_equal(resumed.state.params[name], array)


def test_a_save_that_failed_is_told_by_the_next_one(folder, step):
    checkpoints = Saved(folder, step, True, "me")
    state = checkpoints.load(new_iterator()).state
    (folder / "state" / "3.part").touch()
    checkpoints.save(3, state, new_iterator())
    with pytest.raises(OutputError, match="step 3 cannot be saved"):
        checkpoints.save(4, state, new_iterator())
    assert Saved(folder, step, True, "me").latest_step == 2


def break_off(folder, step):
    """Save step 3, and raise at once."""
    with Saved(folder, step, True, "me") as checkpoints:
        checkpoints.save(3, checkpoints.load(new_iterator()).state, new_iterator())
        raise KeyError


def test_when_a_training_breaks_off_its_last_save_is_awaited(folder, step):
    with pytest.raises(KeyError):
        break_off(folder, step)
    assert sorted(path.name for path in (folder / "state").iterdir()) == ["2", "3"]


def test_when_a_training_breaks_off_a_failed_save_is_told_too(folder, step, capsys):
    (folder / "state" / "3").touch()  # no folder
    with pytest.raises(KeyError):
        break_off(folder, step)
    assert "warning: " in (said := capsys.readouterr().err)
    assert "step 3 cannot be saved" in said


def test_a_folder_that_cannot_be_written_is_not_a_full_disk(folder, step):
    (folder / "state" / "3.part").touch()
    checkpoints = Saved(folder, step, True, "me")
    state = checkpoints.load(new_iterator()).state
    (folder / "state" / "4.part").touch()
    with pytest.raises(OutputError, match="make the folder writable"):
        save(checkpoints, 4, state)


def test_the_latest_two_and_the_best_are_kept(tmp_path, step):
    checkpoints, iterator = Saved(tmp_path, step, False, "me"), new_iterator()
    for number, accuracy in enumerate([0.5, 0.9, 0.9, 0.1, 0.2], 1):
        checkpoints.save(number, step.start(), iterator, {"val_accuracy": accuracy})
    checkpoints.wait()
    assert checkpoints.best_step == 2
    assert sorted(path.name for path in (tmp_path / "state").iterdir()) == ["2", "4", "5"]


def test_with_patience_the_best_weights_are_kept_and_not_the_last(tmp_path, step):
    checkpoints, iterator, state = Saved(tmp_path, step, False, "me"), new_iterator(), step.start()
    kept = {}
    for number, accuracy in enumerate([0.5, 0.9, 0.1], 1):
        state, _ = step.train(state, step.to_devices(batch(seed=number)))
        kept[number] = {name: np.array(array) for name, array in step.weights(state).items()}
        checkpoints.save(number, state, iterator, {"val_accuracy": accuracy})
    checkpoints.wait()
    name = "dense.layers.0.kernel"
    np.testing.assert_array_equal(checkpoints.best(state)[name], kept[2][name])
    assert not np.array_equal(kept[2][name], kept[3][name])
