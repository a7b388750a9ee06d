"""A picture of one stream: probability over time, stacked, with the chunks' own decisions under it."""

from pathlib import Path

import numpy as np

from genrestream.errors import UsageError
from genrestream.files import writing
from genrestream.output.sink import Sink
from genrestream.output.text import verdict_in_words
from genrestream.streaming.predictions import Prediction, Verdict

N_SHOWN = 10  # labels with a colour of their own; the rest of a tag model's are one grey


def check_plot(path: str, n_sources: int) -> None:
    """Check before any work that the picture can be made.

    Raises:
        UsageError: There is not exactly one source, the suffix is not .png, or matplotlib is missing.
    """
    if n_sources != 1:
        raise UsageError(f"--plot {path}: draws one input, {n_sources} are given")
    if Path(path).suffix.lower() != ".png":
        raise UsageError(f"--plot {path}: must end in .png")
    try:
        import matplotlib  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise UsageError(f"--plot {path}: needs matplotlib; pip install 'genrestream[plot]'") from error


class Plot(Sink):
    """Collects one stream and draws it at the end.

    Args:
        path: The PNG to write.
    """

    def __init__(self, path: str):
        self._path = path
        self._predictions: list[Prediction] = []
        self._verdict: Verdict | None = None

    def chunk(self, source: str, prediction: Prediction) -> None:
        """Keep a chunk."""
        self._predictions.append(prediction)

    def verdict(self, verdict: Verdict) -> None:
        """Keep the verdict."""
        self._verdict = verdict

    def close(self) -> None:
        """Draw.

        Raises:
            OutputError: The picture cannot be written.
        """
        if self._verdict and self._predictions:
            with writing(f"--plot {self._path}"):
                draw(self._predictions, self._verdict, self._path)


def draw(predictions: list[Prediction], verdict: Verdict, path: str) -> None:
    """Draw a stream's running probabilities over its chunks' decisions and write them as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["text.parse_math"] = False  # a $ in a file's name is a $
    from matplotlib import pyplot

    labels = [label for label, _ in verdict.final.ranked(N_SHOWN)]
    colours = dict(zip(labels, pyplot.get_cmap("tab10").colors, strict=False))  # pyright: ignore[reportAttributeAccessIssue]
    figure, (top, bottom) = pyplot.subplots(
        2, 1, figsize=(10, 5), sharex=True, height_ratios=(5, 1), layout="constrained"
    )
    times_s = np.array([prediction.start_s for prediction in predictions] + [predictions[-1].end_s])
    running = np.array([[p.running.probs[label] for label in labels] for p in predictions])
    running = np.concatenate([running, running[-1:]])
    top.stackplot(times_s, running.T, labels=labels, colors=[colours[label] for label in labels], step="post", lw=0)
    top.set(ylabel="running probability", ylim=(0, max(1.0, running.sum(axis=1).max())), xlim=(times_s[0], times_s[-1]))
    top.set_title(verdict_in_words(verdict), fontsize=9, loc="left", wrap=True)
    top.legend(*_reversed(top), loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=9)
    for prediction, begin_s, end_s in zip(predictions, times_s[:-1], times_s[1:], strict=True):
        label = max(prediction.chosen, key=prediction.probs.__getitem__, default="")
        colour = "white" if prediction.kind != "music" else colours.get(label, "lightgrey")
        bottom.axvspan(begin_s, end_s, color=colour, lw=0)
    bottom.set(xlabel="seconds (a white chunk is no music, a grey one has another label or none)", yticks=[])
    bottom.set_ylabel("chunks", rotation=0, ha="right", va="center")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _reversed(axes):
    """Return the legend in the order of the stack, top first."""
    handles, labels = axes.get_legend_handles_labels()
    return handles[::-1], labels[::-1]
