"""MQTT: the state of each input, retained, with Home Assistant's discovery and availability."""

import contextlib
import json
import re
import urllib.parse
from typing import Any

from genrestream.errors import OutputError, UsageError
from genrestream.streaming.status import STATES
from genrestream.ways_out.now import Now
from genrestream.ways_out.target import Target

TOPIC, DISCOVERY = "genrestream", "homeassistant"
CONFIRMED_S = 5.0  # in which the broker must confirm a message
KEEPALIVE_S = 20


class Mqtt:
    """A broker. Publishes ``TOPIC/INPUT/state`` (JSON) and ``TOPIC/availability``, both retained.

    Args:
        target: ``mqtt://[USER:PASSWORD@]HOST[:PORT][/TOPIC][?discovery=PREFIX]``; an empty prefix for no discovery.

    Raises:
        UsageError: The topic is none, or paho-mqtt is missing.
    """

    limit, tries = 10, 1_000_000

    def __init__(self, target: Target):
        self.name = target.shown
        path, _, query = target.path.partition("?")
        self._topic = urllib.parse.unquote(path.strip("/")) or TOPIC
        self._discovery = urllib.parse.parse_qs(query, keep_blank_values=True).get("discovery", [DISCOVERY])[0]
        if re.search(r"[#+\x00]", self._topic + self._discovery):
            raise UsageError(f"--to {self.name}: a topic cannot hold #, + or a zero byte; name another")
        self._problem = f"no connection to {target.host}:{target.port}"
        self._announced = set[str]()
        self._client = self._begun(target)

    def send(self, message: Now) -> None:
        """Publish a state, and before the first one of an input its discovery.

        Raises:
            OutputError: The broker is not connected, or does not confirm it in time.
        """
        if not self._client.is_connected():
            raise OutputError(self._problem)
        if message.input not in self._announced:
            for topic, config in self._discoveries(message):
                self._publish(topic, json.dumps(config))
            self._announced.add(message.input)
        self._publish(f"{self._topic}/{level(message.input)}/state", json.dumps(message.to_dict()))

    def close(self) -> None:
        """Say that nobody listens any more, and disconnect."""
        with contextlib.suppress(OutputError):
            if self._client.is_connected():
                self._publish(f"{self._topic}/availability", "offline")
        self._client.disconnect()
        self._client.loop_stop()

    def _begun(self, target: Target) -> Any:
        try:
            from paho.mqtt.client import Client
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError as error:
            raise UsageError(f"--to {self.name}: needs paho-mqtt; pip install 'genrestream[serve]'") from error
        client = Client(CallbackAPIVersion.VERSION2)
        client.on_connect, client.on_connect_fail = self._connected, self._unconnected
        client.on_disconnect = self._disconnected
        client.will_set(f"{self._topic}/availability", "offline", qos=1, retain=True)
        if target.user is not None:
            client.username_pw_set(target.user, target.password)
        if target.kind == "mqtts":
            client.tls_set()
        client.reconnect_delay_set(1, 30)
        client.max_queued_messages_set(self.limit)  # paho keeps what a broker that hangs does not confirm
        client.connect_async(target.host, target.port, KEEPALIVE_S)
        client.loop_start()
        return client

    def _connected(self, client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._problem = f"the broker refuses the connection ({reason})"
            return
        self._problem = "the connection was lost"
        self._announced.clear()  # a broker that was started again may have forgotten them
        client.publish(f"{self._topic}/availability", "online", qos=1, retain=True)

    def _unconnected(self, _client: Any, _data: Any) -> None:
        """Nothing to do: the reason stands already, and the client tries again."""

    def _disconnected(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if "refuses" not in self._problem:
            self._problem = f"the connection was lost ({reason})"

    def _publish(self, topic: str, payload: str) -> None:
        info = self._client.publish(topic, payload, qos=1, retain=True)
        try:
            info.wait_for_publish(CONFIRMED_S)
        except ValueError as error:
            raise OutputError(f"{self.limit} messages wait for the broker to confirm them") from error
        except RuntimeError as error:
            raise OutputError(f"cannot be published ({error})") from error
        if not info.is_published():
            raise OutputError(f"the broker does not confirm messages within {CONFIRMED_S:g} s")

    def _discoveries(self, message: Now) -> list[tuple[str, dict[str, Any]]]:
        """Return Home Assistant's topics and configs for an input."""
        node = re.sub(r"[^A-Za-z0-9_-]", "_", f"{self._topic}_{message.input}")
        state = f"{self._topic}/{level(message.input)}/state"
        device = {
            "identifiers": [node], "name": f"genrestream {message.input}", "model": message.model,
            "manufacturer": "genrestream",
        }  # fmt: skip
        common = {"state_topic": state, "availability_topic": f"{self._topic}/availability", "device": device}
        return [
            (
                f"{self._discovery}/sensor/{node}/{name}/config",
                common | own | {"unique_id": f"{node}_{name}", "default_entity_id": f"sensor.{node}_{name}".lower()},
            )
            for name, own in SENSORS.items()
            if self._discovery
        ]


SENSORS: dict[str, dict[str, Any]] = {
    "genre": {"name": "Genre", "icon": "mdi:music", "value_template": "{{ value_json.genre }}"},
    "state": {
        "name": "State", "icon": "mdi:ear-view", "device_class": "enum", "options": list(STATES),
        "value_template": "{{ value_json.state }}",
    },
    "probability": {
        "name": "Probability", "icon": "mdi:percent", "unit_of_measurement": "%", "state_class": "measurement",
        "value_template": "{{ (100 * (value_json.probability or 0)) | round(0) }}",
    },
    "level": {
        "name": "Level", "icon": "mdi:volume-high", "unit_of_measurement": "dB", "state_class": "measurement",
        "value_template": "{{ value_json.level_db | round(0) }}",
    },
    "title": {
        "name": "Title", "icon": "mdi:radio", "enabled_by_default": False,
        "value_template": "{{ value_json.title[:250] }}",
    },
}  # fmt: skip


def level(name: str) -> str:
    """Return a name as one level of a topic or address."""
    return re.sub(r"[^\w.-]", "_", name)
