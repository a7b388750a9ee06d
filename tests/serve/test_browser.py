"""A real browser: the server's genre, a song into the page's microphone, a file, and the server lost and back."""

import contextlib
import os
import shutil
import signal
import wave
from pathlib import Path

import numpy as np
import pytest

from genrestream.audio.source import AudioSource
from tests.conftest import EXAMPLES, METAL
from tests.serve.test_command import Process

TOOLS = ("chromium", "chromedriver")
WAIT_S = 90


@pytest.fixture
def browser(tmp_path):
    """Debian's Chromium; its microphone is 20 s of metal, repeated."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"{', '.join(missing)} must be installed in CI: apt install chromium chromium-driver")
    if missing:
        pytest.skip(f"no {', '.join(missing)}: apt install chromium chromium-driver")
    from selenium.webdriver import Chrome
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    song = song_of(tmp_path / "song.wav")
    options = Options()
    for argument in (
        "headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "use-fake-ui-for-media-stream",
        "use-fake-device-for-media-stream", f"use-file-for-fake-audio-capture={song}", "window-size=1366,900",
    ):  # fmt: skip
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = Chrome(options, Service(shutil.which("chromedriver")))
    yield chrome
    chrome.quit()


def song_of(path: Path) -> Path:
    with AudioSource(METAL) as source:
        blocks = [(block.mean(axis=0), rate) for block, rate in source]
    rate = blocks[0][1]
    samples = np.concatenate([block for block, _ in blocks])[: 20 * rate]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((32_767 * samples.clip(-1, 1)).astype("<i2").tobytes())
    return path


def check_what_a_screen_reader_gets(browser) -> None:
    """All that can be used or jumped to has a name, and only what is worth an interruption is read aloud."""
    nodes = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    shown = [(node["role"]["value"], node.get("name", {}).get("value"), node) for node in nodes if not node["ignored"]]
    assert all(name for role, name, _ in shown if role in ("button", "link", "image", "meter", "region"))
    regions = [name for role, name, _ in shown if role == "region"]
    assert len(regions) == len(set(regions)) >= 5
    read_aloud = set()
    for _, _, node in shown:
        if any(one["name"] == "live" for one in node.get("properties", [])):
            found = browser.execute_cdp_cmd("DOM.describeNode", {"backendNodeId": node["backendDOMNodeId"]})
            flat = found["node"]["attributes"]
            read_aloud.add(dict(zip(flat[::2], flat[1::2], strict=True))["id"])
    assert {"said"} <= read_aloud <= {"said", "link", "hint"}
    assert "classical" in browser.execute_script("return document.getElementById('said').textContent")


def test_the_page(browser, default, tmp_path):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.wait import WebDriverWait

    def text(name):
        return browser.find_element(By.ID, name).text

    def until(condition):
        return WebDriverWait(browser, WAIT_S, 0.1).until(lambda _: condition())

    served = Process(tmp_path, "--input", f"hall={EXAMPLES / 'classical.ogg'}", "--loop")
    with contextlib.closing(served):
        browser.get(served.url)
        until(lambda: text("genre") == "classical")
        assert text("link") == "live"
        assert "votes classical" in text("detail")
        until(lambda: "dB" in text("level-db"))
        rows = browser.find_elements(By.CSS_SELECTOR, "#probs .prob.leads b")
        assert [row.text for row in rows] == ["classical"]
        drawn = "return document.getElementById('mel').getContext('2d').getImageData(0, 60, 300, 1).data.some((v) => v)"
        assert browser.execute_script(drawn)

        check_what_a_screen_reader_gets(browser)
        browser.find_element(By.ID, "to-mic").click()
        until(lambda: text("genre") == "metal")
        assert text("hint") == ""
        browser.find_element(By.ID, "to-mic").click()
        until(lambda: text("genre") == "classical")

        browser.find_element(By.ID, "file").send_keys(str(METAL))
        until(lambda: text("state") == "the whole file, 0:30")
        assert (text("genre"), text("title")) == ("metal", "♪ metal.ogg")
        assert "metal" in text("stretches")
        (tmp_path / "<b>no music.txt").write_text("no music\n" * 1000)
        browser.find_element(By.ID, "file").send_keys(str(tmp_path / "<b>no music.txt"))
        until(lambda: text("hint") == "<b>no music.txt: is not audio that FFmpeg can decode")
        assert text("genre") == "no answer"
        browser.find_element(By.ID, "to-server").click()
        until(lambda: text("genre") == "classical")

        assert served.end(signal.SIGKILL) == -signal.SIGKILL
        until(lambda: "connection lost" in text("link"))
    again = Process(tmp_path, "--input", f"hall={EXAMPLES / 'classical.ogg'}", "--loop", port=served.port)
    with contextlib.closing(again):
        until(lambda: text("link") == "live" and text("genre") == "classical")
        assert "classical" in text("stretches")
        errors = [one["message"] for one in browser.get_log("browser") if one["level"] == "SEVERE"]
        assert not [one for one in errors if "ERR_CONNECTION" not in one and "ERR_INCOMPLETE" not in one]
        assert again.end(signal.SIGINT) == 130
