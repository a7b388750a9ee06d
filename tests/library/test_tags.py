"""Tags: written only where wanted, in each kind of file, and taken back to the last byte."""

import hashlib
import os
import random
import shutil
import sqlite3
import tracemalloc

import pytest

from genrestream.errors import AudioError
from genrestream.library.tags.spelling import spelled
from tests.conftest import METAL, command, encode, music

mutagen = pytest.importorskip("mutagen", reason="mutagen, of the extra tags, is missing")

from genrestream.library.tags import formats  # noqa: E402
from genrestream.library.tags.delta import restored, taken_away  # noqa: E402
from genrestream.library.tags.write import replace, with_genres  # noqa: E402
from genrestream.library.work.identity import identify  # noqa: E402

KINDS = {
    ".mp3": "libmp3lame", ".flac": "flac", ".opus": "libopus", ".m4a": "aac", ".wav": "pcm_s16le",
    ".aiff": "pcm_s16be", ".wv": "wavpack",
}  # fmt: skip


def digests(folder) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("suffix", KINDS)
def test_each_kind_of_file_takes_several_genres_and_gives_them_back(tmp_path, suffix):
    song = encode(tmp_path / f"song{suffix}", music(2, 48_000), 48_000, KINDS[suffix])
    for genres in (["Rock", "Punk"], ["Jazz"]):
        change = with_genres(str(song), genres)
        assert song.read_bytes() == change.before
        assert restored(change.after, change.undo) == change.before
        assert len(change.undo) < 3000
        audio = identify(str(song))[0]
        song.write_bytes(change.after)
        assert formats.opened(str(song)).genres == genres
        assert identify(str(song))[0] == audio
    assert [path.name for path in tmp_path.iterdir()] == [song.name]


def test_tags_that_are_there_stay(tmp_path):
    from mutagen.id3 import APIC, ID3, TIT2, Encoding, PictureType

    song = encode(tmp_path / "song.mp3", music(2, 48_000), 48_000, "libmp3lame")
    tags = ID3(song)
    tags.add(TIT2(encoding=Encoding.UTF8, text="Title"))
    tags.add(APIC(encoding=Encoding.UTF8, mime="image/png", type=PictureType.COVER_FRONT, desc="", data=b"p" * 5000))
    tags.save(song, v2_version=3, v1=2)
    change = with_genres(str(song), ["Rock"])
    song.write_bytes(change.after)
    tags = ID3(song)
    assert (str(tags["TIT2"]), len(tags.getall("APIC")[0].data), str(tags["TCON"])) == ("Title", 5000, "Rock")
    assert tags.version == (2, 4, 0)
    assert restored(change.after, change.undo) == change.before


@pytest.mark.parametrize(
    ("old", "new"), [(b"", b""), (b"abc", b""), (b"", b"abc"), (b"abc", b"abc"), (b"12345" * 99, b"1234x5" * 99)]
)
def test_a_delta_gives_the_old_bytes_back(old, new):
    assert restored(new, taken_away(old, new)) == old


@pytest.mark.parametrize("grown", [100, -100, 0])
def test_a_delta_of_a_large_file_takes_little_memory(grown):
    audio, old_tag = random.Random(0).randbytes(20 << 20), b"t" * 200
    old, new = old_tag + audio, b"n" * (200 + grown) + audio
    tracemalloc.start()
    undo = taken_away(old, new)
    assert restored(new, undo) == old
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(undo) < 1000
    assert peak < 3 * len(old)


def test_a_delta_of_two_files_with_nothing_in_common_takes_little_memory():
    old, new = random.Random(0).randbytes(10 << 20), random.Random(1).randbytes(10 << 20)
    tracemalloc.start()
    assert restored(new, taken_away(old, new)) == old
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * len(old)


def test_a_delta_of_changes_on_each_page_is_small():
    pages = [bytearray(random.Random(n).randbytes(4000)) for n in range(1000)]
    old = b"header" + b"".join(pages)
    for page in pages:
        page[18:26] = b"\0" * 8
    new = b"longer header" + b"".join(pages)
    undo = taken_away(old, new)
    assert restored(new, undo) == old
    assert len(undo) < 16_000


def test_a_damaged_log_is_no_answer():
    with pytest.raises(ValueError, match="damaged"):
        restored(b"new", b"rubbish")


def test_only_where_empty_and_only_what_is_sure(messy, scanned, tmp_path):
    before = digests(messy)
    dry = command("tag", scanned, "--dry-run")
    song = messy / "a" / "metal.ogg"
    assert dry.returncode == 0, dry.stderr
    assert f"{song}\n  - (none)\n  + Metal\n" in dry.stdout
    assert digests(messy) == before
    assert command("tag", scanned, "--min-probability", "1").stdout.strip().endswith("without a genre of 1 or more")
    assert digests(messy) == before
    done = command("tag", scanned)
    assert done.stdout.strip().endswith("2 tagged, 1 without a genre of 0.6 or more"), done.stdout
    assert formats.opened(str(song)).genres == ["Metal"]
    again = command("scan", messy, "--db", scanned)
    assert "4 unchanged" in again.stdout  # the tags were ours
    kept = command("tag", scanned)
    assert "2 with a genre already" in kept.stdout
    undone = command("tag", scanned, "--undo")
    assert undone.stdout.strip().endswith("2 taken back")
    assert digests(messy) == before
    assert "4 unchanged" in command("scan", messy, "--db", scanned).stdout
    assert command("tag", scanned, "--undo").stdout.strip() == "nothing to do"


def test_overwrite_and_a_file_that_was_changed_since(messy, scanned):
    song = messy / "a" / "metal.ogg"
    formats.opened(str(song)).write(["Polka"])
    command("tag", scanned)
    assert formats.opened(str(song)).genres == ["Polka"]
    assert "  - Polka\n  + Metal" in command("tag", scanned, "--overwrite").stdout
    formats.opened(str(song)).write(["Waltz"])
    undone = command("tag", scanned, "--undo")
    assert undone.returncode == 1
    assert undone.stderr.strip() == f"genrestream: {song}: was changed since it was tagged; left alone"
    assert formats.opened(str(song)).genres == ["Waltz"]


def test_read_only_and_damaged_files_are_left_alone_and_named(messy, scanned):
    song, other = messy / "a" / "metal.ogg", messy / "a" / "b" / "the same.ogg"
    song.chmod(0o444)
    other.write_bytes(METAL.read_bytes()[:200])
    before = digests(messy)
    done = command("tag", scanned)
    assert done.returncode == 1
    assert f"genrestream: {song}: is read-only; left alone" in done.stderr
    assert f"genrestream: {other}: its tag cannot be read" in done.stderr
    assert digests(messy) == before


def test_a_run_that_was_killed_before_it_wrote_the_file_is_taken_back(messy, scanned):
    song = messy / "a" / "metal.ogg"
    before = song.read_bytes()
    command("tag", scanned)
    song.write_bytes(before)  # as if the log was written and the file was not
    undone = command("tag", scanned, "--undo")
    assert (undone.returncode, song.read_bytes()) == (0, before)
    connection = sqlite3.connect(scanned)
    assert connection.execute("SELECT count(*) FROM tag_log").fetchone() == (0,)
    connection.close()


def test_a_file_keeps_its_rights_and_its_link(messy, scanned, tmp_path):
    song, real = messy / "a" / "metal.ogg", tmp_path / "real.ogg"
    shutil.copy(METAL, real)
    real.chmod(0o640)
    song.unlink()
    song.symlink_to(real)
    command("tag", scanned)
    assert song.is_symlink()
    assert formats.opened(str(real)).genres == ["Metal"]
    assert os.stat(real).st_mode & 0o777 == 0o640


def test_a_long_name_and_the_time_1970_are_no_hindrance(messy, scanned):
    song = messy / "a" / "metal.ogg"
    long = song.with_name(f"{'日' * 80}.ogg")
    song.rename(long)
    os.utime(long, ns=(0, 0))
    command("scan", messy, "--db", scanned)
    assert command("tag", scanned).returncode == 0
    assert formats.opened(str(long)).genres == ["Metal"]
    assert long.stat().st_mtime_ns > 0
    assert command("tag", scanned, "--undo").returncode == 0
    assert (long.read_bytes(), long.stat().st_mtime_ns) == (METAL.read_bytes(), 0)


def test_a_file_that_another_program_changes_meanwhile_is_left_alone(tmp_path):
    song = shutil.copy(METAL, tmp_path / "song.ogg")
    change = with_genres(str(song), ["Rock"])
    formats.opened(str(song)).write(["Waltz"])
    with pytest.raises(AudioError, match="another program changed it meanwhile; left alone"):
        replace(str(song), change.after, change.status)
    assert formats.opened(str(song)).genres == ["Waltz"]
    assert [path.name for path in tmp_path.iterdir()] == ["song.ogg"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "name one table, such as library.sqlite; 'genrestream scan' makes it"),
        (["none.sqlite"], "none.sqlite: no such table; 'genrestream scan FOLDER --db none.sqlite' makes it"),
        (["x.csv"], "x.csv: tags need a .sqlite table, which keeps the log of what was written;"),
    ],
)
def test_no_table_is_one_line(tmp_path, arguments, line):
    done = command("tag", *arguments, cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert line in done.stderr
    assert not list(tmp_path.iterdir())


def test_labels_are_spelled_as_people_do():
    assert spelled(["hiphop", "rock › punk", "rock"]) == ["Hip-Hop", "Rock", "Punk"]
