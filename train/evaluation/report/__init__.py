"""Figures to a report: pages, tables and pictures."""
