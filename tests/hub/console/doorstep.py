"""A console in this process, without a broker: people come to its door, and the clock is moved by hand."""

import asyncio
import json

import httpx

from chassis.settings import read_settings
from hub.console.app import _console, make_app
from hub.console.commands import Commands
from hub.console.waves import WaveRelay
from hub.journal import Journal
from hub.registry import Registry
from hub.settings import HubSettings
from vitals.alarms import Alarm, alarm_id
from vitals.commands import Result

SETTINGS = """\
hub: hub-1
console: {console}
wards:
  - {{id: icu, title: Intensive care, beds: [{{id: "1"}}, {{id: "2"}}]}}
  - {{id: surgery, title: Surgery, beds: [{{id: "1"}}]}}
gateways:
  - id: gw-1
    devices: [{{id: mon-1, bed: icu/1}}, {{id: spare}}]
  - id: gw-2
    devices: [{{id: mon-2, bed: surgery/1}}]
"""
T0 = 1_763_682_504_000
MINUTE, HOUR = 60_000, 3_600_000
PASSWORD = "correct horse battery staple"
URL = "http://127.0.0.1:8080"


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self):
        self.now = T0

    def wall_ms(self):
        return self.now

    def steady_ms(self):
        return self.now


class Door:
    """The app, and browsers before it. `asked` are the commands the hub was sent; it does them all."""

    def __init__(self, folder, console="{}"):
        self.folder, self.clock, self.asked, self.loop = folder, HandClock(), [], asyncio.Runner()
        path = folder / "hub.yaml"
        path.write_text(SETTINGS.format(console=console))
        self.settings = read_settings(path, HubSettings)
        self.journal = Journal(folder / "journal.db")
        self.start()

    def start(self):
        registry = Registry(self.settings)
        commands = Commands("console", self._publish)
        waves = WaveRelay(registry, lambda _topic: None, lambda _topic: None)
        self.console = _console(self.settings, registry, self.folder, self.clock, commands, waves, lambda: True)
        self.people = self.console.people
        self.app = make_app(self.console, self.settings.console)

    def _publish(self, topic, payload):
        said = json.loads(payload)
        self.asked.append((topic.split("/")[-1], said))
        result = Result(request=said["request"], done=True, alarm=said.get("alarm", ""), state="acknowledged")
        asyncio.get_running_loop().call_soon(self.console.commands.answered, result)
        return True

    def browser(self, **headers):
        """Somebody's browser, or a program."""
        return Browser(self, headers)

    def sign_in(self, role="administrator", wards=None, name=None):
        """The browser of a new person of this role."""
        name = name or f"{role}-{len(self.people.accounts.all())}"
        accounts, doer = self.people.accounts, self.people.console()
        key = accounts.add(name, "", role, wards, doer)
        browser = self.browser()
        assert browser.post("/api/v1/link", {"key": key, "password": PASSWORD}).status_code == 200
        return browser

    def alarm(self, ward="icu", bed="1"):
        """An alarm that stands."""
        number = alarm_id("spo2-low", ward, bed, T0)
        alarm = Alarm(
            id=number, rule="spo2-low", ward=ward, bed=bed, kind="physiological", priority="high", state="active",
            rev=1, message="SpO2 low", onset=T0, raised=T0, changed=T0,
        )  # fmt: skip
        self.console.wards.take_alarm(ward, bed, "spo2-low", alarm)
        return number

    def trail(self, *columns):
        """What the audit trail has, oldest first."""
        return self.people.store.rows(f"SELECT {', '.join(columns)} FROM audit ORDER BY id")

    def pass_time(self, milliseconds):
        self.clock.now += milliseconds

    def stop(self):
        """The console ends; its files stay."""
        self.console.archive.close()
        self.console.pages.close()
        self.people.close()

    def close(self):
        self.stop()
        self.journal.close()
        self.loop.close()


class Browser:
    """Sends what a page of the console sends."""

    def __init__(self, door, headers):
        self._loop = door.loop
        transport = httpx.ASGITransport(app=door.app, client=("127.0.0.1", 50_000))
        self.client = httpx.AsyncClient(transport=transport, base_url=URL, headers=headers)

    @property
    def cookies(self):
        return self.client.cookies

    def request(self, method, path, **more):
        return self._loop.run(self.client.request(method, path, **more))

    def get(self, path):
        return self.request("GET", path)

    def post(self, path, body=None, method="POST", **headers):
        word = self.cookies.get("wardline_csrf")
        headers = {"X-CSRF-Token": word, **headers} if word else headers
        return self.request(method, path, json={} if body is None else body, headers=headers)

    def put(self, path, body):
        return self.post(path, body, "PUT")

    def delete(self, path):
        return self.post(path, None, "DELETE")
