import csv
import io
import wave
import zipfile

import numpy as np
import pytest

import genrestream
from genrestream.errors import UsageError
from tests.train.study.test_packages import make_deb, needs_dpkg
from train.data.readers.folders import read
from train.study.nonmusic.archives import SUFFIXES, expand
from train.study.nonmusic.build import build, of_package
from train.study.nonmusic.clips import Chunk, chunks, crowds, cut, is_loud, noisy
from train.study.nonmusic.rules import KINDS, Rule, files_of, listed
from train.study.nonmusic.scoring import Call, calls, packages_of_folds, report, shares
from train.study.nonmusic.synthetic import CHUNK, RATE, SOUNDS, made
from train.study.packages import unpack

SPEECH = Rule("sounds", "speech", "voices/", "", 20)
NOISE = Rule("sounds", "noise", "sounds/", "music|jingle", 20)


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return 0.3 * np.random.default_rng(seed).standard_normal(round(seconds * RATE)).astype(np.float32)


def wav(waveform: np.ndarray) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(np.clip(32767 * waveform, -32767, 32767).astype("<i2").tobytes())
    return content.getvalue()


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("name", SOUNDS)
def test_a_synthetic_sound_is_a_finite_chunk_that_its_seed_decides(name):
    for number in range(4):
        sound = made(name, number, 0)
        assert sound.shape == (CHUNK,)
        assert is_loud(sound / np.abs(sound).max())
        assert np.array_equal(sound, made(name, number, 0))
    assert not np.array_equal(made(name, 0, 0), made(name, 0, 1))
    assert not np.array_equal(made(name, 0, 0), made(name, 1, 0))


@pytest.mark.parametrize(("number", "mains_hz"), [(0, 50), (1, 60), (2, 50), (3, 60)])
def test_hum_is_at_the_multiples_of_the_mains(number, mains_hz):
    power = np.square(np.abs(np.fft.rfft(made("hum", number, 0))))
    frequency = np.fft.rfftfreq(CHUNK, 1 / RATE)
    at_multiples = (frequency > 0) & (np.abs((frequency + 1) % mains_hz - 1) < 0.5)
    assert power[at_multiples].sum() > 0.9 * power.sum()


@pytest.mark.parametrize(("number", "ratio"), [(0, 1), (1, 10), (2, 100)])  # white, pink, brown
def test_the_power_of_coloured_noise_falls_with_frequency(number, ratio):
    power = np.square(np.abs(np.fft.rfft(made("noise", number, 0))))
    assert power[300:600].mean() / power[3000:6000].mean() == pytest.approx(ratio, rel=0.3)


@pytest.mark.parametrize(("seconds", "n_chunks"), [(3, 1), (5.9, 1), (6, 2), (60, 4)])
def test_a_long_clip_is_cut_and_gives_four_chunks_at_most(seconds, n_chunks):
    found = list(chunks([("a.wav", noise(seconds))], rng()))
    assert [one.how for one in found] == [f"at {3 * number} s: a.wav" for number in range(n_chunks)]
    assert all(one.waveform.shape == (CHUNK,) and np.abs(one.waveform).max() == 1 for one in found)


def test_silent_parts_of_a_long_clip_are_left_out():
    waveform = np.concatenate([noise(3), np.zeros(CHUNK), noise(3)])
    assert [one.how for one in cut("a.wav", waveform)] == ["at 0 s: a.wav", "at 6 s: a.wav"]


def test_clips_under_a_second_are_joined_until_the_chunk_is_full():
    found = list(chunks([(str(number), noise(0.5)) for number in range(7)], rng()))
    assert [one.how for one in found] == ["joined: 0 + 1 + 2 + 3 + 4", "joined and repeated: 5 + 6"]
    assert all(one.waveform.shape == (CHUNK,) for one in found)
    gap = found[0].waveform[round(0.5 * RATE) : round(0.65 * RATE)]
    assert not gap.any()


def test_too_little_is_no_chunk():
    assert not list(chunks([("a", noise(0.5))], rng()))


def test_clips_of_one_to_three_seconds_are_repeated_or_joined():
    ways = {one.how.split(":")[0] for one in chunks([(str(number), noise(1.5)) for number in range(20)], rng())}
    assert {"repeated", "joined"} <= ways


def test_a_repeated_clip_goes_on_from_its_start():
    found = [one for one in chunks([(str(number), noise(2)) for number in range(9)], rng()) if "repeated: " in one.how]
    assert np.array_equal(found[0].waveform[: CHUNK - 2 * RATE], found[0].waveform[2 * RATE :])


@pytest.mark.parametrize(
    ("waveform", "expected"),
    [(noise(1), True), (1e-5 * noise(1), False), (noise(0.04), False), (np.full(RATE, np.nan), False)],
)
def test_silence_crumbs_and_nan_are_not_used(waveform, expected):
    assert is_loud(waveform) == expected


def test_crowds_and_noisy_copies_are_as_many_as_the_speech_allows():
    speech = [Chunk(noise(3, seed), f"at 0 s: {seed}") for seed in range(20)]
    assert len(crowds(speech, rng())) == 3
    assert len(noisy(speech, rng())) == 3
    assert crowds(speech[:11], rng()) == noisy([], rng()) == []


def test_the_list_of_rules_has_patterns_kinds_and_no_music():
    rules = [rule for its in listed().values() for rule in its]
    assert {rule.kind for rule in rules} == set(KINDS)
    assert all(rule.n_chunks > 0 for rule in rules)
    assert not [rule for rule in rules if rule.takes("usr/share/games/x/music/sounds.ogg")]
    openarena = "usr/share/games/openarena/baseoa/pak0.pk3.d/sound/"
    files = {"music/a.ogg": None, "world/wind1.wav": "noise", "voices/rott/hello.ogg": "speech", "x.txt": None}
    for file, kind in files.items():
        owners = [rule.kind for rule in listed()["openarena-data"] if rule.takes(openarena + file)]
        assert owners[:1] == ([kind] if kind else [])


def test_an_unknown_package_is_named():
    with pytest.raises(UsageError, match=r"--only no-such: is not in rules\.csv"):
        listed(["alsa-utils", "no-such"])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_archives_are_replaced_by_their_wanted_sounds(tmp_path, suffix):
    archive = tmp_path / "usr" / f"pak{suffix}"
    archive.parent.mkdir()
    sounds = [wav(noise(0.1, seed)) for seed in range(2)]
    if suffix == ".cat":
        archive.write_bytes(b"head" + sounds[0] + b"between" + sounds[1])
    else:
        with zipfile.ZipFile(archive, "w") as content:
            for number, sound in enumerate(sounds):
                content.writestr(f"{number:03d}.wav", sound)
            content.writestr("../outside.wav", sounds[0])
            content.writestr("read.me", b"text")
    expand(tmp_path, lambda name: name.startswith("usr/pak") and name.endswith(".wav"))
    found = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {f"usr/pak{suffix}.d/{number:03d}.wav": sound for number, sound in enumerate(sounds)}


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A folder with one unpacked package: voices, effects, a jingle, and a damaged file."""
    folder = tmp_path_factory.mktemp("packages")
    files = {f"usr/sounds/voices/{number}.wav": wav(noise(3.5, number)) for number in range(12)}
    files |= {f"usr/sounds/{number}.wav": wav(noise(0.4, number)) for number in range(12)}
    files |= {"usr/sounds/jingle.wav": wav(noise(5)), "usr/sounds/broken.ogg": b"no audio", "usr/music/a.wav": b"x"}
    unpack(make_deb(folder, files), lambda file: file.startswith("usr/sounds"), folder / "sounds")
    return folder


@needs_dpkg
def test_a_file_belongs_to_its_first_rule(packages):
    speech, others = files_of(packages / "sounds", [SPEECH, NOISE])
    assert len(speech) == 12
    assert others == sorted([*(f"usr/sounds/{number}.wav" for number in range(12)), "usr/sounds/broken.ogg"])


@needs_dpkg
def test_a_package_gives_no_more_than_the_rule_allows_and_the_same_each_time(packages):
    rules = [Rule("sounds", "speech", "voices/", "", 5), NOISE]
    first, second = (of_package(rules, packages / "sounds", 3) for _ in range(2))
    assert len(first["speech"]) == 5 + 1  # a noisy copy
    for kind in KINDS:
        assert [one.how for one in first[kind]] == [one.how for one in second[kind]]
        assert all(np.array_equal(a.waveform, b.waveform) for a, b in zip(first[kind], second[kind], strict=True))


@pytest.fixture(scope="module")
def made_folder(packages, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nonmusic")
    assert build(folder, {"sounds": [SPEECH, NOISE]}, packages, 0, ["rain"]) == len(list(folder.rglob("*.wav")))
    return folder


@needs_dpkg
def test_the_folder_is_one_to_train_on_and_its_list_is_whole(made_folder):
    with (made_folder / "list.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    dataset = read(made_folder)
    assert dataset.genres == ("noise", "speech")
    assert {f"{track.name}.wav" for track in dataset.tracks} == {row["file"] for row in rows}
    assert all(row["file"].split("/")[1] == row["package"] for row in rows)
    assert sum(row["how"].startswith("crowd of") for row in rows) == 3
    assert sum(row["package"] == "synthetic-rain" for row in rows) == SOUNDS["rain"][0]
    with wave.open(str(made_folder / rows[0]["file"])) as file:
        assert (file.getframerate(), file.getnframes(), file.getnchannels()) == (RATE, CHUNK, 1)


@needs_dpkg
def test_a_model_without_states_calls_all_sound_music(made_folder, model):
    found = calls(model, made_folder, "musicnn", only=["sounds"])
    expected = {"music"} if not model.card.states else {"music", "speech", "noise"}
    assert {call.called for call in found} <= expected
    assert {call.package for call in found} == {"sounds"}
    path = made_folder / "speech" / "sounds" / "0000.wav"
    assert found[0].is_named == (genrestream.load("musicnn").classify(path).final.state == "music")


@needs_dpkg
def test_each_package_is_left_out_of_the_training_of_one_fold(made_folder):
    folds = packages_of_folds(made_folder, 2)
    with (made_folder / "list.csv").open(newline="") as lines:
        packages = sorted({row["package"] for row in csv.DictReader(lines)})
    assert sorted(package for fold in folds for package in fold) == packages
    assert all(folds)


def test_a_folder_without_a_list_is_named(tmp_path, model):
    with pytest.raises(UsageError, match=r"has no list\.csv"):
        calls(model, tmp_path, "x")
    (tmp_path / "list.csv").write_text("file,package,how\n")
    with pytest.raises(UsageError, match="lists no file of any package"):
        calls(model, tmp_path, "x")


def test_shares_have_intervals_over_packages():
    found = [Call("noise", package, "music", package == "a") for package in "ab" for _ in range(10)]
    named = [call.is_named for call in found]
    assert shares(found, named) == (0.5, (0, 1))  # ten chunks of one package count as one draw
    assert shares(found, [True] * 20) == (1, (1, 1))


def test_the_report_has_both_rates_by_kind_and_by_package():
    found = [Call("noise", "a", "music", False), Call("noise", "a", "noise", False), Call("speech", "b", "music", True)]
    lines = report("model", found)
    assert "| all | 3 | 0.667 [0.500, 1.000] | 0.333 [0.000, 1.000] | 0.000 | 0.333 | 0.000 |" in lines
    assert lines.index("| speech/b | 1 | 1.000 | 1.000 | 0.000 | 0.000 | 0.000 |") < lines.index(
        "| noise/a | 2 | 0.500 | 0.000 | 0.000 | 0.500 | 0.000 |"
    )
