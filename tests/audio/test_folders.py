"""Folders: what counts as music, and unreadable, linked and empty as three different things."""

import os
import subprocess
import sys

import pytest

from genrestream.audio.listing.folders import expand, search
from genrestream.audio.listing.suffixes import music_suffixes
from genrestream.errors import AudioError
from tests.conftest import METAL, as_another_user


def fill(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def names(found, folder):
    return [os.path.relpath(file, folder) for file in found.files]


MUSIC = (
    "wav wave bwf rf64 w64 aif aiff aifc au snd caf flac mp1 mp2 mp3 m4a m4b m4r mp4 3gp ogg oga opus spx aac ac3 eac3"
    " dts dsf dff ape wv tta tak mpc wma asf amr avi mkv mka webm weba mov ts m2ts vob flv ra rm voc shn oma mlp thd"
)
NO_MUSIC = "txt jpg jpeg png gif webp svg pdf cue log nfo m3u m3u8 pls xspf srt ass vtt sub idx lrc json py zip db ini"


@pytest.mark.parametrize("suffix", MUSIC.split())
def test_suffixes_of_music(suffix):
    assert f".{suffix}" in music_suffixes()


@pytest.mark.parametrize("suffix", NO_MUSIC.split())
def test_suffixes_of_other_things(suffix):
    assert f".{suffix}" not in music_suffixes()


def test_what_is_left_out_is_counted(tmp_path):
    fill(tmp_path, "a.mp3", "b.JPG", "deep/c.jpg", "d.txt", "README", "e.wav/f.flac")
    found = search(str(tmp_path))
    assert names(found, tmp_path) == ["a.mp3", "e.wav/f.flac"]
    assert found.summary == "4 files left out: 2 .jpg, 1 .txt, 1 without a known suffix"
    assert not found.problems


HIDDEN = ["._song.wav", ".song.wav", ".Trash-1000/files/a.mp3", "__MACOSX/._a.wav", "__MACOSX/a.wav"]
HIDDEN += [".ipynb_checkpoints/a.wav", "@eaDir/a.mp3", "lost+found/a.ogg", "deep/.git/a.wav", "$RECYCLE.BIN/a.wav"]


@pytest.mark.parametrize("name", HIDDEN)
def test_files_of_system_programs_are_no_music(tmp_path, name):
    fill(tmp_path, "song.wav", name)
    assert names(search(str(tmp_path)), tmp_path) == ["song.wav"]


def test_a_hidden_folder_that_is_named_is_read(tmp_path):
    fill(tmp_path, ".music/song.wav")
    assert len(expand(str(tmp_path / ".music"))) == 1


def test_linked_folders_are_followed_once_and_loops_end(tmp_path):
    music = tmp_path / "music"
    fill(music, "own.wav")
    fill(tmp_path, "elsewhere/album/song.wav")
    (music / "album").symlink_to(tmp_path / "elsewhere" / "album")
    (music / "again").symlink_to(tmp_path / "elsewhere" / "album")
    (music / "loop").symlink_to(music)
    (tmp_path / "elsewhere" / "album" / "up").symlink_to(music)
    (music / "single.wav").symlink_to(tmp_path / "elsewhere" / "album" / "song.wav")
    found = search(str(music))
    assert sorted(os.path.basename(file) for file in found.files) == ["own.wav", "single.wav", "song.wav"]
    assert not found.problems


def test_a_link_to_nothing_is_said(tmp_path):
    fill(tmp_path, "song.wav")
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    found = search(str(tmp_path))
    assert names(found, tmp_path) == ["song.wav"]
    assert found.problems == [f"{tmp_path}/gone.wav: is a link to nothing"]


def test_a_fifo_in_a_folder_is_left_out(tmp_path):
    fill(tmp_path, "song.wav")
    os.mkfifo(tmp_path / "radio.wav")
    found = search(str(tmp_path))
    assert names(found, tmp_path) == ["song.wav"]
    assert "pipe or device" in found.summary


def test_an_empty_folder_and_one_without_music(tmp_path):
    with pytest.raises(AudioError, match="no audio file in this folder; name one"):
        expand(str(tmp_path))
    fill(tmp_path, "a.txt")
    with pytest.raises(AudioError, match=r"no audio file in this folder \(1 file left out: 1 .txt\)"):
        expand(str(tmp_path))


SCRIPT = """
import sys
from genrestream.audio.listing.folders import search
from genrestream.errors import AudioError
try:
    found = search(sys.argv[1])
    print(found.files, found.problems)
except AudioError as error:
    print(error)
"""


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
@pytest.mark.parametrize(
    ("mode", "name", "said"),
    [
        (0o644, "music", "may be listed but not entered"),
        (0o311, "music", "cannot be read (permission denied)"),
        (0o000, "music", "cannot be read (permission denied)"),
        (0o000, "music/inner", "cannot be read (permission denied)"),
        (0o644, "music/inner", "may be listed but not entered"),
    ],
)
def test_a_folder_that_may_not_be_read(tmp_path, mode, name, said):
    music = tmp_path / "music"
    fill(music, "song.wav", "inner/other.wav")
    prefix = as_another_user(tmp_path)
    os.chmod(tmp_path / name, mode)
    try:
        done = subprocess.run(
            [*prefix, sys.executable, "-c", SCRIPT, music], capture_output=True, text=True, cwd="/", timeout=60
        )
    finally:
        os.chmod(tmp_path / name, 0o755)
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
    assert ("song.wav" in done.stdout) == (name == "music/inner")


def test_local_playlists_list_their_files_on_request(tmp_path):
    fill(tmp_path, "a b.wav", "deep/c.flac")
    (tmp_path / "list.m3u").write_text("#EXTM3U\n#EXTINF:1,x\na b.wav\ndeep/c.flac\nhttp://example.org/radio\n")
    (tmp_path / "list.pls").write_text(f"[playlist]\nFile1={tmp_path}/a b.wav\nFile2=deep/c.flac\n")
    (tmp_path / "list.xspf").write_text(
        '<playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList><track><location>a%20b.wav</location></track>'
        f"<track><location>{(tmp_path / 'deep' / 'c.flac').as_uri()}</location></track></trackList></playlist>"
    )
    for suffix in ("m3u", "pls", "xspf"):
        found = search(str(tmp_path / f"list.{suffix}"), is_playlist=True).files
        assert found[:2] == [str(tmp_path / "a b.wav"), str(tmp_path / "deep" / "c.flac")]
        assert found[2:] == ["http://example.org/radio"] * (suffix == "m3u")
        assert search(str(tmp_path / f"list.{suffix}")).files == [str(tmp_path / f"list.{suffix}")]


def test_a_playlist_that_lists_a_fifo_or_nothing(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "list.m3u").write_text("fifo\n")
    with pytest.raises(AudioError, match="fifo, which is no file"):
        search(str(tmp_path / "list.m3u"), is_playlist=True)
    (tmp_path / "empty.m3u").write_text("#EXTM3U\n")
    with pytest.raises(AudioError, match="is no playlist, or an empty one"):
        search(str(tmp_path / "empty.m3u"), is_playlist=True)


def test_an_example_is_music():
    assert expand(str(METAL)) == [str(METAL)]
