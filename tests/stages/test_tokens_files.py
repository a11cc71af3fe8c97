"""Files: the pages of a PDF, wherever they are named."""

import base64
import zlib

from hypothesis import given
from hypothesis import strategies as st

from stages.tokens.files import MOST, PAGE_BYTES, pages

PAGE = b"<< /Type /Page /Parent 1 0 R >>\n"
TREE = b"<< /Type /Pages /Kids [] /Count %d >>\n"


def text(data: bytes) -> str:
    return base64.b64encode(b"%PDF-1.7\n" + data).decode()


def packed(data: bytes) -> bytes:
    """*data* in a compressed stream of objects."""
    inside = zlib.compress(data)
    return b"9 0 obj << /Type /ObjStm /N 3 /Filter /FlateDecode /Length %d >> stream\r\n%s\nendstream\n" % (
        len(inside),
        inside,
    )


def test_pages_are_counted_in_the_open() -> None:
    """Each is an object; the tree above them is none."""
    assert pages(text(PAGE * 3 + TREE % 3)) == 3
    assert pages(text(PAGE.replace(b"/Type /Page", b"/Type/Page") * 2)) == 2


def test_pages_are_counted_in_streams_of_objects() -> None:
    """As writers of today put them."""
    assert pages(text(packed(PAGE * 4) + packed(PAGE * 5))) == 9


def test_the_tree_tells_where_no_page_shows() -> None:
    """The greatest count of any tree is the document's."""
    assert pages(text(TREE % 2 + TREE % 7)) == 7


def test_the_size_has_to_do_where_nothing_shows() -> None:
    """At least a page, as many as there may be at most."""
    assert pages(text(b"")) == pages("") == pages("not base64 ü") == 1
    assert pages(text(b"x" * PAGE_BYTES * 4)) == 4
    assert pages(text(TREE % 999_999)) == MOST


def test_a_bomb_is_not_inflated() -> None:
    """A stream that would become a gigabyte is looked at as far as a megabyte."""
    deflate = zlib.compressobj()
    bomb = b"".join(deflate.compress(b"\0" * (1 << 20)) for _ in range(64)) + deflate.flush()
    assert pages(text(b"<< /Type /ObjStm >> stream\n" + bomb)) >= 1


@given(st.binary())
def test_nothing_is_raised(data: bytes) -> None:
    """Whatever the file is."""
    assert 1 <= pages(text(data + b"/Type /ObjStm stream\n" + data)) <= MOST
