"""Waveform to what a network sees: the front ends."""
