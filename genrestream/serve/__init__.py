"""The server: a live page of what is heard, an API, and a history."""
