"""Servers that behave as stations and broken machines do, answering with bytes that a test chooses."""

import contextlib
import socketserver
import threading
import time


@contextlib.contextmanager
def serving(*answers: bytes | float | dict[str, bytes]):
    """Serve one answer to every request: bytes to send, seconds to wait, or bytes by the request's path."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            request = b""
            while b"\r\n\r\n" not in request and (more := self.request.recv(4096)):
                request += more
            path = request.split(b" ")[1].decode() if b" " in request else ""
            with contextlib.suppress(OSError):
                for answer in answers:
                    if isinstance(answer, int | float):
                        time.sleep(answer)
                    else:
                        self.request.sendall(answer[path] if isinstance(answer, dict) else answer)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads, block_on_close, allow_reuse_address = True, False, True

        def handle_error(self, request, client_address):
            """Say nothing: clients go away."""

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def head(kind: str = "audio/mpeg", *fields: str, status: str = "HTTP/1.0 200 OK") -> bytes:
    """Return an answer's header."""
    return "\r\n".join([status, f"Content-Type: {kind}", *fields, "", ""]).encode()


def with_titles(content: bytes, *titles: bytes, interval: int = 8000) -> bytes:
    """Return audio with titles between it, each over an equal part, as a station sends it that was asked for titles."""
    answer, told = b"", b""
    for start in range(0, len(content), interval):
        part, title = content[start : start + interval], titles[start * len(titles) // len(content)]
        answer += part
        if len(part) == interval:
            block = b"" if title == told else b"StreamTitle='" + title + b"';StreamUrl='';"
            n_16 = -(-len(block) // 16)
            answer += bytes([n_16]) + block.ljust(16 * n_16, b"\0")
            told = title
    return answer
