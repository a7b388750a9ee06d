"""``genrestream models``: the models that come with the package."""

from genrestream.cli.options import ModelsOptions
from genrestream.inference import checkpoint, shipped


def run(options: ModelsOptions) -> None:
    """Print a paragraph for each model."""
    for name in shipped.names():
        card = checkpoint.read(shipped.find(name)).card
        default = " (default)" if name == shipped.DEFAULT_MODEL else ""
        print(f"{name}{default}: {len(card.labels)} {'tags' if card.multi_label else 'genres'}")
        print(f"  {', '.join(card.labels)}")
        for facts in (card.metrics, card.provenance):
            print("".join(f"  {fact}: {value}\n" for fact, value in facts.items()), end="")
