"""Webhooks that are verified as their specification says, services behind Apprise, and couriers that outlive both."""

import base64
import hashlib
import hmac
import json
import sys
import threading
import time

import pytest

from hub.pagers.courier import Courier
from hub.pagers.notify import NotifyChannel
from hub.pagers.webhook import WebhookChannel, signing_key
from rules.rotas import Webhook
from vitals.durations import Duration
from vitals.errors import LinkError, UsageError
from vitals.pages import Page

KEY = b"a key of our own"
NOW = 1_763_682_504_140


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "hook"
    path.write_text(f"whsec_{base64.b64encode(KEY).decode()}\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def channel(tmp_path, secret):
    def make(url, timeout=1_000):
        settings = Webhook(url=url, secret="file:hook", timeout=Duration(timeout))
        return WebhookChannel(settings, tmp_path, "hub-1", lambda: NOW)

    return make


def page(id_="a" * 16):
    return Page(id=id_, recipient="nurse-1", time=NOW, title="*** icu, 7: SpO2 low", text="Look.", alarms=[])


def test_a_page_is_a_cloud_event_with_a_signature_anybody_can_verify(channel, new_receiver):
    receiver = new_receiver()
    channel(receiver.url).deliver(page())
    headers, body = receiver.posts.get(timeout=5)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["webhook-timestamp"] == "1763682504"
    assert headers["Content-Type"] == "application/cloudevents+json"
    event = json.loads(body)
    assert event.pop("data")["title"] == "*** icu, 7: SpO2 low"
    assert event == {
        "specversion": "1.0",
        "type": "wardline.page",
        "source": "/wardline/hub/hub-1",
        "id": "a" * 16,
        "subject": "nurse-1",
        "time": "2025-11-20T23:48:24.140+00:00",
        "datacontenttype": "application/json",
    }


def test_a_signature_is_the_one_of_the_specification():
    # The worked example of the Standard Webhooks specification.
    from hub.pagers.webhook import sign

    key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    assert sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body) == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@pytest.mark.parametrize("status", [302, 400, 500])
def test_any_other_answer_is_a_failure(channel, new_receiver, status):
    with pytest.raises(LinkError, match=f"answered {status}"):
        channel(new_receiver(status=status).url).deliver(page())


def test_a_frozen_or_absent_receiver_is_a_failure_within_its_time(channel, new_receiver):
    frozen = new_receiver()
    frozen.thaw.clear()
    with pytest.raises(LinkError, match="does not answer: timed out"):
        channel(frozen.url).deliver(page())
    with pytest.raises(LinkError, match="does not answer"):
        channel("http://127.0.0.1:9/").deliver(page())


def test_a_secret_that_is_no_base64_is_refused():
    with pytest.raises(UsageError, match="not base64"):
        signing_key("whsec_***")
    assert signing_key("plain") == b"plain"


def test_without_apprise_the_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(UsageError, match=r"install wardline\[notify\]"):
        NotifyChannel("env:NOTIFY", tmp_path)


APPRISE = '''
class Apprise:
    """Understands file addresses only: what is sent is a line of that file."""
    def add(self, url):
        self.url = url
        return url.startswith("file://")
    def notify(self, title, body):
        with open(self.url.removeprefix("file://"), "a") as file:
            file.write(f"{title}|{body}")
        return "broken" not in self.url
'''


def test_a_page_goes_out_through_apprise(tmp_path, monkeypatch):
    (tmp_path / "apprise.py").write_text(APPRISE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "apprise", raising=False)
    monkeypatch.setenv("NOTIFY", f"file://{tmp_path}/sent")
    NotifyChannel("env:NOTIFY", tmp_path).deliver(page())
    assert (tmp_path / "sent").read_text() == "*** icu, 7: SpO2 low|Look."
    monkeypatch.setenv("NOTIFY", f"file://{tmp_path}/broken")
    with pytest.raises(LinkError):
        NotifyChannel("env:NOTIFY", tmp_path).deliver(page())
    monkeypatch.setenv("NOTIFY", "nonsense://secret-word")
    with pytest.raises(UsageError, match="does not understand the URL in env:NOTIFY") as caught:
        NotifyChannel("env:NOTIFY", tmp_path)
    assert "secret-word" not in str(caught.value)


# Couriers.


class Channel:
    """A channel that does what the test says: an exception to raise, or None."""

    name = "webhook"
    confirms = True

    def __init__(self, *answers):
        self.answers, self.delivered = list(answers), []

    def deliver(self, page):
        self.delivered.append(page)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer


@pytest.fixture
def carry(monkeypatch):
    """Run a courier over some pages; the words it reports."""
    monkeypatch.setattr("hub.pagers.courier.RETRY_S", (0.0, 0.0))
    made = []

    def run(channel, *pages, wanted=lambda _: True, words=1):
        said = []
        courier = Courier("nurse-1", channel, wanted, said.append, lambda: 5_000)
        made.append(courier)
        for one in pages:
            courier.take(one)
        courier.start()
        deadline = time.monotonic() + 30
        while len(said) < words and time.monotonic() < deadline:
            threading.Event().wait(0.005)
        return courier, [(word.delivery[0], word.outcome, word.reason) for word in said]

    yield run
    for courier in made:
        courier.halt()
        courier._thread.join(timeout=5)


def test_a_courier_tries_again_and_then_says_it_has_arrived(carry):
    channel = Channel(LinkError("gone"), LinkError("gone"))
    courier, said = carry(channel, page())
    assert said == [("a", "received", "")]
    assert len(channel.delivered) == 3
    assert courier.health.reason == ""


def test_a_courier_gives_a_page_back_with_the_reason_and_goes_on_with_the_next(carry):
    channel = Channel(*[LinkError("gone")] * 3)
    courier, said = carry(channel, page(), page("b" * 16), words=2)
    assert said == [("a", "trouble", "webhook: gone"), ("b", "received", "")]
    assert courier.health.failing_since is None


def test_a_failing_channel_remembers_since_when(carry):
    courier, _ = carry(Channel(*[LinkError("gone")] * 3), page())
    assert (courier.health.reason, courier.health.failing_since) == ("webhook: gone", 5_000)


def test_a_page_nobody_wants_any_more_is_not_carried(carry):
    channel = Channel()
    _, said = carry(channel, page(), page("b" * 16), wanted=lambda id_: id_[0] == "b")
    assert said == [("b", "received", "")]


def test_the_newest_of_a_page_is_carried(carry):
    channel = Channel()
    newer = Page(id="a" * 16, recipient="nurse-1", time=NOW, attempt=2, title="x", text="", alarms=[])
    _, said = carry(channel, page(), newer)
    assert [one.attempt for one in channel.delivered] == [2]
    assert len(said) == 1


def test_a_library_that_breaks_does_not_end_the_courier(carry, caplog):
    _, said = carry(Channel(*[RuntimeError("boom")] * 3), page(), page("b" * 16), words=2)
    assert said[0] == ("a", "trouble", "webhook: RuntimeError")
    assert said[1][1] == "received"
    caplog.clear()
