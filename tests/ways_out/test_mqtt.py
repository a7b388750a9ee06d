"""MQTT with Debian's mosquitto, which each test starts for itself."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from genrestream.errors import OutputError, UsageError
from genrestream.ways_out.mqtt import Mqtt
from genrestream.ways_out.sender import Sender
from genrestream.ways_out.target import parsed
from tests.conftest import METAL

TOOLS = ("mosquitto", "mosquitto_sub")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Broker:
    def __init__(self, folder, port):
        self.port, self._folder = port, folder
        self.allow("true")
        self.start()

    def allow(self, anyone):
        """Set whether the next start lets anyone in."""
        (self._folder / "conf").write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous {anyone}\n")

    def start(self):
        self._process = subprocess.Popen(["mosquitto", "-c", self._folder / "conf"], stderr=subprocess.DEVNULL)
        ends_s = time.monotonic() + 30
        while time.monotonic() < ends_s:
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise TimeoutError("mosquitto does not start")

    def signal(self, number):
        self._process.send_signal(number)

    def stop(self):
        self._process.kill()
        self._process.wait()

    def read(self, *topics, count=1):
        """Return the first messages of topics by topic."""
        options = [option for topic in topics for option in ("-t", topic)]
        command = ["mosquitto_sub", "-p", str(self.port), "-v", "-C", str(count), "-W", "60", *options]
        text = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True).stdout
        return dict(line.split(" ", 1) for line in text.splitlines())


@pytest.fixture
def broker(tmp_path):
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"{', '.join(missing)} must be installed in CI: apt install mosquitto mosquitto-clients")
    if missing:
        pytest.skip(f"no {', '.join(missing)}: apt install mosquitto mosquitto-clients")
    broker = Broker(tmp_path, free_port())
    yield broker
    broker.stop()


def test_home_assistant_finds_it_and_the_state_stays(broker, now, later):
    sender = Sender(Mqtt(parsed(f"mqtt://127.0.0.1:{broker.port}/radio")))
    sender.put(now)
    configs = broker.read("homeassistant/#", count=5)
    genre = json.loads(configs["homeassistant/sensor/radio_main/genre/config"])
    assert genre["state_topic"] == "radio/main/state"
    assert genre["availability_topic"] == "radio/availability"
    assert genre["unique_id"] == "radio_main_genre"
    assert genre["device"]["identifiers"] == ["radio_main"]
    assert {"genre", "state", "probability", "level", "title"} == {topic.split("/")[3] for topic in configs}
    state = json.loads(broker.read("radio/main/state")["radio/main/state"])  # retained: it came before
    assert (state["genre"], state["state"], state["probability"]) == ("metal", "music", 0.97)
    assert broker.read("radio/availability") == {"radio/availability": "online"}
    sender.put(later)
    sender.close()
    assert json.loads(broker.read("radio/main/state")["radio/main/state"])["genre"] == "rock"
    assert broker.read("radio/availability") == {"radio/availability": "offline"}
    assert sender.n_dropped == 0


def test_a_broker_that_was_away_gets_all_again(broker, now, later):
    broker.stop()
    lines = []
    sender = Sender(Mqtt(parsed(f"mqtt://127.0.0.1:{broker.port}/?discovery=ha")), lines.append)
    sender.put(now)
    while not lines:
        time.sleep(0.02)
    assert f"no connection to 127.0.0.1:{broker.port}" in lines[0]
    broker.start()
    assert "ha/sensor/genrestream_main/genre/config" in broker.read("ha/#", count=5)
    assert json.loads(broker.read("genrestream/main/state")["genrestream/main/state"])["genre"] == "metal"
    sender.close()
    assert sender.n_sent == 1


def test_after_a_refusal_and_a_connection_the_reason_is_the_last_one(broker, now):
    broker.stop()
    broker.allow("false")
    broker.start()
    lines = []
    sender = Sender(Mqtt(parsed(f"mqtt://127.0.0.1:{broker.port}")), lines.append)

    def until(words):
        while words not in (lines or [""])[-1]:
            sender.put(now)
            time.sleep(0.1)

    until("refuses the connection")
    broker.stop()
    broker.allow("true")
    broker.start()
    until("works again")
    broker.stop()
    until("the connection was lost")
    sender.close()


def test_a_broker_that_hangs_gets_no_more_than_may_wait(broker, now, monkeypatch):
    monkeypatch.setattr("genrestream.ways_out.mqtt.CONFIRMED_S", 0.02)
    mqtt, errors = Mqtt(parsed(f"mqtt://127.0.0.1:{broker.port}")), []

    def is_sent():
        try:
            mqtt.send(now)
        except OutputError as error:
            errors.append(str(error))
            return False
        return True

    while not is_sent():
        time.sleep(0.1)
    broker.signal(signal.SIGSTOP)
    assert not any(is_sent() for _ in range(3 * Mqtt.limit))
    assert errors[-1] == f"{Mqtt.limit} messages wait for the broker to confirm them"
    broker.signal(signal.SIGCONT)
    while not is_sent():
        time.sleep(0.1)
    mqtt.close()


def test_listen_that_is_killed_is_offline(broker, default):
    command = [sys.executable, "-m", "genrestream", "listen", "--source", str(METAL), "--loop", "--plain"]
    to = ["--to", f"mqtt://127.0.0.1:{broker.port}"]
    process = subprocess.Popen([*command, *to], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        watch = ["mosquitto_sub", "-p", str(broker.port), "-t", "genrestream/main/state", "-W", "60"]
        with subprocess.Popen(watch, stdout=subprocess.PIPE, text=True) as watching:
            assert watching.stdout
            assert next(one for line in watching.stdout if (one := json.loads(line))["genres"])["genre"] == "metal"
            watching.kill()
        process.send_signal(signal.SIGKILL)
        process.wait()
        last = ["mosquitto_sub", "-p", str(broker.port), "-t", "genrestream/availability", "-W", "60"]
        with subprocess.Popen(last, stdout=subprocess.PIPE, text=True) as watching:
            assert watching.stdout
            assert any(line == "offline\n" for line in watching.stdout)  # the broker itself says so
            watching.kill()
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("path", ["/a/%23", "/a/+/b", "/a?discovery=%23"])
def test_topics_that_are_none(path):
    with pytest.raises(UsageError, match="a topic cannot hold"):
        Mqtt(parsed(f"mqtt://localhost{path}"))
