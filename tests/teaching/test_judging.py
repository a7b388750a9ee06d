"""The score of a taught model: honest by construction, and what its numbers mean."""

import html
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from genrestream.teaching.judging.mislabelled import doubts
from genrestream.teaching.judging.page import write_page
from genrestream.teaching.judging.report import Report, Share, judged
from genrestream.teaching.judging.scoring import Examples, fitted, score, song_probs, weights_of
from genrestream.teaching.judging.thresholds import threshold, thresholds_of


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    with threadpool_limits(1, "blas"):  # as teach does for few songs
        yield


def made_up(skill: float, n_each: int = 12, n_genres: int = 3, seed: int = 0, multi_label: bool = False) -> Examples:
    """Make up songs of four chunks whose genres differ by so much, in forty features."""
    rng = np.random.default_rng(seed)
    genre = np.repeat(np.arange(n_genres), n_each)
    place = np.repeat(np.arange(len(genre)), 4)
    rows = rng.normal(size=(len(place), 40)) + rng.normal(size=(len(genre), 40))[place]
    rows[:, :n_genres] += skill * np.eye(n_genres)[genre[place]]
    names = tuple(f"genre{label}/song{number}.ogg" for number, label in enumerate(genre))
    has = np.eye(n_genres, dtype=bool)[genre]
    return Examples(names, has, rows.astype(np.float16), place, np.zeros((len(place), 0)), multi_label)


def judge(examples: Examples, groups: np.ndarray | None = None) -> Report:
    groups = np.arange(len(examples.names)) if groups is None else groups
    genres = tuple(f"genre{number}" for number in range(examples.has.shape[1]))
    return judged(examples, genres, groups, "artist or album", fitted(examples, groups).strength, 0.0)


def test_what_cannot_be_learned_is_scored_as_chance():
    # A little less than chance is usual: what is held out is missing among what is fitted to.
    accuracies = [judge(made_up(0.0, seed=seed)).accuracy.value for seed in range(3)]
    assert 0.1 < np.mean(accuracies) < 0.45


def test_what_can_be_learned_is_scored_high():
    assert judge(made_up(5.0)).accuracy.value > 0.9


def test_an_artist_that_is_held_out_is_not_learned_from():
    """Each artist has a sound of its own, which says nothing of the genre: known artists would be recognised by it."""
    rng = np.random.default_rng(1)
    plain = made_up(0.0, n_each=16)
    artist = np.arange(48) // 4
    sounds = 5 * rng.normal(size=(12, 40))
    rows = (plain.rows + sounds[artist[plain.place]]).astype(np.float16)
    examples = Examples(plain.names, plain.has, rows, plain.place, plain.kinds, False)
    assert judge(examples, np.arange(48)).accuracy.value > 0.9
    assert judge(examples, artist).accuracy.value < 0.6


def test_all_genres_weigh_alike_and_artists_by_the_root_of_their_songs():
    examples = made_up(1.0, n_each=8, n_genres=2).only(np.array([0, 1, 2, 3, 4, 8, 9]))
    weights = np.bincount(examples.place, weights_of(examples, np.array([0, 0, 0, 0, 1, 2, 3])))
    assert weights[:5].sum() == pytest.approx(weights[5:].sum())
    assert weights[:4].sum() == pytest.approx(2 * weights[4])


def test_other_music_takes_its_share_of_the_probability():
    examples = made_up(1.0)
    logits = np.zeros((len(examples.rows), 3))
    other = np.where(examples.place == 0, 0.9, 0.0)
    probs = song_probs(examples, logits, other)
    np.testing.assert_allclose(probs[0], 0.1 / 3)
    np.testing.assert_allclose(probs[1], 1 / 3)


def test_kinds_of_music_that_no_genre_is_like_are_foreign():
    examples = made_up(1.0)
    kinds = np.zeros((len(examples.rows), 3))
    kinds[:, 2] = -9.0
    kinds[examples.place == 0, 2] = 9.0  # one song of a dozen: the genre is a little like it
    kinds[examples.has[examples.place, 1], 1] = -9.0
    both = Examples(examples.names, examples.has, examples.rows, examples.place, kinds, False)
    assert both.foreign.tolist() == [False, False, False]
    rare = np.where(np.arange(3) == 2, -9.0, 0.0) + np.zeros((len(examples.rows), 1))
    alone = Examples(examples.names, examples.has, examples.rows, examples.place, rare, False)
    assert alone.foreign.tolist() == [False, False, True]


def test_the_threshold_separates_right_answers_from_unknown_music():
    right, unknown = np.linspace(0.6, 1.0, 41), np.linspace(0.2, 0.64, 40)
    assert 0.6 <= threshold(right, unknown) <= 0.68
    assert threshold(right, np.empty(0)) == pytest.approx(0.64)
    assert threshold(np.empty(0), unknown) == 0.5
    # music that it cannot tell apart costs at most a fifth of the right answers
    assert (right >= threshold(right, np.full(9, 0.9))).mean() >= 0.8
    assert threshold(np.full(9, 0.99), np.full(9, 0.1)) == 0.95
    assert threshold(np.full(9, 0.3), np.full(9, 0.1)) == 0.45


def test_the_thresholds_of_tags_have_the_best_f1():
    probs = np.array([[0.9, 0.2], [0.8, 0.3], [0.3, 0.25], [0.2, 0.1]])
    has = np.array([[True, True], [True, True], [False, True], [False, False]])
    assert thresholds_of(probs, has) == [0.8, 0.2]


@pytest.mark.parametrize(
    ("n_right", "n", "low", "high"), [(7, 7, 0.646, 1.0), (0, 5, 0.0, 0.434), (37, 45, 0.687, 0.907)]
)
def test_intervals_are_honest_for_few_songs(n_right, n, low, high):
    share = Share(n_right, n)
    np.testing.assert_allclose(share.interval, (low, high), atol=6e-4)
    assert str(share) == f"{n_right / n:.2f} ({low:.2f} to {high:.2f}; {n_right} of {n})"


def test_a_song_in_the_wrong_folder_looks_mislabelled():
    examples = made_up(12.0)
    has = examples.has.copy()
    has[5] = [False, True, False]
    report = judge(Examples(examples.names, has, examples.rows, examples.place, examples.kinds, False))
    assert (report.doubts[0].song, report.doubts[0].genre, report.doubts[0].sounds_like) == (5, 1, 0)
    assert 5 in report.wrong


def test_a_sure_disagreement_comes_first_and_doubt_is_none():
    sure = [[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.1, 0.9]]
    probs = np.array([*sure, [0.05, 0.95], [0.35, 0.65], [0.48, 0.52]])

    def found(labels: list[int]) -> list[tuple[int, int]]:
        return [(one.song, one.sounds_like) for one in doubts(probs, np.eye(2, dtype=bool)[labels], False)]

    assert found([0, 0, 1, 1, 0, 0, 0]) == [(4, 1)]
    assert found([0, 1, 1, 1, 0, 0, 0]) == [(4, 1), (1, 0)]


def test_a_genre_without_songs_is_no_answer():
    assert not doubts(np.array([[0.1, 0.9], [0.2, 0.8]]), np.array([[True, False], [True, False]]), False)


def test_tags_that_are_missing_or_wrong_are_doubted():
    probs = np.array([[0.9], [0.8], [0.9], [0.1], [0.2], [0.1]])
    has = np.array([[True], [True], [False], [False], [False], [True]])
    assert sorted((one.song, round(one.probability, 1)) for one in doubts(probs, has, True)) == [(2, 0.9), (5, 0.9)]


def test_several_genres_at_once_are_judged_each():
    examples = made_up(5.0, multi_label=True)
    has = np.column_stack([examples.has, examples.has[:, 0] | examples.has[:, 1]])
    report = judge(Examples(examples.names, has, examples.rows, examples.place, examples.kinds, True))
    assert report.accuracy.value > 0.8
    assert set(report.thresholds) == set(report.genres)
    assert report.recall["genre3"].n == 24


def test_scores_do_not_depend_on_the_songs_that_are_judged():
    """What a held-out song is scored with is fitted without it: its own label may be anything."""
    examples = made_up(2.0)
    groups = np.arange(len(examples.names))
    folds = score(examples, groups, 0.3, 0.0).fold
    fold = np.flatnonzero(folds == 0)
    rest = np.flatnonzero(folds != 0)
    layer = fitted(examples.only(rest), groups[rest])
    changed = examples.rows.copy()
    changed[np.isin(examples.place, fold)] += 100
    other = Examples(examples.names, examples.has, changed, examples.place, examples.kinds, False)
    np.testing.assert_array_equal(layer.kernel, fitted(other.only(rest), groups[rest]).kernel)


def test_the_page_is_one_safe_file(tmp_path: Path):
    examples = made_up(2.0)
    evil = "<script>alert(1)</script>\x1b[31m.ogg"
    names = (evil, *examples.names[1:])
    report = judge(Examples(names, examples.has, examples.rows, examples.place, examples.kinds, False))
    text = write_page(tmp_path, "mine & yours", report, [f"{evil}: broken"]).read_text("utf-8")
    assert "<script" not in text
    assert "\x1b" not in text
    assert html.escape("<script>") in text
    assert "mine &amp; yours" in text
    assert f"{report.accuracy.n_right} of 36" in text
    assert "://" not in text  # no network
