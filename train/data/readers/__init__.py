"""Readers of datasets: folders of genres, tables, GTZAN, FMA. Nothing is decoded here."""
