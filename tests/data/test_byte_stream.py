import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfcompress.data.byte_stream import RewrittenStream


def read_all(content, sizes, **options):
    stream = RewrittenStream(io.BytesIO(content), **options)
    parts = []
    while part := stream.read(sizes[len(parts) % len(sizes)]):
        parts.append(part)
    return parts, stream


@given(
    st.text('ab:"é\n', max_size=40).map(str.encode),
    st.lists(st.integers(4, 9), min_size=1),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_the_whole_comes_in_the_sizes_asked_for(content, sizes, marked, double, from_latin1):
    given = b"\xef\xbb\xbf" * marked + content
    options = {"separator": b"::" if double else None, "from_latin1": from_latin1}
    parts, stream = read_all(given, sizes, **options)
    expected = content.replace(b"::", b"\x1f") if double else content
    expected = expected.decode("latin-1").encode() if from_latin1 else expected
    assert b"".join(parts) == expected
    assert [len(part) for part in parts[:-1]] == [
        sizes[k % len(sizes)] for k in range(len(parts) - 1)
    ]
    assert stream.num_quotes == content.count(b'"')
    assert stream.num_lines == len(given.splitlines())


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize("last", [b"", b"b"])
def test_lines_are_counted_however_they_end(end, last):
    _, stream = read_all(b"a" + end + end + last, [2], separator=None, from_latin1=False)
    assert stream.num_lines == 2 + len(last)


@pytest.mark.parametrize("separator", [None, b"::"])
def test_all_at_once(separator):
    stream = RewrittenStream(io.BytesIO(b"a::b:"), separator, False)
    assert stream.read() == (b"a\x1fb:" if separator else b"a::b:")
    assert stream.read() == b""
