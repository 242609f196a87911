"""The file within a form, however the bytes come."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.roles.files.multipart import FilePart, NotMultipart, boundary_of, name_in

BOUNDARY = b"----a1b2"


def form(content: bytes, *, before: bytes = b"", after: bytes = b"") -> bytes:
    head = b'Content-Disposition: form-data; name="uploadfile"; filename="log 1.zip"\r\nContent-Type: application/zip'
    part = b"--" + BOUNDARY + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n"
    return before + part + after + b"--" + BOUNDARY + b"--\r\n"


FIELD = b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="user"\r\n\r\nfriend\r\n'


def read(body: bytes, cuts: list[int]) -> tuple[bytes, FilePart]:
    part, content, at = FilePart(BOUNDARY), b"", 0
    for cut in [*sorted(cuts), len(body)]:
        content += part.feed(body[at:cut])
        at = max(at, cut)
    return content, part


@given(
    st.binary(max_size=300) | st.lists(st.sampled_from([b"\r\n", b"--", BOUNDARY, b"x"])).map(b"".join),
    st.lists(st.integers(0, 900), max_size=8),
    st.sampled_from([b"", FIELD, b"preamble\r\n", FIELD * 2]),
    st.sampled_from([b"", FIELD]),
)
def test_a_file_comes_out_as_it_went_in_however_the_body_is_cut(
    content: bytes, cuts: list[int], before: bytes, after: bytes
) -> None:
    if b"\r\n--" + BOUNDARY in b"\r\n" + content:
        return  # No client chooses a boundary that stands in its file.
    body = form(content, before=before, after=after)
    got, part = read(body, [min(cut, len(body)) for cut in cuts])
    assert (got, part.name, part.whole) == (content, "log 1.zip", True)


@given(st.integers(0, 60))
def test_a_form_that_ends_early_is_not_whole(missing: int) -> None:
    body = form(b"content")
    end = body.rindex(b"\r\n--" + BOUNDARY)
    assert not read(body[: max(0, end + len(BOUNDARY) + 3 - missing)], [])[1].whole


@given(st.binary(max_size=2000), st.lists(st.integers(0, 2000), max_size=5))
def test_no_bytes_make_it_fail_otherwise_than_by_its_own_word(body: bytes, cuts: list[int]) -> None:
    with contextlib.suppress(NotMultipart):
        read(body, [min(cut, len(body)) for cut in cuts])


@pytest.mark.parametrize("body", [FIELD + b"--" + BOUNDARY + b"--\r\n", b"x" * 20_000])
def test_what_holds_no_file_is_refused(body: bytes) -> None:
    with pytest.raises(NotMultipart):
        read(body, [])


def test_a_boundary_is_read_from_the_content_type() -> None:
    assert boundary_of("application/octet-stream") is None
    assert boundary_of('multipart/form-data; boundary="x y"') == b"x y"
    for wrong in (
        "multipart/form-data",
        "multipart/form-data; boundary=",
        f"multipart/form-data; boundary={'x' * 71}",
    ):
        with pytest.raises(NotMultipart):
            boundary_of(wrong)


def test_the_name_of_a_raw_upload_is_in_its_content_disposition_as_n01_fr_19_has_it() -> None:
    assert name_in('form-data; name="uploadfile"; filename="logfile_20210420.zip"') == "logfile_20210420.zip"
    assert name_in("form-data; name=x") is None
    assert name_in("") is None
