import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from genrestream.errors import AudioError, UsageError
from tests.conftest import ROOT, SHARED, encode, music
from train.data.load import gtzan_tracks, load
from train.data.readers import gtzan
from train.data.readers.folders import read
from train.data.splits import check, divide
from train.data.tracks import SIDES, DataConfig, Dataset, Track

GENRES = ("jazz", "metal", "rock")


def track(genre, number, artist="", **fields):
    name = f"{genre}.{number:05d}"
    return Track(name, Path(f"/music/{name}.ogg"), genre, artist=artist, **fields)


def dataset(n_tracks=10, n_artists=5, **fields):
    tracks = [track(genre, n, f"{genre} band {n % n_artists}", **fields) for genre in GENRES for n in range(n_tracks)]
    return Dataset(tuple(tracks))


def config(**fields):
    return DataConfig(Path("/music"), **fields)


def names(tracks):
    return {track.name for track in tracks}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("made")
    for genre, suffix, codec in [("jazz", ".flac", "flac"), ("metal", ".mp3", "libmp3lame"), ("rock", ".m4a", "aac")]:
        (tmp_path / genre / "album").mkdir(parents=True)
        for number in range(4):
            path = tmp_path / genre / "album" / f"{number}{suffix}"
            encode(path, music(4 + number, 22_050, seed=number), 22_050, codec)
    (tmp_path / "jazz" / "broken.mp3").write_bytes(b"\0" * 5000)
    (tmp_path / "jazz" / "cover.jpg").write_bytes(b"not audio")
    return tmp_path


@pytest.fixture
def folder(made, tmp_path):
    """A folder of genre folders in several formats, with one damaged file."""
    shutil.copytree(made, tmp_path / "music")
    return tmp_path / "music"


def test_a_folder_of_genre_folders_in_any_format(folder, capsys):
    split, cache = load(DataConfig(folder, split="track", fold=1, n_folds=4, cache=folder / ".cache"), 16_000)
    assert split.genres == GENRES
    assert [len(getattr(split, side)) for side in SIDES] == [6, 3, 3]
    for one in split.train:
        assert len(cache.waveform(one)) == pytest.approx(16_000 * (one.seconds or 0))
        assert one.seconds == pytest.approx(4 + int(one.path.stem), abs=0.1)
    assert "broken.mp3: is not audio" in capsys.readouterr().err


@pytest.mark.parametrize("protocol", ["artist", "track", "random-chunks"])
def test_folds_hold_out_each_track_once(protocol):
    tracks = Dataset(tuple(track(g, n, f"{g} band {n % 5}", seconds=6.0) for g in GENRES for n in range(10)))
    tested = []
    for fold in range(5):
        split = divide(tracks, config(split=protocol, fold=fold))
        assert not names(split.train) & names(split.test) | names(split.validation) & names(split.test + split.train)
        assert {one.genre for one in split.test} == set(GENRES)
        if protocol == "artist":
            assert not {t.artist for t in split.train} & {t.artist for t in split.test}
        tested += [one.name for one in split.test]
    assert len(tested) == len(set(tested)) == (60 if protocol == "random-chunks" else 30)


def test_without_validation_or_test_there_is_more_to_train_on():
    assert len(divide(dataset(), config(validate=False)).train) == 24
    everything = divide(dataset(), config(fold=None))
    assert (len(everything.train), everything.validation, everything.test) == (30, [], [])
    assert len(divide(Dataset((track("jazz", 0), track("rock", 0))), config(fold=None)).train) == 2


def test_the_seed_draws_the_folds():
    tests = [names(divide(dataset(), config(split="track", fold_seed=seed)).test) for seed in (0, 0, 1)]
    assert tests[0] == tests[1] != tests[2]


def test_listed_duplicates_stay_together_and_so_do_artists_that_share_one():
    pairs = (("jazz.00000", "jazz.00001"), ("jazz.00001", "rock.00002"))
    for protocol in ("track", "artist"):
        for fold in range(5):
            split = divide(Dataset(dataset(18, 6).tracks, pairs), config(split=protocol, fold=fold))
            for side in SIDES:
                here = names(getattr(split, side)) & {"jazz.00000", "jazz.00001", "rock.00002"}
                assert len(here) in (0, 3)


def test_random_chunks_warns_and_cuts_tracks(capsys):
    tracks = Dataset(tuple(track(genre, n, seconds=10.5) for genre in GENRES for n in range(5)))
    split = divide(tracks, config(split="random-chunks"))
    assert "inflates" in capsys.readouterr().err
    parts = [*split.train, *split.validation, *split.test]
    assert len(parts) == 15 * 3
    assert {(part.start_s, part.seconds) for part in parts} == {(0.0, 3.0), (3.0, 3.0), (6.0, 3.0)}


@pytest.mark.parametrize(
    ("protocol", "twin", "pairs", "said"),
    [
        ("track", track("rock", 0), (), "same file"),
        ("official", track("rock", 9), (("rock.00000", "rock.00009"),), "same recording"),
        ("artist", track("rock", 9, "band"), (), "same artist (band)"),
    ],
)
def test_what_is_on_two_sides_is_named(protocol, twin, pairs, said):
    split = divide(dataset(), config(split="track"))
    split.train[:] = [track("rock", 0, "band"), track("jazz", 0), track("metal", 0)]
    split.validation[:] = []
    split.test[:] = [twin]
    with pytest.raises(UsageError) as raised:
        check(split, Dataset(dataset().tracks, pairs), config(split=protocol))
    assert all(word in str(raised.value) for word in ("rock.00000 (train)", f"{twin.name} (test)", said))


def test_a_genre_without_validation_tracks_is_named():
    tracks = [track(genre, n, split="train") for genre in GENRES for n in range(4)]
    tracks += [track(genre, 4, split="validation") for genre in GENRES[:2]] + [track("rock", 5, split="test")]
    with pytest.raises(UsageError, match="genre rock has no validation tracks"):
        divide(Dataset(tuple(tracks)), config(split="official"))
    split = divide(Dataset(tuple(tracks)), config(split="official", validate=False))
    assert (len(split.train), len(split.test)) == (14, 1)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"split": "official"}, "no track is in a test list"),
        ({"n_folds": 6}, "genre jazz has 5 artists, must be at least --n-folds 6"),
        ({"fold": 5}, "--fold 5: must be from 0 to 4"),
        ({"fold_seed": -1}, "--fold-seed -1: must be from 0"),
        ({"n_folds": 2}, "--n-folds 2: must be at least 3"),
        ({"max_unreadable": 1.5}, "--max-unreadable 1.5"),
    ],
)
def test_impossible_divisions(fields, said):
    with pytest.raises(UsageError, match=said):
        divide(dataset(), config(**fields))


def test_without_artists_tracks_are_kept_apart_and_it_is_said(capsys):
    tracks = tuple(track(genre, n) for genre in GENRES for n in range(5))
    assert len(divide(Dataset(tracks), config()).test) == 3
    assert "artists and albums of 15 of 15 tracks are unknown" in capsys.readouterr().err


def test_a_folder_names_albums_and_one_song_in_two_formats(tmp_path):
    for name in ("jazz/a.mp3", "jazz/a.flac", "jazz/Some Album/b.ogg", "rock/c.ogg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = read(tmp_path)
    assert [(one.name, one.artist) for one in found.tracks] == [
        ("jazz/Some Album/b", "album folder jazz/Some Album"), ("jazz/a.flac", ""), ("jazz/a.mp3", ""), ("rock/c", ""),
    ]  # fmt: skip
    assert found.duplicates == (("jazz/a.flac", "jazz/a.mp3"),)


def test_unknown_artists_are_counted(capsys):
    tracks = tuple(dataclasses.replace(one, artist="") if one.name == "jazz.00000" else one for one in dataset().tracks)
    divide(Dataset(tracks), config())
    assert "artists and albums of 1 of 30 tracks are unknown, as of jazz.00000" in capsys.readouterr().err


def test_folders_without_music(tmp_path, folder):
    with pytest.raises(UsageError, match="nowhere: is not a folder"):
        read(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="empty: holds no labelled audio"):
        read(tmp_path / "empty")
    shutil.rmtree(folder / "metal")
    shutil.rmtree(folder / "rock")
    with pytest.raises(UsageError, match=r"holds one genre only \(jazz\)"):
        read(folder)


def test_an_unreadable_majority_is_one_line(folder):
    for path in folder.rglob("*.flac"):
        path.write_bytes(b"RIFF")
    with pytest.raises(
        UsageError, match=r"5 of 13 tracks are unreadable, may be 10% .*: .*0\.flac: no audio could be decoded"
    ):
        load(DataConfig(folder, split="track", cache=folder / ".cache"), 16_000)


def test_a_genre_of_which_nothing_is_readable_is_named(folder):
    for path in folder.rglob("*.flac"):
        path.unlink()
    with pytest.raises(UsageError, match="no track of genre jazz is readable"):
        load(DataConfig(folder, split="track", n_folds=3, max_unreadable=0.2, cache=folder / ".cache"), 16_000)


def test_identical_files_count_as_duplicates(folder):
    shutil.copy(folder / "rock/album/0.m4a", folder / "rock/album/copy.m4a")
    for fold in range(4):
        split, _ = load(DataConfig(folder, split="track", fold=fold, n_folds=4, cache=folder / ".cache"), 16_000)
        for side in SIDES:
            assert len(names(getattr(split, side)) & {"rock/album/0", "rock/album/copy"}) in (0, 2)


def test_a_table_of_tracks(folder):
    table = "file,genre,artist,split\njazz/album/0.flac,jazz,Ella,train\nmetal/album/0.mp3,metal,,test\n"
    (folder / "tracks.csv").write_text(table)
    (folder / "duplicates.csv").write_text("track_a,track_b\njazz/album/0,elsewhere\n")
    found = read(folder)
    assert [(t.name, t.genre, t.artist, t.split) for t in found.tracks] == [
        ("jazz/album/0", "jazz", "Ella", "train"), ("metal/album/0", "metal", "", "test"),
    ]  # fmt: skip
    assert found.duplicates == (("jazz/album/0", "elsewhere"),)


@pytest.mark.parametrize(
    ("table", "error", "said"),
    [
        ("file,artist\na.ogg,x\n", UsageError, "has no column genre"),
        ("file,genre\na.ogg,\n", UsageError, "line 2 has no file or no genre"),
        (
            "file,genre,split\na.ogg,jazz,valid\n",
            UsageError,
            "line 2: split valid must be train, validation, test, none",
        ),
        ("file,genre\na.ogg,jazz\n", AudioError, "a.ogg: listed in tracks.csv, but not there"),
        (b"\xff\xfe\x00", UsageError, "cannot be read"),
        ('file,genre\ntracks.csv,"a\n"\ntracks.csv,b\n', UsageError, r"and 'a\\n' is not; rename"),
    ],
)
def test_damaged_tables(tmp_path, table, error, said):
    (tmp_path / "tracks.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
    with pytest.raises(error, match=said):
        read(tmp_path)


def test_gtzan_is_known_by_its_names(tmp_path):
    for name in ("blues.00000", "blues.00029", "rock.00016", "jazz.00043"):
        path = tmp_path / name.split(".")[0] / f"{name}.au"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    found = {one.name: one for one in read(tmp_path).tracks}
    assert found["blues.00000"].split == "validation"
    assert found["blues.00029"].split == "train"
    assert found["jazz.00043"].split == "none"
    assert found["rock.00016"].fold in range(5)
    (tmp_path / "copies").mkdir()
    (tmp_path / "copies" / "blues.00000.au").touch()
    with pytest.raises(UsageError, match=r"two tracks are named blues\.00000"):
        read(tmp_path)


def test_a_users_duplicates_are_added_to_gtzans():
    tracks = (Track("a/blues.00000", Path("a"), "blues"), Track("b/rock.00016", Path("b"), "rock"))
    duplicates = gtzan.listed(Dataset(tracks, (("a/blues.00000", "mine"),))).duplicates
    assert duplicates == (("blues.00000", "mine"), *gtzan._duplicates())


def test_the_shipped_lists_are_the_published_ones():
    assert [len(gtzan._lines(f"fault_filtered_{side}.txt")) for side in SIDES] == [443, 197, 290]
    assert set(gtzan._folds().values()) == set(range(5))
    folds = gtzan._folds()
    together = [pair for pair in gtzan._duplicates() if set(pair) <= set(folds)]
    assert together
    assert all(folds[a] == folds[b] for a, b in together)


FMA_TABLE = """,album,artist,set,set,track
,title,name,split,subset,genre_top
track_id,,,,,
2,"An, album",AWOL,training,small,Hip-Hop
5,b,AWOL,training,small,Hip-Hop
99134,b,X,training,small,Rock
141,"two
lines",Y,test,small,Rock
200,c,Z,validation,medium,Rock
201,c,Z,training,small,
"""


@pytest.mark.parametrize("audio", ["fma_small", "fma_medium"])
@pytest.mark.parametrize("named", [True, False], ids=["the audio folder", "its parent"])
def test_fma(tmp_path, audio, named):
    (tmp_path / "fma_metadata").mkdir()
    (tmp_path / "fma_metadata" / "tracks.csv").write_text(FMA_TABLE)
    (tmp_path / audio).mkdir()
    found = read(tmp_path / audio if named else tmp_path)
    expected = [
        ("000002", "Hip-Hop", "AWOL", "train"), ("000005", "Hip-Hop", "AWOL", "train"), ("000141", "Rock", "Y", "test"),
    ] + [("000200", "Rock", "Z", "validation")] * (audio == "fma_medium")  # fmt: skip
    assert [(t.name, t.genre, t.artist, t.split) for t in found.tracks] == expected
    assert found.tracks[0].path == tmp_path / audio / "000" / "000002.mp3"
    assert found.left_out == ("1 known broken files", "1 tracks without a top genre")


def test_fma_that_is_not_whole(tmp_path):
    (tmp_path / "fma_small").mkdir()
    with pytest.raises(UsageError, match=r"unpack fma_metadata\.zip beside fma_small"):
        read(tmp_path)
    (tmp_path / "fma_medium").mkdir()
    with pytest.raises(UsageError, match="fma_small and fma_medium; name one"):
        read(tmp_path)
    for table, said in [
        ("track,set,artist\n\n\n", "does not have"),
        ("track,set,artist", "does not have"),
        (FMA_TABLE + "é", "cannot"),
    ]:
        (tmp_path / "tracks.csv").write_text(table, encoding="latin-1")
        with pytest.raises(UsageError, match=f"{said} (FMA's columns|be read)"):
            read(tmp_path / "fma_small")
    (tmp_path / "tracks.csv").write_text(FMA_TABLE + "202,c,Z,training,sm")
    assert read(tmp_path / "fma_small").left_out[-1] == "1 rows that are cut"


@pytest.mark.skipif(not (SHARED / "data" / "gtzan").is_dir(), reason="GTZAN's tracks are not here")
def test_gtzan_itself():
    tracks = gtzan_tracks(SHARED / "data" / "gtzan")
    assert len(tracks) == 673
    assert sum(one.split == "test" for one in tracks) == 179
    split = divide(read(SHARED / "data" / "gtzan"), DataConfig(SHARED / "data" / "gtzan", split="fault-filtered"))
    assert [len(getattr(split, side)) for side in SIDES] == [321, 123, 179]


def test_the_command_says_what_is_there(folder):
    def run(*arguments):
        command = [sys.executable, "-m", "train.data", str(folder), "--cache", str(folder / ".c"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT)

    done = run("--split", "track", "--n-folds", "4")
    assert done.returncode == 0, done.stderr
    assert "12 tracks, 3 genres" in done.stdout
    assert [line.split()[:2] for line in done.stdout.splitlines() if line.strip().startswith("rock")] == [["rock", "4"]]
    assert "problems: 1" in done.stdout
    assert "broken.mp3: is not audio" in done.stdout
    refused = run("--max-unreadable", "0")
    assert refused.returncode == 2
    assert refused.stderr.strip().count("\n") == 0
    assert "1 of 13 tracks are unreadable" in refused.stderr


def test_seconds_are_those_decoded(folder):
    split, _ = load(DataConfig(folder, split="track", n_folds=4, cache=folder / ".cache"), 8_000)
    assert np.isclose(sum(one.seconds or 0 for one in [*split.train, *split.validation, *split.test]), 3 * 22, atol=1)
