"""What may stand after --to."""

import pytest

from genrestream.errors import OptionError, UsageError
from genrestream.ways_out.config import WaysOutConfig
from genrestream.ways_out.target import parsed


def test_an_address_is_taken_apart():
    target = parsed("mqtt://me:s%40cret@broker:1884/home/music?discovery=ha")
    assert (target.kind, target.host, target.port) == ("mqtt", "broker", 1884)
    assert (target.user, target.password, target.path) == ("me", "s@cret", "/home/music?discovery=ha")
    assert "s%40cret" not in target.shown
    assert parsed("https://[::1]/hook").port == 443
    assert parsed("exec:say 'it is' now").command == ("say", "it is", "now")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "must be mqtt://"),
        ("broker", "must be mqtt://"),
        ("ftp://x/", "must be mqtt://"),
        ("mqtt://", "names no host"),
        ("osc://stage", "needs the port"),
        ("osc://stage:0", "needs the port"),
        ("http://host:99999/", "its port must be a number"),
        ("http://host:x/", "its port must be a number"),
        ("http://[::1/hook", "is no address"),
        ("http://host/a b", "blanks or control characters"),
        ("http://host/a#b", "has a #"),
        ("http://host/a\nb", "blanks or control characters"),
        ("exec:", "names no command"),
        ("exec:   ", "names no command"),
        ("exec:say 'it", "no closing quotation"),
    ],
)
def test_addresses_that_will_not_do(address, words):
    with pytest.raises(UsageError, match=words) as error:
        WaysOutConfig(to=(address,))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("address", ["osc://me:secret@stage", "mqt://me:secret@stage", "http://me:secret@[::1/"])
def test_a_password_is_in_no_error(address):
    with pytest.raises(UsageError, match=r"//(stage|\[)") as error:
        parsed(address)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("every_s", [0, -1, float("nan"), 1e9])
def test_how_often(every_s):
    with pytest.raises(OptionError, match=r"must be from 0\.1"):
        WaysOutConfig(every_s=every_s)
