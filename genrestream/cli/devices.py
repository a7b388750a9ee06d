"""``genrestream devices``: the inputs of this machine."""

from genrestream.cli.options import DevicesOptions
from genrestream.live.devices import inputs


def run(options: DevicesOptions) -> None:
    """Print a line for each input.

    Raises:
        AudioError: There is none, or PortAudio is missing.
    """
    for device in inputs():
        print(device)
