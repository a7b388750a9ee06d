"""The API: what it answers is what its own description says."""

import json
import re

import jsonschema
import pytest
from referencing import Registry, Resource

from genrestream.serve.web.app import FILES, PAGE, routes
from tests.conftest import METAL, ROOT
from tests.serve.serving import until

OPENAPI = json.loads((PAGE / "openapi.json").read_text(encoding="utf-8"))
RECORDS = json.loads((ROOT / "docs" / "records.schema.json").read_text(encoding="utf-8"))


def check(value, name):
    """Compare a value with a schema of the API's description."""
    resource = Resource.from_contents({"$schema": "https://json-schema.org/draft/2020-12/schema", **OPENAPI})
    registry = Registry().with_resource("urn:api", resource)
    schema = {"$ref": f"urn:api#/components/schemas/{name}"}
    jsonschema.Draft202012Validator(schema, registry=registry).validate(value)


def test_now_tells_all_inputs_and_the_models_colours(served):
    served.until(lambda message: message["type"] == "now" and message["input"] == "bar" and message["genres"])
    until(lambda: served.json("/api/now")["inputs"][1]["is_over"])
    everything = served.json("/api/now")
    check(everything, "Everything")
    bar, hall = everything["inputs"]
    assert (bar["input"], bar["genre"], bar["source"]) == ("bar", "metal", str(METAL))
    assert bar["probability"] > 0.5
    assert hall["is_over"]
    assert "played to its end" in hall["notice"]
    assert {label["label"]: label["colour"] for label in everything["model"]["labels"]}["metal"] == "#005a49"


def test_events_tell_what_happens_and_how_it_sounds(served):
    found = {}
    for message in served.messages(path="/events?input=bar"):
        assert message.get("input") == "bar"
        found[message["type"]] = message
        if found.keys() >= {"now", "tick", "segments", "chunk"} and message["type"] == "tick":
            break
    check(found["now"], "NowMessage")
    check(found["tick"], "Tick")
    check(found["segments"], "Segments")
    check({name: value for name, value in found["now"].items() if name != "type"}, "Now")
    record = {name: value for name, value in found["chunk"].items() if name != "input"}
    jsonschema.validate(record, RECORDS)
    assert found["segments"]["open"][-1]["genre"] in ("metal", "noise")  # two of its ten chunks are taken for noise
    assert len(found["tick"]["columns"]) > 64


def test_the_history_has_what_an_input_played_also_after_it_ended(served):
    until(lambda: served.json("/api/history?input=hall")["segments"])
    answer = served.json("/api/history?input=hall")
    check(answer, "History")
    assert {one["genre"] for one in answer["segments"]} >= {"classical"}
    assert all(one["input"] == "hall" for one in answer["segments"])


@pytest.mark.parametrize("query", ["hours=0", "hours=25", "hours=nan", "hours=inf", "hours=x", "hours=-1"])
def test_hours_that_make_no_sense(served, query):
    status, _, body = served.ask(f"/api/history?{query}")
    assert status == 400
    assert b"hours must be" in body


def test_metrics_are_text_that_prometheus_reads(served):
    until(lambda: served.json("/api/now")["inputs"][1]["is_over"])
    served.until(lambda message: message["type"] == "chunk" and message["input"] == "bar")
    status, headers, body = served.ask("/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    families, values = {}, {}
    for line in body.decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            families[name] = kind
        elif not line.startswith("#"):
            sample, value = line.rsplit(" ", 1)
            values[sample] = float(value)
            name = sample.partition("{")[0]
            assert name in families or name.rpartition("_")[0] in families
    assert values['genrestream_state{input="hall",state="no input"}'] == 1
    assert values['genrestream_chunks_total{input="hall",kind="music",answer="classical"}'] >= 8
    assert values['genrestream_delay_seconds{input="bar",quantile="0.95"}'] > 0
    assert values['genrestream_dropped_blocks_total{input="bar"}'] == 0


def test_every_address_is_described(served):
    assert {route.path for route in routes(served.parts)} - set(FILES) | {"/openapi.json"} == set(OPENAPI["paths"])
    assert served.json("/openapi.json") == OPENAPI
    assert served.ask("/healthz")[2] == b"ok\n"


def test_the_page_is_small_and_asks_nobody_else(served):
    files = {path: served.ask(path)[2].decode() for path in FILES if path != "/openapi.json"}
    assert sum(len(text.encode()) for text in files.values()) < 60_000
    for text in files.values():
        addresses = set(re.findall(r"(?:https?|wss?):?//[^\s\"'`)]*", text))
        assert addresses <= {"http://localhost", "http://www.w3.org/2000/svg"}
        assert not [word for word in ("innerHTML", "eval(", "@import", "document.write") if word in text]
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)", files["/"])  # the policy would refuse it


def test_an_unknown_input_or_address(served):
    assert served.ask("/events?input=cellar")[0] == 404
    assert served.ask("/nothing")[0] == 404
    assert served.ask("/classify")[0] == 405
