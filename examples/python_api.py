"""The Python interface in a few lines: ``python examples/python_api.py [FILE]``."""

import sys
from pathlib import Path

import numpy as np

import genrestream

clip = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "metal.ogg"
model = genrestream.load("musicnn")

verdict = model.classify(clip)  # a whole file
print(f"{verdict.genre}, votes {verdict.final.votes[verdict.final.leader]}/{verdict.final.n_votes}")

for prediction in model.stream(clip, hop_s=5.0):  # chunk by chunk
    print(f"{prediction.start_s:5.1f} s  {prediction.running.genre} {prediction.running.probability:.2f}")

session = model.session(hop_s=1.0)  # raw samples of any rate, in blocks of any size
noise = np.random.default_rng(0).normal(scale=0.1, size=(5 * 44_100, 2))
for block in np.split(noise, 50):
    for prediction in session.push(block, 44_100):
        print(f"{prediction.end_s:5.1f} s  {prediction.running.leader} {prediction.running.probability:.2f}")
print(session.verdict().genre)
