"""The table of colours: told apart with every kind of sight, seen on black and on white, the same in every run."""

import itertools
import re

import numpy as np
import pytest

from genrestream.inference import checkpoint, shipped
from genrestream.output.colours import GENRES, OTHERS, STATES, colour, luminance, text_colour

# What each kind of sight makes of linear RGB: Machado, Oliveira and Fernandes 2009, table 1, severity 1.
SIGHTS = {
    "usual": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = np.array([0.95047, 1.0, 1.08883])


def lab(colours, sight) -> np.ndarray:
    """Return the CIELAB of ``#rrggbb`` colours as a kind of sight sees them, shape (n, 3)."""
    values = np.array([[int(one[at : at + 2], 16) / 255 for at in (1, 3, 5)] for one in colours])
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    xyz = np.clip(linear @ np.array(SIGHTS[sight]).T, 0, 1) @ TO_XYZ.T / WHITE
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def least_distance(colours, sight) -> float:
    return min(float(np.linalg.norm(one - other)) for one, other in itertools.combinations(lab(colours, sight), 2))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(
    ("sight", "least"), [("usual", 43), ("protanopia", 20.5), ("deuteranopia", 20.5), ("tritanopia", 21.4)]
)
def test_genres_are_told_apart(sight, least):
    # For comparison: the least is 16 between Okabe and Ito's eight colours, and 4.6 between matplotlib's tab10.
    assert least_distance(GENRES.values(), sight) >= least


@pytest.mark.parametrize("sight", SIGHTS)
def test_no_state_looks_like_a_genre(sight):
    distances = np.linalg.norm(lab(GENRES.values(), sight)[:, None] - lab(STATES.values(), sight), axis=-1)
    assert distances.min() >= 11


def test_the_simulation_finds_what_colour_blind_people_confuse():
    red, green = "#a52a2a", "#4d5a1f"
    assert least_distance([red, green], "deuteranopia") < 0.5 * least_distance([red, green], "usual")


@pytest.mark.parametrize("one", [*GENRES.values(), *STATES.values(), *OTHERS])
def test_a_colour_is_seen_on_black_and_on_white_and_can_be_written_on(one):
    assert contrast(one, "#000000") >= 2.5
    assert contrast(one, "#ffffff") >= 1.6
    assert contrast(one, text_colour(one)) >= 4.5


def test_every_label_has_one_colour_for_ever():
    assert colour("Hip-Hop") == colour("hip hop") == colour("hiphop") == GENRES["hiphop"]
    assert colour("no input") == STATES["noinput"]
    assert colour("female vocals") == "#3090b4"
    assert len(set(GENRES.values())) == 10
    for name in shipped.names():
        for label in checkpoint.read(shipped.find(name)).card.labels:
            assert re.fullmatch("#[0-9a-f]{6}", colour(label))
