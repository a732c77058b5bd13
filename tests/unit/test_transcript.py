"""Transcripts are read back exactly, however they are cut."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import transcript
from agents.recording import PART, ErrorLog, Lines, Transcript, write_whole
from agents.transcript import Reader, Record


def records(data: bytes, size: int = 10_000) -> list[Record]:
    reader = Reader()
    found = []
    for start in range(0, len(data), size):
        found += reader.feed(data[start : start + size])
    assert reader.offset == len(data)
    return found


@given(lines=st.lists(st.binary(max_size=40)), cut=st.integers(1, 17), size=st.integers(1, 99))
def test_every_byte_comes_back(lines: list[bytes], cut: int, size: int) -> None:
    printed = b"".join(line.replace(b"\n", b"") + b"\n" for line in lines)
    writer = Lines()
    data = b"".join(
        writer.entries(printed[start : start + cut]) for start in range(0, len(printed), cut)
    )
    found = records(data, size)
    assert [record.value for record in found] == printed.split(b"\n")[:-1]
    assert [record.position for record in found] == [
        index + 1 for index, byte in enumerate(data) if byte == 10
    ]


def test_a_line_longer_than_memory_allows_is_kept_in_parts() -> None:
    line = bytes(range(11, 256)) * 5_000
    writer = Lines()
    data = b"".join(
        writer.entries((line + b"\n")[at : at + 65_536]) for at in range(0, len(line) + 1, 65_536)
    )
    assert len(writer.partial) == 0
    assert data.count(b'"more":true') == len(line) // (PART + 65_536 - PART % 65_536)
    (record,) = records(data)
    assert record.value == line


def test_a_line_without_newline_is_not_lost() -> None:
    writer = Lines()
    data = writer.entries(b"whole\nlast") + writer.last()
    assert [record.value for record in records(data)] == [b"whole", b"last"]
    assert writer.last() == b""


def test_something_else_may_stand_between_the_parts_of_a_line() -> None:
    data = b'{"agent":"a","more":true}\n{"sent":"x"}\n{"agent":"b"}\n'
    assert [(r.kind, r.value) for r in records(data)] == [("sent", b"x"), ("agent", b"ab")]


def test_torn_and_damaged_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    file = tmp_path / "t"
    file.write_bytes(b'{"agent":"one"}\n{"agent":"to')
    Transcript(str(file)).record(note={"a": 1})
    data = file.read_bytes() + b'\0\0\0\n[]\n{"agent":5}\n{"other":1}\n{"agent":"two"}\n{"agent":"t'
    reader = Reader()
    found = list(reader.feed(data))
    assert [record.value for record in found] == [b"one", {"a": 1}, b"two"]
    assert reader.damaged == 5


def test_a_line_too_long_to_look_at_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "LONGEST", 10)
    part = b'{"agent":"12345678","more":true}\n'
    found = records(part * 3 + b'{"agent":""}\n{"agent":"next"}\n')
    assert [(r.kind, r.value) for r in found] == [("too_long", 24), ("agent", b"next")]


def test_the_error_log_keeps_the_newest(tmp_path: Path) -> None:
    log = ErrorLog(str(tmp_path))
    for number in range(60):
        log.write(b"%05d" % number * 10_000)
    assert log.total == 60 * 50_000
    assert log.tail.endswith(b"00059" * 10)
    kept = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert 1_000_000 <= kept <= 2_000_000
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "exit.json"
    file.write_text("old")
    write_whole(str(file), b"new")
    assert file.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["exit.json"]
