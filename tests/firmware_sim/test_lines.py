"""Lines: real ptys read through pyserial, TCP on loopback, and readers that do not behave."""

import asyncio
import os
import socket
import time

import pytest
import serial

from firmware_sim.lines.pty import PtyLine
from firmware_sim.lines.tcp import HELD_BYTES, TcpLine
from vitals.errors import UsageError


@pytest.fixture
def line(tmp_path):
    line = PtyLine(tmp_path / "lines" / "mon-1")
    yield line
    line.close()


def open_port(address):
    return serial.Serial(str(address), 9_600, timeout=0.5)


def test_every_byte_value_passes_the_pty_unchanged(line):
    data = bytes(range(256))
    with open_port(line.address) as port:
        line.write(data)
        assert port.read(256) == data
    assert line.dropped == 0


def test_monitor_hears_what_the_reader_writes_and_nothing_is_echoed(line, until):
    with open_port(line.address) as port:
        port.write(b"\x02\x70\x02\x02\x07\x03")
        assert until(line.read) == b"\x02\x70\x02\x02\x07\x03"
        port.timeout = 0.05
        assert port.read(1) == b""
    assert line.read() == b""


def test_bytes_nobody_listened_to_are_not_heard_later(line):
    line.write(b"before")
    with open_port(line.address) as port:
        line.write(b"now")
        assert port.read(3) == b"now"
    line.write(b"between")
    with open_port(line.address) as port:
        line.write(b"again")
        assert port.read(5) == b"again"
    assert line.dropped == len(b"before" + b"between")


def test_reader_that_never_reads_blocks_nobody_and_loses_bytes(line):
    with open_port(line.address):
        started = time.monotonic()
        for _ in range(2_000):
            line.write(b"x" * 1_000)
        assert time.monotonic() - started < 5
    assert 1_900_000 < line.dropped < 2_000_000


def test_reader_sees_an_unplugged_line_and_finds_the_new_one_under_the_same_name(line, tmp_path):
    with open_port(line.address) as port:
        line.write(b"a")
        assert port.read(1) == b"a"
        line_again = PtyLine(tmp_path / "lines" / "mon-1")
        line.close()
        with pytest.raises(serial.SerialException):
            port.read(1)
    with open_port(tmp_path / "lines" / "mon-1") as port:
        line_again.write(b"b")
        assert port.read(1) == b"b"
    line_again.close()
    assert not os.path.lexists(tmp_path / "lines" / "mon-1")


def test_stale_link_is_replaced(tmp_path):
    link = tmp_path / "mon"
    link.symlink_to("/dev/pts/99999")
    line = PtyLine(link)
    assert os.readlink(link) == line.port
    line.close()


def test_file_is_never_replaced_by_a_link(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="no symbolic link"):
        PtyLine(tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_tcp_readers_hear_from_now_on_and_may_answer():
    async def run():
        line = await TcpLine.open(0)
        host, _, port = line.address.partition(":")
        line.write(b"nobody")
        reader, writer = await asyncio.open_connection(host, int(port))
        async with asyncio.timeout(5):
            while not line._readers:
                await asyncio.sleep(0.01)
            line.write(b"vitals")
            assert await reader.readexactly(6) == b"vitals"
            writer.write(b"command")
            heard = b""
            while heard != b"command":
                await asyncio.sleep(0.01)
                heard += line.read()
            assert line.dropped == len(b"nobody")
            line.close()
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                await reader.readexactly(1)
        writer.close()

    asyncio.run(run())


def test_tcp_reader_that_never_reads_loses_bytes_and_holds_little_memory():
    async def run():
        line = await TcpLine.open(0)
        host, _, port = line.address.partition(":")
        with socket.create_connection((host, int(port))):
            async with asyncio.timeout(10):
                while not line._readers:
                    await asyncio.sleep(0.01)
                for _ in range(20_000):
                    line.write(b"x" * 1_000)
                    await asyncio.sleep(0)
            (transport,) = line._readers
            assert transport.get_write_buffer_size() <= HELD_BYTES
            assert line.dropped > 1_000_000
        line.close()
        await asyncio.sleep(0)

    asyncio.run(run())


def test_taken_port_is_said():
    async def run():
        first = await TcpLine.open(0)
        port = int(first.address.partition(":")[2])
        with pytest.raises(UsageError, match=f"port {port}.*--tcp PORT"):
            await TcpLine.open(port)
        first.close()

    asyncio.run(run())
