"""A signature is of one key and one message; the private key is private."""

import base64
import stat

import pytest

from chassis.signing import SigningKey, open_signing_key, read_public_key, verified
from vitals.errors import UsageError


@pytest.fixture
def key(tmp_path):
    return open_signing_key(tmp_path / "hub.key")


def test_a_key_is_made_once_private_and_with_its_public_half_beside_it(tmp_path):
    path = tmp_path / "deep" / "hub.key"
    first = open_signing_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert open_signing_key(path).public == first.public
    assert read_public_key(path.with_suffix(".pub").read_text()) == first.public
    assert path.read_text().strip() not in path.with_suffix(".pub").read_text()


def test_the_signature_of_the_holder_is_good(key):
    assert verified(key.public, key.sign(b"rules"), b"rules")


def test_one_flipped_bit_anywhere_is_found(key):
    message = b"spo2 low 90"
    signature = key.sign(message)
    for place in range(len(message)):
        for bit in range(8):
            flipped = bytearray(message)
            flipped[place] ^= 1 << bit
            assert not verified(key.public, signature, bytes(flipped))


def test_the_signature_of_another_key_is_refused(key):
    assert not verified(key.public, SigningKey(b"\x01" * 32).sign(b"rules"), b"rules")


@pytest.mark.parametrize("signature", ["", "AAAA", "not base64!", "A" * 88])
def test_rubbish_is_no_signature_and_does_not_raise(key, signature):
    assert not verified(key.public, signature, b"rules")


def test_the_published_example_of_the_algorithm_is_met():
    """RFC 8032, section 7.1, test 2."""
    key = SigningKey(bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
    assert base64.b64decode(key.public).hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    assert base64.b64decode(key.sign(b"\x72")).hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_key_others_can_read_is_refused_with_the_remedy(tmp_path, mode):
    path = tmp_path / "hub.key"
    open_signing_key(path)
    path.chmod(mode)
    with pytest.raises(UsageError, match="chmod 600"):
        open_signing_key(path)


@pytest.mark.parametrize("text", ["", "AAAA", "not a key", "ü"])
def test_a_damaged_key_file_is_never_replaced_in_silence(tmp_path, text):
    path = tmp_path / "hub.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(UsageError, match="holds no signing key"):
        open_signing_key(path)
    assert path.read_text() == text


@pytest.mark.parametrize(
    "text", ["", "ed25519:", "ed25519:AAAA", "rsa:AAAA", "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw="]
)
def test_what_is_no_public_key_is_refused_in_words(text):
    with pytest.raises(ValueError, match=r"expected|written"):
        read_public_key(text)
