"""``genrestream devices``: the inputs of this machine."""

from genrestream.cli.options import DevicesOptions
from genrestream.errors import AudioError
from genrestream.live.devices import inputs


def run(options: DevicesOptions) -> None:
    """Print a line for each input.

    Raises:
        AudioError: There is none, or PortAudio is missing.
    """
    devices = inputs()
    if not devices:
        raise AudioError("microphone: this machine has no input; connect one, or play a file with --source FILE")
    for device in devices:
        print(device)
