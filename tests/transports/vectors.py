"""Heads and bodies of HTTP/1.1 as attackers write them, by row of the reference on reliability; data, no tests."""

GOOD = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
    b"HEAD /health?x=%20 HTTP/1.1\r\nhost:a:80\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://A:1/x?y HTTP/1.1\r\nHost: a:1\r\n\r\n",
    b"GET http://a?y HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /v1/messages?beta=true HTTP/1.1\r\nHost: [::1]:4096\r\nContent-Length: 0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\ncontent-length:27\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: \t a \r\nX-Empty:\r\nX-Text: caf\xc3\xa9 \t x\r\nX-Text: again\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
]


def head(*lines: bytes, line: bytes = b"POST / HTTP/1.1", host: bytes = b"Host: a\r\n") -> bytes:
    """A head of these lines, with a good request line and Host unless given."""
    return line + b"\r\n" + host + b"".join(each + b"\r\n" for each in lines) + b"\r\n"


BAD = {
    # row 1: both framings
    "CL.TE": (400, head(b"Content-Length: 5", b"Transfer-Encoding: chunked")),
    "TE.CL": (400, head(b"Transfer-Encoding: chunked", b"Content-Length: 5")),
    # row 3: Content-Length
    "CL twice": (400, head(b"Content-Length: 5", b"Content-Length: 6")),
    "CL twice the same": (400, head(b"Content-Length: 5", b"content-length: 5")),
    "CL list": (400, head(b"Content-Length: 5, 5")),
    "CL plus": (400, head(b"Content-Length: +5")),
    "CL minus": (400, head(b"Content-Length: -5")),
    "CL hex": (400, head(b"Content-Length: 0x5")),
    "CL underscore": (400, head(b"Content-Length: 1_0")),
    "CL empty": (400, head(b"Content-Length:")),
    "CL unicode": (400, head(b"Content-Length: \xd9\xa5")),
    "CL twenty digits": (400, head(b"Content-Length: 18446744073709551621")),
    "CL tab": (400, head(b"Content-Length:\t5")),
    "CL fraction": (400, head(b"Content-Length: 5.0")),
    "CL underscored name": (400, head(b"Content_Length: 5")),
    # row 4: line structure
    "folding": (400, head(b"X: a", b" b")),
    "folding with tab": (400, head(b"X: a", b"\tb")),
    "folded coding": (400, head(b"Transfer-Encoding:", b" chunked")),
    "space before colon": (400, head(b"Transfer-Encoding : chunked")),
    "tab before colon": (400, head(b"Content-Length\t: 5")),
    "leading space, first field": (400, b"GET / HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n"),
    "no colon": (400, head(b"X")),
    "no name": (400, head(b": x")),
    "bracket in name": (400, head(b"X[0]: x")),
    # row 5: line ends
    "bare LF": (400, b"GET / HTTP/1.1\nHost: a\n\r\n\r\n"),
    "bare LF in fields": (400, head(b"X: y\nTransfer-Encoding: chunked")),
    "bare CR in fields": (400, head(b"X: y\rTransfer-Encoding: chunked")),
    "CR CR LF": (400, head(b"X: y\r")),
    "LF CR": (400, head(b"X: y\n\rZ: z")),
    # row 12: Host
    "no Host": (400, head(host=b"")),
    "no Host in 1.0": (400, head(line=b"GET / HTTP/1.0", host=b"")),
    "two Hosts": (400, head(b"Host: a")),
    "empty Host": (400, head(host=b"Host:\r\n")),
    "Host list": (400, head(host=b"Host: a, b\r\n")),
    "Host slash": (400, head(host=b"Host: evil/\r\n")),
    "Host question mark": (400, head(host=b"Host: a?b\r\n")),
    "Host hash": (400, head(host=b"Host: a#b\r\n")),
    "Host at": (400, head(host=b"Host: u@h\r\n")),
    "Host backslash": (400, head(host=b"Host: a\\b\r\n")),
    "Host percent": (400, head(host=b"Host: a%2fb\r\n")),
    "Host port word": (400, head(host=b"Host: a:http\r\n")),
    "Host two ports": (400, head(host=b"Host: a:1:2\r\n")),
    "Host blank": (400, head(host=b"Host: a b\r\n")),
    "Host half bracket": (400, head(host=b"Host: [::1\r\n")),
    # row 11: target
    "foreign absolute form": (400, head(line=b"GET http://evil/ HTTP/1.1")),
    "absolute form with user": (400, head(line=b"GET http://u@a/ HTTP/1.1")),
    "other scheme": (400, head(line=b"GET ftp://a/ HTTP/1.1")),
    "authority form": (400, head(line=b"GET a:80 HTTP/1.1")),
    "asterisk of GET": (400, head(line=b"GET * HTTP/1.1")),
    "fragment": (400, head(line=b"GET /a#b HTTP/1.1")),
    "backslash": (400, head(line=b"GET /a\\b HTTP/1.1")),
    "relative": (400, head(line=b"GET a HTTP/1.1")),
    "obs-text in target": (400, head(line=b"GET /\xc3\xa9 HTTP/1.1")),
    # row 14: methods
    "CONNECT": (501, head(line=b"CONNECT a:80 HTTP/1.1")),
    "TRACE": (501, head(line=b"TRACE / HTTP/1.1")),
    "lower case": (501, head(line=b"get / HTTP/1.1")),
    "unknown method": (501, head(line=b"BREW / HTTP/1.1")),
    "no method": (400, head(line=b" / HTTP/1.1")),
    "method with bracket": (400, head(line=b"G(T / HTTP/1.1")),
    # row 15: versions and separators
    "PRI": (505, b"PRI * HTTP/2.0\r\n\r\n"),
    "HTTP/9.9": (505, head(line=b"GET / HTTP/9.9")),
    "HTTP/1.2": (505, head(line=b"GET / HTTP/1.2")),
    "HTTP/0.9": (400, b"GET /\r\n\r\n"),
    "HTTP/1": (400, head(line=b"GET / HTTP/1")),
    "HTTP/1.10": (400, head(line=b"GET / HTTP/1.10")),
    "http/1.1": (400, head(line=b"GET / http/1.1")),
    "two spaces": (400, head(line=b"GET  / HTTP/1.1")),
    "tab": (400, head(line=b"GET\t/\tHTTP/1.1")),
    "trailing space": (400, head(line=b"GET / HTTP/1.1 ")),
    "blank in target": (400, head(line=b"GET /a b HTTP/1.1")),
    # controls
    "NUL in value": (400, head(b"X: a\x00b")),
    "control in value": (400, head(b"X: a\x0bb")),
    "DEL in value": (400, head(b"X: a\x7fb")),
    "NUL in name": (400, head(b"X\x00: a")),
    "NUL in target": (400, head(line=b"GET /\x00 HTTP/1.1")),
    "obs-text in name": (400, head(b"X\xff: a")),
    # row 16: sizes
    "long line": (414, head(line=b"GET /" + b"a" * 16384 + b" HTTP/1.1")),
    "large field": (431, head(b"X: " + b"a" * 65536)),
    "large head": (431, head(*[b"X: " + b"a" * 1000] * 66)),
    "many fields": (431, head(*[b"X: a"] * 100)),
    # row 19: Expect
    "Expect other": (417, head(b"Expect: 200-ok")),
    "Expect obfuscated": (417, head(b"Expect: y 100-continue")),
    "Expect twice": (400, head(b"Expect: 100-continue", b"Expect: 100-continue")),
}

# Row 2: what is not the one transfer coding, in one way or another.
CODINGS = [
    b"Transfer-Encoding: " + value
    for value in [
        b"", b"identity", b"gzip", b"chunked, identity", b"identity, chunked", b"gzip, chunked", b"chunked, chunked",
        b"chunked,", b",chunked", b"xchunked", b"chunkedx", b"chunke", b"Chunked", b"CHUNKED", b'"chunked"',
        b"'chunked'", b"chunked;q=1", b"chunked ;", b" chunked", b"\tchunked", b"chunked ", b"chunked\t",
        b"\x0bchunked", b"\xa0chunked", b"chunked\xa0", b"\xc4\x8chunked", b"chu\xadnked", b"chunked\x00",
        b"chunked\x0b", b"\x00chunked", b"chunked\x7f",
        b"ch\x01unked", b"chunked/1.1", b"(x)chunked", b"chunked(x)", b"chunked=1", b"tchunked chunked",
        b"cow, chunked", b"chunked, cow", b"deflate", b"trailers",
    ]
] + [
    b"Transfer-Encoding:\r\n chunked", b"Transfer-Encoding:\n chunked", b"Transfer-Encoding\r\n: chunked",
    b"Transfer-Encoding : chunked", b"Transfer-Encoding\t: chunked", b"Transfer-Encoding\x00: chunked",
    b" Transfer-Encoding: chunked", b"\tTransfer-Encoding: chunked", b"\x0bTransfer-Encoding: chunked",
    b"Transfer\x00-Encoding: chunked", b"Transfer\r-Encoding: chunked", b"X: x\nTransfer-Encoding: chunked",
    b"X: x\rTransfer-Encoding: chunked", b"X: x\r\n\rTransfer-Encoding: chunked", b"Transfer-Encoding: chunked\nX: x",
    b"Transfer_Encoding: chunked", b"transfer_encoding: chunked", b"Transfer-Encoding;: chunked",
    b"Transfer-Encoding\xa0: chunked", b"Transfer-Encoding chunked", b"Transfer Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    b"transfer-encoding: chunked\r\nTRANSFER-ENCODING: identity", b"Transfer-Encoding=chunked",
]  # fmt: skip

# Rows 6 to 9: bodies in chunks.
MALFORMED = {
    "hex prefix": b"0x5\r\nhello\r\n",
    "underscore": b"1_0\r\n" + b"x" * 16 + b"\r\n",
    "plus": b"+5\r\nhello\r\n",
    "minus": b"-5\r\nhello\r\n",
    "leading space": b" 5\r\nhello\r\n",
    "trailing space": b"5 \r\nhello\r\n",
    "space before extension": b"5 ;a\r\nhello\r\n",
    "tab": b"5\t\r\nhello\r\n",
    "no digits": b"\r\nhello\r\n",
    "only an extension": b";a\r\nhello\r\n",
    "word": b"five\r\nhello\r\n",
    "seventeen digits": b"00000000000000005\r\nhello\r\n",
    "comma": b"5,5\r\nhello\r\n",
    "NUL": b"5\x00\r\nhello\r\n",
    "unicode digit": b"\xd9\xa5\r\nhello\r\n",
    "LF ends the size": b"5\nhello\r\n",
    "CR ends the size": b"5\rhello\r\n",
    "CR CR LF": b"5\r\r\nhello\r\n",
    "LF in the extension": b"5;a\nb\r\nhello\r\n",
    "CR in the extension": b"5;a\rb\r\nhello\r\n",
    "NUL in the extension": b"5;\x00\r\nhello\r\n",
    "data too short": b"6\r\nhello\r\n0\r\n\r\n",
    "data too long": b"4\r\nhello\r\n",
    "LF ends the data": b"5\r\nhello\n",
    "CR ends the data": b"5\r\nhello\rX",
    "other bytes end the data": b"5\r\nhelloXX",
    "LF ends the trailers": b"0\r\n\n",
    "LF ends the last size": b"0\n\r\n",
    "LF in the trailers": b"0\r\nX: y\nZ: z\r\n\r\n",
    "CR in the trailers": b"0\r\nX: y\rZ: z\r\n\r\n",
    "folded trailer": b"0\r\nX: y\r\n z\r\n\r\n",
    "trailer without colon": b"0\r\nX\r\n\r\n",
    "space before the colon": b"0\r\nX : y\r\n\r\n",
    "NUL in a trailer": b"0\r\nX: \x00\r\n\r\n",
    "request after the last size": b"0\r\nGET / HTTP/1.1\r\n\r\n",
}


def _post(framing: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: localhost\r\n" + framing + b"\r\n\r\n"


def _get(*lines: bytes) -> bytes:
    return head(*lines, line=b"GET / HTTP/1.1", host=b"Host: localhost\r\n")


# Whole conversations: what is said, and the statuses of what is answered before the connection ends.
SAID = {
    "row 6: a chunk of 2**64": ([413], _post(b"Transfer-Encoding: chunked") + b"ffffffffffffffff\r\n"),
    "row 7: 70 KB of extension": ([400], _post(b"Transfer-Encoding: chunked") + b"1;" + b"a" * 70_000),
    "row 7: 400 extensions": ([400], _post(b"Transfer-Encoding: chunked") + (b"1;" + b"a" * 4000 + b"\r\nx\r\n") * 400),
    "row 9: 200 KB of trailers": ([431], _post(b"Transfer-Encoding: chunked") + b"0\r\n" + b"X: yyyyyyy\r\n" * 16_000),
    "row 17: a length over the limit": ([413], _post(b"Content-Length: 99999999") + b"x" * 100_000),
    "row 18: after close": ([200], _get(b"Connection: close") * 2),
    "row 18: after an error": ([400], _get(b"X : y") + _get()),
    "row 18: after HTTP/1.0": ([200], b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n" * 2),
    "row 20: WebSocket and trailing bytes": (
        [200, 400],
        _get(b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 13") + b"\x81\x85abcdabcde",
    ),
    "row 20: h2c and its preface": (
        [200, 505],
        _get(b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")
        + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ),
    "nearly the preface of HTTP/2": ([505], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX"),
    "a TLS client": ([400], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200)),
    "noise": ([400], b"\x00\xff" * 1000),
    "SSH": ([400], b"SSH-2.0-OpenSSH_9.9\r\n\r\n"),
    "a line without end": ([414], b"A" * 100_000),
}
