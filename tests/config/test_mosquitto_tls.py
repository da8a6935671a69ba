"""The TLS listener we recommend, on the real mosquitto: a gateway is its certificate, and nobody else gets in."""

import asyncio
import os
import re
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from chassis.listener import Listener
from chassis.mqtt import BrokerSettings, TlsSettings
from chassis.packets import length
from vitals.errors import LinkError
from wardline.credentials import Client, write_broker_files

pytestmark = pytest.mark.broker

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config/mosquitto/mosquitto.conf"
CONNECT = b"\x10\x11\x00\x04MQTT\x04\x02\x00\x0f\x00\x05gw-01"
ACCEPTED = b"\x20\x02\x00\x00"

_CA_SETTINGS = """\
[ca]
default_ca = authority
[authority]
dir = {folder}
database = {folder}/index.txt
serial = {folder}/serial
crlnumber = {folder}/crlnumber
new_certs_dir = {folder}
certificate = {folder}/ca.crt
private_key = {folder}/ca.key
default_md = sha256
default_days = 2
default_crl_days = 2
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""


class Authority:
    """A certificate authority of a few minutes, made with openssl."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "index.txt").write_text("")
        (folder / "serial").write_text("01\n")
        (folder / "crlnumber").write_text("01\n")
        (folder / "ca.cnf").write_text(_CA_SETTINGS.format(folder=folder))
        self._run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test-ca "
                  f"-keyout {folder}/ca.key -out {folder}/ca.crt -addext keyUsage=keyCertSign,cRLSign")  # fmt: skip
        self.revoke()

    def issue(self, name: str) -> None:
        """A key and a certificate `name`.key and `name`.crt."""
        at = self.folder / name
        self._run("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -addext subjectAltName=IP:127.0.0.1 "
                  f"-subj /CN={name} -keyout {at}.key -out {at}.csr")  # fmt: skip
        self._run(f"ca -batch -notext -config {self.folder}/ca.cnf -in {at}.csr -out {at}.crt")

    def revoke(self, name: str | None = None) -> None:
        """Take a certificate back and write the list of those."""
        if name is not None:
            self._run(f"ca -config {self.folder}/ca.cnf -revoke {self.folder}/{name}.crt")
        self._run(f"ca -gencrl -config {self.folder}/ca.cnf -out {self.folder}/ca.crl")

    def _run(self, words: str) -> None:
        done = subprocess.run(["openssl", *words.split()], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    if shutil.which("openssl") is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("openssl is not installed")
    authority = Authority(tmp_path_factory.mktemp("tls") / "ca")
    for name in ("server", "gw-01", "gw-02", "hub-1"):
        authority.issue(name)
    authority.revoke("gw-02")
    return authority


@pytest.fixture
def port(authority, new_broker, tmp_path):
    """The port of a mosquitto with the marked lines of the shipped file, and nothing but them, on its listener."""
    write_broker_files(tmp_path, [Client("gw-01", "gateway"), Client("gw-02", "gateway"), Client("hub-1", "hub")])
    listener, *lines = re.findall(r"^#tls (.*)$", CONFIG.read_text(), flags=re.M)
    assert listener == "listener 8883"
    text = "\n".join(lines).replace("/etc/mosquitto/certs", str(authority.folder))
    return new_broker(settings=f"{text}\nallow_anonymous false\nacl_file {tmp_path}/broker/acl\n").port


def tls(authority: Authority, certificate: Path | None, version=ssl.TLSVersion.TLSv1_2) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=str(authority.folder / "ca.crt"))
    made.maximum_version = version
    if certificate is not None:
        made.load_cert_chain(f"{certificate}.crt", f"{certificate}.key")
    return made


def answer(port: int, context: ssl.SSLContext | None) -> bytes:
    """What the broker says to CONNECT; nothing if it hangs up."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
            if context is None:
                plain.sendall(CONNECT)
                return plain.recv(4)
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as line:
                line.sendall(CONNECT)
                return line.recv(4)
    except (ssl.SSLError, ConnectionError):
        return b""


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_gateway_gets_in_with_its_certificate(port, authority, version):
    assert answer(port, tls(authority, authority.folder / "gw-01", version)) == ACCEPTED


def test_without_a_certificate_nobody_gets_in(port, authority):
    assert answer(port, tls(authority, None)) == b""


def test_a_revoked_certificate_is_refused(port, authority):
    assert answer(port, tls(authority, authority.folder / "gw-02")) == b""


def test_a_certificate_of_another_authority_is_refused(port, authority, tmp_path):
    other = Authority(tmp_path / "other")
    other.issue("gw-01")
    assert answer(port, tls(authority, other.folder / "gw-01")) == b""


def test_an_old_version_of_tls_is_refused(port, authority):
    at = authority.folder / "gw-01"
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-cert", f"{at}.crt", "-key", f"{at}.key"]
    for option, accepted in (("-tls1_1", False), ("-tls1_2", True)):
        words = [*command, option, "-cipher", "DEFAULT@SECLEVEL=0"]
        done = subprocess.run(words, input="", capture_output=True, text=True, timeout=20, check=False)
        assert (done.returncode == 0) is accepted


def test_plain_text_to_the_tls_port_is_refused(port):
    assert answer(port, None) == b""


@pytest.mark.parametrize("certificate", ["hub-1", None])
def test_a_hub_listens_over_tls_and_only_with_its_certificate(port, authority, certificate):
    folder = authority.folder
    identity = {"cert": folder / "hub-1.crt", "key": folder / "hub-1.key"} if certificate else {}
    broker = BrokerSettings(host="127.0.0.1", port=port, tls=TlsSettings(ca=folder / "ca.crt", **identity))
    heard = []

    async def hear():
        listener = Listener(
            broker,
            folder,
            client_id="hub-1-listener",
            subscriptions=["wardline/v1/up/+/+"],
            on_message=lambda *message: heard.append(message),
            on_connect=lambda: asyncio.get_running_loop().run_in_executor(None, say, port, authority),
        )
        running = asyncio.create_task(listener.run())
        async with asyncio.timeout(10):
            while not heard and not running.done():
                await asyncio.sleep(0.02)
        running.cancel()
        return (await asyncio.gather(running, return_exceptions=True))[0]

    ended = asyncio.run(hear())
    if certificate:
        assert heard == [("wardline/v1/up/gw-01/vitals", b"x" * 40_000, False)]
    else:
        assert isinstance(ended, LinkError)


def say(port, authority):
    """Publish something longer than a TLS record as gateway gw-01."""
    topic = b"wardline/v1/up/gw-01/vitals"
    body = len(topic).to_bytes(2, "big") + topic + b"x" * 40_000
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        tls(authority, authority.folder / "gw-01").wrap_socket(plain, server_hostname="127.0.0.1") as line,
    ):
        line.sendall(CONNECT)
        assert line.recv(4) == ACCEPTED
        line.sendall(b"\x30" + length(len(body)) + body + b"\xc0\x00")
        assert line.recv(2) == b"\xd0\x00"  # the answer to the ping behind it: the broker has read it all
