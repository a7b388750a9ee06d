"""Which songs are learned from, and what belongs together."""

from typing import Any

import av
import numpy as np
import pytest

from genrestream.errors import UsageError
from genrestream.teaching.groups import Origin, artist_name, folds_of, grouped, origin_of, tags_of
from genrestream.teaching.songs import Song, check_genres, from_folders, from_table, once_each
from tests.conftest import encode, music


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_a_folder_of_genre_folders(tmp_path):
    touch(tmp_path, "rock/a.mp3", "rock/album/b.flac", "jazz/c.ogg", "jazz/cover.jpg", ".hidden/d.mp3", "loose.mp3")
    touch(tmp_path, "empty/notes.txt")
    songs = from_folders(tmp_path)
    assert [(song.name, song.labels) for song in songs.songs] == [
        ("jazz/c.ogg", ("jazz",)), ("rock/a.mp3", ("rock",)), ("rock/album/b.flac", ("rock",)),
    ]  # fmt: skip
    assert not songs.multi_label
    assert len(songs.left_out) == 2
    assert "empty: no audio file in this folder" in songs.left_out[0]
    assert "1 files beside the genre folders, such as loose.mp3" in songs.left_out[1]


@pytest.mark.parametrize("rows", ["a.mp3,rock; loud\nb.mp3,jazz\n", "a.mp3,rock\na.mp3,loud\nb.mp3,jazz\n"])
def test_a_table_gives_a_song_several_genres(tmp_path, rows):
    touch(tmp_path, "a.mp3", "b.mp3")
    (tmp_path / "t.csv").write_text(f"file,genre\n{rows}")
    songs = from_table(tmp_path, tmp_path / "t.csv")
    assert [song.labels for song in songs.songs] == [("rock", "loud"), ("jazz",)]
    assert songs.multi_label


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("nothing.mp3,rock", "line 2: nothing.mp3 is no file in"),
        ("../t.csv,rock", r"line 2: \.\./t.csv is no file in"),
        (",rock", "line 2 has no file; fill or remove it"),
        ("a.mp3, ; ", "line 2 has no genre; fill or remove it"),
    ],
)
def test_a_table_that_names_what_is_not_there(tmp_path, row, words):
    touch(tmp_path / "music", "a.mp3")
    (tmp_path / "t.csv").write_text(f"file,genre\n{row}\n")
    with pytest.raises(UsageError, match=words):
        from_table(tmp_path / "music", tmp_path / "t.csv")


def songs(*names):
    return [Song(name, None, (name.split("/")[0],)) for name in names]  # type: ignore[arg-type]


def test_a_file_is_used_once_and_not_at_all_where_it_contradicts_itself():
    found = songs("a/1.mp3", "a/2.mp3", "a/3.mp3", "b/1.mp3")
    used, lines = once_each(found, ["x", "y", "y", "x"], False)
    assert used == [1]
    assert lines[0].startswith("a/1.mp3: the same file is in a and b, so neither is used; to give a song several")
    assert lines[1] == "a/3.mp3: the same file as a/2.mp3"


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({}, "holds no music to learn from"),
        ({"rock": 9}, r"holds one genre only \(rock\)"),
        ({"rock": 9, "jazz": 1}, "jazz has 1 song to learn from, each genre needs at least 4, better 15"),
        ({"rock": 9, "speech": 9}, r"the genre speech has the name .* rename it \(or use --any-sound\)"),
        ({"rock": 9, "other music": 9}, "has the name of what genrestream says itself; rename it$"),
        ({"rock": 9, "a\x1bb": 9}, "must be printable"),
    ],
)
def test_genres_that_cannot_be_taught(tmp_path, counts, words):
    with pytest.raises(UsageError, match=words):
        check_genres([(genre,) for genre, n in counts.items() for _ in range(n)], tmp_path, False)


def test_speech_is_a_genre_where_all_sound_is_music(tmp_path):
    assert check_genres([("speech",), ("song",)] * 4, tmp_path, True) == ("song", "speech")


@pytest.mark.parametrize("suffix", ["ogg", "mp3", "m4a", "flac"])
def test_artist_and_album_are_read_from_tags(tmp_path, suffix):
    plain = encode(tmp_path / "plain.wav", music(1), 16_000, "pcm_s16le")
    path = tmp_path / f"song.{suffix}"
    codec = {"ogg": "libopus", "mp3": "libmp3lame", "m4a": "aac", "flac": "flac"}[suffix]
    with av.open(str(plain)) as source, av.open(str(path), "w") as out:
        out.metadata.update({"artist": "The Beatles", "album": "Help!"})
        stream: Any = out.add_stream(codec, rate=48_000)
        for frame in source.decode(audio=0):
            frame.pts = None
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    assert tags_of(path) == {"artist": "The Beatles", "album": "Help!"}
    assert origin_of(path, "rock/song.mp3") == Origin("beatles", "help!", "rock/song")
    assert tags_of(tmp_path / "missing.mp3") == {}


def test_a_folder_below_the_genres_stands_for_an_album(tmp_path):
    encode(tmp_path / "a.wav", music(1), 16_000, "pcm_s16le")
    assert origin_of(tmp_path / "a.wav", "rock/Some Album/a.wav") == Origin(
        "", "folder rock/Some Album", "rock/Some Album/a"
    )
    assert origin_of(tmp_path / "a.wav", "rock/a.wav").album == ""


HAS = np.repeat(np.eye(2, dtype=bool), 6, axis=0)


def origins(artists, albums=None, stems=None):
    n = len(artists)
    return [Origin(*its) for its in zip(artists, albums or [""] * n, stems or map(str, range(n)), strict=True)]


def test_songs_of_an_artist_are_one_group_else_those_of_an_album():
    groups, words = grouped(origins(["a", "a", "b", "", "", ""] * 2, ["", "", "", "x", "x", "y"] * 2), HAS)
    assert words == "artist or album"
    assert groups[0] == groups[1] != groups[2]
    assert groups[3] == groups[4] != groups[5]


def test_with_one_artist_a_genre_albums_are_held_out_and_else_songs():
    artists = ["a"] * 6 + ["b"] * 6
    groups, words = grouped(origins(artists, ["x", "x", "x", "y", "y", "y"] * 2), HAS)
    assert words == "album"
    assert len(set(groups)) == 4
    groups, words = grouped(origins(artists, stems=["s"] * 2 + list(map(str, range(10)))), HAS)
    assert words == ""
    assert groups[0] == groups[1]  # one song as MP3 and FLAC
    assert len(set(groups)) == 11


@pytest.mark.parametrize("seed", range(5))
def test_folds_keep_groups_whole_and_spread_genres(seed):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 30, 90)
    has = np.eye(3, dtype=bool)[groups % 3]
    folds = folds_of(groups, has, 5)
    assert set(folds) == set(range(5))
    for group in np.unique(groups):
        assert len(set(folds[groups == group])) == 1
    for genre in range(3):
        counts = np.bincount(folds[has[:, genre]], minlength=5)
        assert counts.min() > 0
        assert counts.max() - counts.min() <= np.bincount(groups).max()


@pytest.mark.parametrize(("name", "same"), [("The Beatles", "beatles"), ("AC/DC", "ac dc"), ("Beyoncé", "BEYONCÉ")])
def test_artists_are_compared_without_case_and_punctuation(name, same):
    assert artist_name(name) == artist_name(same)
