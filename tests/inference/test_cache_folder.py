"""The cache folder stays small, also after writers that were killed."""

import os
import time

from genrestream.inference import cache_folder
from genrestream.inference.cache_folder import read_private, write_private


def test_what_a_killed_writer_left_is_deleted_and_a_writer_at_work_is_not(tmp_path):
    left, at_work = tmp_path / "tmpabc.part", tmp_path / "tmpdef.part"
    for part in (left, at_work):
        part.write_bytes(b"half")
    an_hour_ago = time.time() - 3601
    os.utime(left, (an_hour_ago, an_hour_ago))
    write_private(tmp_path / "one.program", b"code", 8)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.program", "tmpdef.part"]


def test_the_newest_files_stay_up_to_a_number_and_a_size(tmp_path, monkeypatch):
    def written(most: int) -> list[str]:
        for number in range(4):
            write_private(tmp_path / f"{number}.program", bytes(1000), most)
            os.utime(tmp_path / f"{number}.program", (number, number))
        write_private(tmp_path / "new.program", b"code", most)
        assert read_private(tmp_path / "new.program") == b"code"
        return sorted(path.name for path in tmp_path.iterdir())

    assert written(3) == ["2.program", "3.program", "new.program"]
    monkeypatch.setattr(cache_folder, "MAX_BYTES", 1500)
    assert written(3) == ["3.program", "new.program"]
    monkeypatch.setattr(cache_folder, "MAX_BYTES", 1)
    assert written(3) == ["new.program"]
