"""What the server answers over HTTP and WebSocket, and to whom."""
