import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from genrestream.voting.viterbi import OnlineViterbi


def whole_viterbi(seen, stay):
    n_steps, n_states = seen.shape
    change = np.full((n_states, n_states), np.log((1 - stay) / (n_states - 1)))
    np.fill_diagonal(change, np.log(stay))
    scores, came_from = seen[0], np.zeros((n_steps, n_states), int)
    for step in range(1, n_steps):
        candidates = scores[:, None] + change
        came_from[step] = candidates.argmax(axis=0)
        scores = candidates.max(axis=0) + seen[step]
    path = [int(scores.argmax())]
    for step in range(n_steps - 1, 0, -1):
        path.append(int(came_from[step][path[-1]]))
    return path[::-1]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 80), st.sampled_from([0.6, 0.9, 0.99]))
def test_the_online_path_is_the_whole_path(seed, n_steps, stay):
    seen = np.random.default_rng(seed).normal(size=(n_steps, 4))
    viterbi = OnlineViterbi(4)
    path = [state for step in seen for state in viterbi.push(step, stay)] + viterbi.flush()
    assert path == whole_viterbi(seen, stay)


def test_the_path_stays_bounded_where_candidates_never_agree():
    viterbi = OnlineViterbi(3, max_undecided=50)
    decided = [state for _ in range(10_000) for state in viterbi.push(np.zeros(3), 0.999)]
    assert len(viterbi._came_from) <= 51
    assert len(decided) >= 9_900
