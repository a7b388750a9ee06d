"""Labels in the usual spelling of genres."""

SPELLED = {"hiphop": "Hip-Hop", "rnb": "R&B", "edm": "EDM"}


def spelled(labels: list[str]) -> list[str]:
    """Return labels as tags spell genres: ``hiphop`` is Hip-Hop, ``rock › punk`` is Rock and Punk."""
    parts = [part for label in labels for part in label.split(" › ")]
    return list(dict.fromkeys(SPELLED.get(part, part.title()) for part in parts))
