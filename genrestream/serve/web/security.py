"""Who may ask: the Host, the Origin and the token of each request are compared before anything else happens."""

import hashlib
import hmac
import ipaddress
import socket
import urllib.parse
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from http.cookies import CookieError, SimpleCookie
from typing import Any

from genrestream.serve.config import LOOPBACK_NAMES, ServeConfig

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "genrestream"
COOKIE_S = 365 * 86_400
OPEN = ("/healthz",)  # without a token
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
    "cache-control": "no-store",
}
PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class Security:
    """Lets only those requests through that may be answered.

    - The ``Host`` must be an address of this server, or a name that was allowed: a stranger's name that leads here
      (DNS rebinding) is refused.
    - Where there is an ``Origin``, it must be the Host, and where the browser says that another site asks, it may only
      ask for the page itself: a stranger's page is refused. Programs other than browsers send neither.
    - With a token: it comes as ``?token=`` once, then as a cookie, or as ``Authorization: Bearer``.

    Args:
        app: What answers the requests that are let through.
        config: The address, the token and the allowed names.
    """

    def __init__(self, app: App, config: ServeConfig):
        self._app = app
        self._names = {name.casefold() for name in (*LOOPBACK_NAMES, config.host, *config.allow_host)}
        self._takes_addresses = not config.is_loopback
        if self._takes_addresses:
            host = socket.gethostname().casefold()
            self._names |= {host, f"{host}.local", socket.getfqdn().casefold()}
        self._token = config.secret
        self._cookie = hashlib.sha256(f"cookie {self._token}".encode()).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1"), value.decode("latin-1"))
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        status, why = self._refusal(scope, headers, len(hosts))
        if status:
            await _refuse(scope, receive, send, status, why)
        elif self._is_first_visit(scope):
            await self._welcome(headers, scope, send)
        else:
            await self._app(scope, receive, _guarded(send))

    def _refusal(self, scope: Scope, headers: dict[str, str], n_hosts: int) -> tuple[int, str]:
        """Return the status and the reason with which a request is refused; 0 where it is not."""
        host = headers.get("host", "")
        if n_hosts != 1 or not self._is_ours(host):
            return 421, "this name does not lead here; the server's --allow-host allows further names"
        is_visit = scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and scope["path"] == "/"
        is_from_another = headers.get("sec-fetch-site") in ("cross-site", "same-site")  # a link to the page may be
        if ("origin" in headers and not _is_same(headers["origin"], host)) or (is_from_another and not is_visit):
            return 403, "another site's page may not do this"
        if self._token is None or scope["path"] in OPEN or self._knows_token(scope, headers):
            return 0, ""
        return 401, "open the page once with ?token=TOKEN, the token that the server was started with"

    def _is_ours(self, host: str) -> bool:
        name, _ = _split(host)
        if name in self._names:
            return True
        if not self._takes_addresses:
            return False
        try:
            ipaddress.ip_address(name)  # a stranger's name is no address
        except ValueError:
            return False
        return True

    def _knows_token(self, scope: Scope, headers: dict[str, str]) -> bool:
        given = [_query(scope).get("token", "")]
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.casefold() == "bearer":
            given.append(bearer.strip())
        is_known = any([_equal(one, self._token or "") for one in given])
        return _equal(_cookie(headers), self._cookie) or is_known

    def _is_first_visit(self, scope: Scope) -> bool:
        is_page = scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == "/"
        return self._token is not None and is_page and "token" in _query(scope)

    async def _welcome(self, headers: dict[str, str], scope: Scope, send: Send) -> None:
        """Set the cookie, and send the browser to the address without the token."""
        is_secure = scope["scheme"] == "https" or headers.get("x-forwarded-proto") == "https"
        cookie = f"{COOKIE}={self._cookie}; Path=/; Max-Age={COOKIE_S}; HttpOnly; SameSite=Strict"
        query = {name: value for name, value in _query(scope).items() if name != "token"}
        fields = {
            "location": "./" + (f"?{urllib.parse.urlencode(query)}" if query else ""),
            "set-cookie": cookie + ("; Secure" if is_secure else ""),
        }
        await _answer(send, 303, "", fields)


def _guarded(send: Send) -> Send:
    """Return a ``send`` that adds the headers of security to each answer."""

    async def guarded(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message.get("headers", [])}
            more = [(name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in given]
            message["headers"] = [*message.get("headers", []), *more]
        await send(message)

    return guarded


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, why: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": why})  # before it was accepted: a 403
        return
    await _answer(send, status, why + "\n", {})


async def _answer(send: Send, status: int, text: str, fields: dict[str, str]) -> None:
    headers = HEADERS | {"content-type": "text/plain; charset=utf-8", "connection": "close"} | fields
    body = text.encode()
    pairs: Sequence[tuple[bytes, bytes]] = [
        *((name.encode(), value.encode("latin-1")) for name, value in headers.items()),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


def _split(host: str) -> tuple[str, int | None]:
    """Return the name and the port of ``NAME[:PORT]``; an empty name where it is none."""
    try:
        parts = urllib.parse.urlsplit(f"//{host}")
        is_plain = not (parts.path or parts.query or parts.fragment or parts.username is not None)
        return (parts.hostname or "").rstrip(".").casefold() if is_plain else "", parts.port
    except ValueError:
        return "", None


def _is_same(origin: str, host: str) -> bool:
    """Whether a page of an origin is one of this host."""
    scheme, _, rest = origin.partition("://")
    if scheme not in PORTS:
        return False
    (name, port), (own, own_port) = _split(rest), _split(host)
    default = PORTS[scheme]
    return bool(name) and name == own and (port or default) == (own_port or default)


def _query(scope: Scope) -> dict[str, str]:
    try:
        text = scope["query_string"].decode("latin-1")
        return dict(urllib.parse.parse_qsl(text, keep_blank_values=True, max_num_fields=50))
    except ValueError:
        return {}


def _cookie(headers: dict[str, str]) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")[:8192]).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def _equal(one: str, other: str) -> bool:
    """Compare in a time that does not tell how much of it is right."""
    return hmac.compare_digest(hashlib.sha256(one.encode()).digest(), hashlib.sha256(other.encode()).digest())
