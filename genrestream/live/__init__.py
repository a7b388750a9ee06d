"""Real time: microphones, sources played in real time, and the loop of a live run."""
