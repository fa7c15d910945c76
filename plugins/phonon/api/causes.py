"""Why a request did not get through, in words, with what to do about it.

The texts of the errors themselves are not quoted: that of a proxy may hold its password.
"""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterable
from http.client import IncompleteRead

import requests
from urllib3 import exceptions as urllib3

_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})")
_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN})
# OpenSSL's X509_V_ERR_*.
_NOT_YET_VALID, _EXPIRED = 9, 10
_OTHER_HOST = frozenset({62, 64})
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL"})
_BY_TUNNEL = {
    "407": "the proxy wants a user and a password (407): write them into proxy, http://USER:PASSWORD@HOST:PORT",
    "403": "the proxy forbids Phonon's address (403): have those who run it allow the host of the URL",
}


def cause_in_words(error: BaseException, *, proxy: bool = False) -> str:
    """Say why no connection could be made: the cause, a colon, the remedy.

    :param proxy: whether the address that was connected to is the proxy's.
    """
    chain = list(_chain(error))
    tunnel = next((found[1] for each in chain if (found := _TUNNEL.search(str(each)))), None)
    if tunnel is not None:
        refused = (
            f"the proxy could not reach Phonon ({tunnel}): ask those who run it, and check the host of the URL"
        )
        return _BY_TUNNEL.get(tunnel, refused)
    who = "the proxy" if proxy or _is_in(chain, requests.exceptions.ProxyError, urllib3.ProxyError) else "Phonon"
    place = "proxy" if who == "the proxy" else "the URL"
    return _tls(chain, who, place) or _connecting(chain, who, place) or _kinds(chain)


def no_answer_in_words(error: BaseException) -> str:
    """Say why a request that was written has no answer. There is no remedy: its outcome is unknown."""
    chain = list(_chain(error))
    if _is_in(chain, TimeoutError, urllib3.TimeoutError, requests.Timeout):
        return NO_ANSWER_IN_TIME
    if _is_in(chain, IncompleteRead, urllib3.IncompleteRead, requests.exceptions.ChunkedEncodingError):
        return "the answer was cut short"
    if _is_in(chain, ConnectionError, ssl.SSLError):
        return "the connection broke before the answer"
    return f"the answer could not be read ({_kinds(chain)})"


NO_ANSWER_IN_TIME = "no answer in time"


def _tls(chain: list[BaseException], who: str, place: str) -> str | None:
    for each in chain:
        if isinstance(each, ssl.SSLCertVerificationError):
            return _certificate(each.verify_code, who, place)
    if any("CA certificate bundle" in str(each) for each in chain if isinstance(each, OSError)):
        return "the file of authorities is gone: correct the path in verify"
    for each in chain:
        if isinstance(each, ssl.SSLError) and not isinstance(each, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            if each.reason in _NOT_TLS:
                return f"{who} answers without TLS there: correct the port or https:// in {place}"
            return f"{who} and this machine agree on no TLS ({each.reason}): ask those who run the network between"
    return None


def _certificate(code: int, who: str, place: str) -> str:
    if code == _EXPIRED:
        return f"the certificate of {who} has expired: check this machine's clock; if it is right, tell them"
    if code == _NOT_YET_VALID:
        return f"the certificate of {who} is not valid yet: set this machine's clock"
    if code in _OTHER_HOST:
        return f"the certificate is for another host: correct the host in {place}"
    return f"the certificate of {who} is not trusted: put your company's CA bundle, a file's path, into verify"


def _connecting(chain: list[BaseException], who: str, place: str) -> str | None:
    kinds = urllib3.NameResolutionError, urllib3.LocationValueError, requests.exceptions.InvalidURL, UnicodeError
    if _is_in(chain, socket.gaierror, *kinds):
        return f"the host of {who} has no address (DNS): correct it in {place}, or the worker's DNS"
    if _is_in(chain, ConnectionRefusedError):
        return f"{who} refused the connection: check host and port in {place}, and that it is up"
    if any(isinstance(each, OSError) and each.errno in _NO_ROUTE for each in chain):
        return f"there is no way from this worker to {who}: have its network opened to the host in {place}"
    if _is_in(chain, TimeoutError, urllib3.TimeoutError, requests.Timeout):
        return f"{who} did not answer in time: have the firewall opened to the host in {place}, or raise timeout"
    if _is_in(chain, ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError, urllib3.ProtocolError):
        return (
            f"{who} closed the connection: check port and http(s):// in {place}, and any firewall or proxy between"
        )
    return None


def _is_in(chain: Iterable[BaseException], *kinds: type[BaseException]) -> bool:
    return any(isinstance(each, kinds) for each in chain)


def _kinds(chain: list[BaseException]) -> str:
    return type(chain[-1]).__name__


def _chain(error: BaseException) -> Iterable[BaseException]:
    """Yield an error and what caused it, from the outside to the inside."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, BaseException) and each not in seen:
            seen.append(each)
            waiting += [*each.args, getattr(each, "reason", None), each.__cause__, each.__context__]
    return seen
