"""OSC: what is on now, for lights and stage, in one bundle a change."""

from genrestream.errors import OutputError, UsageError, first_line
from genrestream.ways_out.mqtt import level
from genrestream.ways_out.now import Now
from genrestream.ways_out.target import Target

ADDRESS = "/genrestream"


class Osc:
    """A receiver of OSC over UDP. It is never known whether a datagram arrives.

    Sends ``ADDRESS/INPUT/genre`` and ``state`` (text), ``probability`` (0 to 1), ``level`` (dB) and ``probs/LABEL``
    (0 to 1).

    Args:
        target: ``osc://HOST:PORT[/ADDRESS]``.

    Raises:
        UsageError: python-osc is missing, or the host is unknown.
    """

    limit, tries = 10, 1

    def __init__(self, target: Target):
        self.name = target.shown
        try:
            from pythonosc.udp_client import UDPClient
        except ImportError as error:
            raise UsageError(f"--to {self.name}: needs python-osc; pip install 'genrestream[serve]'") from error
        self._base = "/" + (target.path.strip("/") or ADDRESS.strip("/"))
        try:
            self._client = UDPClient(target.host, target.port)
        except OSError as error:
            raise UsageError(f"--to {self.name}: {target.host} is unknown ({first_line(error)})") from error

    def send(self, message: Now) -> None:
        """Send one bundle.

        Raises:
            OutputError: The system refuses it.
        """
        from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
        from pythonosc.osc_message_builder import OscMessageBuilder

        base = f"{self._base}/{level(message.input)}"
        values: dict[str, str | float] = {
            "genre": message.genre, "state": message.state, "probability": float(message.probability or 0.0),
            "level": float(message.level_db),
        }  # fmt: skip
        values |= {f"probs/{level(label)}": float(prob) for label, prob in message.probs.items()}
        bundle = OscBundleBuilder(IMMEDIATELY)
        for name, value in values.items():
            builder = OscMessageBuilder(f"{base}/{name}")
            builder.add_arg(value, "s" if isinstance(value, str) else "f")
            bundle.add_content(builder.build())
        try:
            self._client.send(bundle.build())
        except OSError as error:  # of UDP, only what the system knows: no route, or nobody at a local port
            raise OutputError(first_line(error).lower()) from error

    def close(self) -> None:
        """Close the socket."""
        self._client._sock.close()
