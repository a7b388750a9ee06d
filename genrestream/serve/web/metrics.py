"""``GET /metrics``: figures as Prometheus reads them."""

from collections.abc import Iterable, Iterator, Sequence

from genrestream.serve.hub import Hub
from genrestream.serve.inputs import Input
from genrestream.serve.view import Counts
from genrestream.serve.web.visitors import Visits
from genrestream.streaming.status import STATES
from genrestream.ways_out.sender import Sender

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Row = tuple[dict[str, str], float]


def metrics(model: str, inputs: Iterable[Input], hub: Hub, visits: Visits, senders: Sequence[Sender]) -> str:
    """Return all figures.

    Args:
        model: The model's name.
        inputs: The server's inputs.
        hub: Who watches.
        visits: Who brings microphones and files.
        senders: Who is sent messages.
    """
    inputs = list(inputs)
    counted = {one.name: one.counts for one in inputs} | {"visitors": visits.counts}
    now = {one.name: one.now for one in inputs}
    families = [
        ("model_info", "gauge", "The model.", [({"model": model}, 1)]),
        ("chunks_total", "counter", "Chunks by what they are, and by the leading answer after them.", _chunks(counted)),
        ("state", "gauge", "1 for the state that an input is in.", _states(inputs)),
        ("probability", "gauge", "Of the leading genre.", [({"input": i}, n.probability or 0) for i, n in now.items()]),
        ("level_db", "gauge", "Loudness in dB below full scale.", [({"input": i}, n.level_db) for i, n in now.items()]),
        ("dropped_blocks_total", "counter", "Blocks of audio that were lost.", _of(counted, "n_dropped")),
        ("failures_total", "counter", "Times that an input ended with an error.", _of(counted, "n_failures")),
        ("viewers", "gauge", "Who watches.", [({}, hub.n_viewers)]),
        ("viewer_messages_dropped_total", "counter", "Messages that viewers were too slow for.", [({}, hub.n_dropped)]),
        ("visitors", "gauge", "Microphones and files that are classified now.", [({}, visits.places.n_taken)]),
        ("visitors_refused_total", "counter", "Visitors that found all places taken.", [({}, visits.places.n_refused)]),
        (
            "messages_sent_total", "counter", "Messages to other programs.",
            [({"to": s.name}, s.n_sent) for s in senders],
        ),
        (
            "messages_dropped_total", "counter", "Messages to other programs that were lost.",
            [({"to": s.name}, s.n_dropped) for s in senders],
        ),
    ]  # fmt: skip
    lines = [line for family in families for line in _family(*family)]
    return "\n".join([*lines, *_delays(counted)]) + "\n"


def _chunks(counted: dict[str, Counts]) -> list[Row]:
    return [
        ({"input": name, "kind": kind, "answer": answer}, count)
        for name, counts in counted.items()
        for (kind, answer), count in sorted(counts.chunks.copy().items())
    ]


def _states(inputs: Sequence[Input]) -> list[Row]:
    return [({"input": one.name, "state": state}, float(one.now.state == state)) for one in inputs for state in STATES]


def _of(counted: dict[str, Counts], name: str) -> list[Row]:
    return [({"input": which}, getattr(counts, name)) for which, counts in counted.items()]


def _delays(counted: dict[str, Counts]) -> Iterator[str]:
    name = "genrestream_delay_seconds"
    yield f"# HELP {name} From a chunk's last sample to its answer."
    yield f"# TYPE {name} summary"
    for which, counts in counted.items():
        for percent in (50, 95, 99):
            labels = {"input": which, "quantile": f"{percent / 100:g}"}
            yield f"{name}{_labels(labels)} {counts.delays.percentile_s(percent):.6g}"
        yield f"{name}_sum{_labels({'input': which})} {counts.delay_sum_s:.6g}"
        yield f"{name}_count{_labels({'input': which})} {counts.n_answers}"


def _family(name: str, kind: str, text: str, rows: Sequence[Row]) -> Iterator[str]:
    yield f"# HELP genrestream_{name} {text}"
    yield f"# TYPE genrestream_{name} {kind}"
    for labels, value in rows:
        yield f"genrestream_{name}{_labels(labels)} {value:.10g}"


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    escaped = {
        name: value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") for name, value in labels.items()
    }
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped.items()) + "}"
