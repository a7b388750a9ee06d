"""Folders of labelled music to decoded, divided tracks."""
