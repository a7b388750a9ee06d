"""A lock that another holds, and a file system without locks."""

import errno
import sys

import pytest

from genrestream.errors import UsageError
from genrestream.library.table.lock import locked
from genrestream.lock import lock


def test_a_file_is_locked_until_it_is_closed(tmp_path):
    path = tmp_path / "lock"
    with open(path, "wb") as first, open(path, "r+b") as second:
        assert lock(first.fileno())
        assert not lock(second.fileno())
    with open(path, "r+b") as third:
        assert lock(third.fileno())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock")
@pytest.mark.parametrize(
    ("number", "is_held"), [(errno.ENOLCK, False), (errno.EOPNOTSUPP, False), (errno.EAGAIN, True)]
)
def test_a_share_without_locks_is_no_other_scan(tmp_path, monkeypatch, number, is_held):
    def refuse(*_):
        raise OSError(number, "of the system")

    monkeypatch.setattr("fcntl.flock", refuse)
    if is_held:
        with pytest.raises(UsageError, match="another scan is writing this table"), locked(str(tmp_path / "x.sqlite")):
            pass
    else:
        with locked(str(tmp_path / "x.sqlite")):
            pass
