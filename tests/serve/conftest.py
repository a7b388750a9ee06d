import math

import pytest

from genrestream.live.config import ListenConfig
from genrestream.serve import turns
from genrestream.serve.config import ServeConfig
from genrestream.streaming.config import StreamConfig
from tests.conftest import EXAMPLES, METAL
from tests.serve.serving import serving


@pytest.fixture(scope="session")
def shared(default):
    """The default model, as the server loads it."""
    return turns.load(default.card.name)


@pytest.fixture(scope="module")
def served(shared, tmp_path_factory):
    """A server with two inputs, one of which is over soon."""
    inputs = {
        "bar": ListenConfig(source=str(METAL), loop=True),
        "hall": ListenConfig(source=str(EXAMPLES / "classical.ogg"), speed=math.inf, stream=StreamConfig(hop_s=3.0)),
    }
    with serving(shared, tmp_path_factory.mktemp("served"), inputs, ServeConfig(port=0, max_upload_mb=4)) as server:
        yield server
