import dataclasses
import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, classification_report, confusion_matrix

from genrestream.errors import UsageError
from tests.made_up import GENRES, scores
from train.data.tracks import Track
from train.evaluation.figures import answers, assess, by_seconds, correct, over_seeds, paired, risk_coverage
from train.evaluation.report.sections import headline
from train.evaluation.robustness import robustness, subset
from train.publish.run import OF_FIRST_SEED, summary


def test_figures_are_scikit_learns():
    scored = scores(skill=1.0)
    figures, predicted = assess(scored), answers(scored.track_probs())
    report: dict = classification_report(scored.labels, predicted, target_names=GENRES, output_dict=True)  # pyright: ignore[reportAssignmentType]
    assert figures["track"]["accuracy"] == pytest.approx(accuracy_score(scored.labels, predicted))
    assert figures["confusion"] == confusion_matrix(scored.labels, predicted).tolist()
    for average in ("macro", "weighted"):
        for ours, theirs in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert figures["track"][f"{average}_{ours}"] == pytest.approx(report[f"{average} avg"][theirs])
    assert figures["by_genre"]["jazz"]["f1"] == pytest.approx(report["jazz"]["f1-score"])


def test_a_genre_without_tracks_is_in_no_mean():
    scored = scores(skill=50.0)
    figures = assess(scored.select(np.array(scored.tracks)[scored.labels > 0].tolist()))
    assert [figures["track"][f"macro_{name}"] for name in ("precision", "recall", "f1")] == [1, 1, 1]
    assert figures["track"]["mean_over_genres_95"] == (1, 1)
    assert figures["chunk"]["macro_f1"] == 1


def test_intervals_hold_their_figures():
    figures = assess(scores(skill=1.0))
    for part in (figures["track"], figures["chunk"], *figures["by_length"].values()):
        low, high = part["accuracy_95"]
        assert low <= part["accuracy"] <= high


def test_a_silent_track_is_wrong_whatever_its_genre():
    scored = scores(n_tracks=3, n_chunks=2, skill=50.0)
    scored.logits[:2] = np.nan  # the first track, of the first genre
    assert answers(scored.track_probs()).tolist() == [-1, 1, 2]
    figures = assess(scored)
    assert figures["track"]["accuracy"] == pytest.approx(2 / 3)
    assert figures["track"]["unanswered"] == 1
    assert figures["chunk"]["n_not_music"] == 2
    assert figures["chunk"]["accuracy"] == 1


def test_the_curve_over_seconds_is_of_the_same_tracks():
    scored = scores(n_tracks=60, n_chunks=10, skill=0.5)
    short = dataclasses.replace(scores(n_tracks=30, n_chunks=1, skill=9.0), tracks=tuple(f"s{n}" for n in range(30)))
    both = dataclasses.replace(
        scored,
        tracks=scored.tracks + short.tracks,
        labels=np.concatenate([scored.labels, short.labels]),
        temperatures=np.ones(90),
        sharpness=np.zeros(90),
        track=np.concatenate([scored.track, short.track + 60]),
        start_s=np.concatenate([scored.start_s, short.start_s]),
        logits=np.concatenate([scored.logits, short.logits]),
    )
    figures = by_seconds(both)
    assert figures["n_tracks"] == 60
    assert figures["seconds"] == list(range(3, 31, 3))
    for rule in ("mean", "majority", "decay"):
        values = figures["rules"][rule]["accuracy"]
        assert values[0] == pytest.approx(correct(scored, until_s=3).mean())
        assert values[-1] == pytest.approx(correct(scored, rule).mean())
        assert values[-1] > values[0] + 0.1, "more is known after more chunks"


def test_without_long_tracks_the_curve_ends_where_they_end():
    assert by_seconds(scores(n_chunks=2))["seconds"] == [3, 6]
    assert by_seconds(scores(n_tracks=3)) == {}


def test_over_seeds_the_interval_is_of_tracks():
    seeds = [scores(skill=0.6, seed=seed) for seed in range(3)]
    figures = over_seeds(seeds)
    accuracies = [correct(seed).mean() for seed in seeds]
    assert figures["accuracy"] == pytest.approx(np.mean(accuracies))
    assert figures["accuracy_sd"] == pytest.approx(np.std(accuracies, ddof=1))
    low, high = figures["accuracy_95"]
    assert low < figures["accuracy"] < high
    assert over_seeds(seeds[:1])["accuracy_sd"] is None


@pytest.mark.parametrize(("n_seeds", "n_first"), [(1, 0), (2, 3)])
def test_what_is_of_the_first_seed_alone_is_said_to_be(n_seeds, n_first):
    seeds = [scores(seed=seed) for seed in range(n_seeds)]
    figures = {**assess(seeds[0]), "seeds": over_seeds(seeds), "cost": {"n_parameters": 1, "ms_per_chunk": 1.0}}
    assert "".join(headline(figures)).count("(first seed)") == n_first
    card = summary(json.loads(json.dumps(figures)))
    assert set(OF_FIRST_SEED) <= card.keys()
    assert card.get("of_first_seed", []) == list(OF_FIRST_SEED) * bool(n_first)


def test_pairs_are_compared_on_common_tracks_in_any_order():
    good, bad = scores(skill=3.0), scores(skill=0.3, seed=1)
    turned = bad.select(bad.tracks[40:] + bad.tracks[:10])
    figures = paired(good, turned)
    assert figures["n_tracks"] == 30
    assert figures["only_first"] - figures["only_second"] == pytest.approx(30 * figures["difference"])
    assert figures["p"] < 0.01
    low, high = figures["difference_95"]
    assert 0 < low < figures["difference"] < high
    with pytest.raises(UsageError, match="no common track"):
        paired(good.select(good.tracks[:5]), bad.select(bad.tracks[5:]))


def test_the_robustness_table_is_paired_with_clean():
    clean = scores(skill=2.0)
    few = clean.tracks[:30]

    def distorted(name):
        worse = scores(skill=0.0 if name == "noise_10" else 2.0, seed=0).select(few)
        return worse

    rows = robustness(clean, distorted)
    assert [row["n_tracks"] for row in rows.values()] == [30] * 8
    assert rows["mp3_64"]["difference"] == 0
    assert rows["mp3_64"]["p_holm"] == 1
    assert rows["noise_10"]["difference"] < -0.3
    assert rows["noise_10"]["p"] <= rows["noise_10"]["p_holm"] < 0.05


def test_a_subset_has_each_genre_as_often():
    tracks = [Track(f"{genre}{n}", None, genre) for genre, many in (("a", 50), ("b", 3), ("c", 9)) for n in range(many)]  # pyright: ignore[reportArgumentType]
    for n_tracks in (3, 9, 15):
        genres = [track.genre for track in subset(tracks, n_tracks)]
        assert len(genres) == n_tracks
        assert max(map(genres.count, "abc")) - min(map(genres.count, "ac")) <= 1
        assert genres.count("b") == min(3, n_tracks // 3)
    assert subset(tracks, 9) == subset(tracks, 9) != subset(tracks, 9, seed=1)
    assert len(subset(tracks, 1000)) == len(tracks)


def test_a_higher_least_probability_answers_less_and_better():
    scored = scores(n_tracks=200, n_chunks=3, skill=0.8)
    points = risk_coverage(scored.track_probs(), scored.labels)
    assert points[0]["coverage"] == 1
    assert points[0]["accuracy"] == pytest.approx(correct(scored).mean())
    coverage = [point["coverage"] for point in points]
    assert coverage == sorted(coverage, reverse=True)
    sure = next(point for point in points if point["coverage"] < 0.6)
    assert sure["accuracy"] > points[0]["accuracy"] + 0.05
