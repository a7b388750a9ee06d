"""The server: a live page of what plays, an API, and a history."""
