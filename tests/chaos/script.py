"""A gateway that is only a script: it sends whatever a test wants, and sends it again until the hub has answered."""

import json
import threading
import time

import paho.mqtt.client as mqtt

from vitals.alarms import Alarm, alarm_id
from vitals.bundles import BedsideReport
from vitals.codec import encode
from vitals.readings import GAP_DEVICE, Gap, Record
from vitals.waves import WaveFrame, encode_frame

EPOCH = 7
PREFIX = "wardline/v1/"
BATCH = 500


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Script:
    """Gateway `name`; also a client that gives commands, and one that hears every event of the ward."""

    def __init__(self, port: int, name: str) -> None:
        self.name = name
        self.sent: set[int] = set()  # every seq that is a record or a wave
        self.gaps: set[int] = set()
        self.refused: set[int] = set()
        self.requests: set[str] = set()
        self.reported: list[Alarm] = []
        self.events: list[dict] = []  # heard on the ward's topic
        self.answers: list[dict] = []
        self.hub_started = 0
        self._seq = 0
        self._waiting: dict[int, tuple[str, bytes]] = {}  # seq → (channel, body), without a receipt
        self._unanswered: dict[str, bytes] = {}
        self._untold = False  # a hub has started since it was last told what the bedside raised
        self._lock = threading.Lock()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
        self._client.on_message = self._take
        self._client.on_connect = lambda client, *_: [
            client.subscribe(PREFIX + topic, qos=1)
            for topic in (f"down/{name}/receipt", "ward/+/event", "result/script/+", "hub/+/status")
        ]
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    # Stimuli

    def reading(self, device: str, spo2: float = 97.0, age_ms: int = 0) -> None:
        """One record; one that is old goes the backfill lane."""
        record = Record(seq=self._next(), device=device, time=now_ms() - age_ms, values={"spo2": spo2})
        self.sent.add(record.seq)
        self._put(record.seq, "backfill" if age_ms else "vitals", encode(record))

    def wave(self, device: str, unit: str = "1") -> None:
        """A stretch of a signal; without a unit the hub refuses it."""
        seq = self._next()
        (self.sent if unit else self.refused).add(seq)
        frame = WaveFrame(EPOCH, seq, device, "pleth", now_ms(), "synced", 50.0, 1.0, 0.0, unit, bytes(50))
        self._put(seq, "wave", encode_frame(frame))

    def gap(self) -> None:
        """Three seqs that will never come, and the record that says so."""
        first = self._seq + 1
        self._seq += 3
        seq = self._next()
        self.gaps |= {first, first + 1, first + 2}
        self.sent.add(seq)
        gap = Gap(first=first, last=first + 2, count=3, reason="spool_full", epoch=EPOCH)
        self._put(seq, "vitals", encode(Record(seq=seq, device=GAP_DEVICE, time=now_ms(), gap=gap)))

    def command(self) -> None:
        """A command that leaves a row, whatever comes of it."""
        request = f"request-{len(self.requests)}"
        self.requests.add(request)
        self._unanswered[request] = json.dumps(
            {"request": request, "by": "nurse-1", "alarm": "0" * 16, "reason": ""}
        ).encode()

    def report(self, ward: str, bed: str) -> None:
        """An alarm the bedside has raised while nobody heard the hub."""
        onset = now_ms() - 60_000 + len(self.reported)
        alarm = Alarm(
            id=alarm_id("spo2-low", ward, bed, onset),
            rule="spo2-low",
            ward=ward,
            bed=bed,
            kind="physiological",
            priority="low",
            state="active",
            rev=1,
            message="SpO2 low",
            onset=onset,
            raised=onset,
            changed=onset,
            bedside=True,
        )
        self.reported.append(alarm)

    # Until it is answered

    def pump(self) -> None:
        """Send once more whatever has no answer."""
        with self._lock:
            waiting = sorted(self._waiting.items())
        for channel in ("vitals", "backfill"):
            bodies = [body for _, (lane, body) in waiting if lane == channel][:BATCH]
            if bodies:
                self._publish(channel, b'{"epoch":%d,"records":[%b]}' % (EPOCH, b",".join(bodies)))
        frames = [body for _, (lane, body) in waiting if lane == "wave"]
        if frames:
            self._publish("wave", b"".join(frames[:BATCH]))
        if self.reported and (self._untold or self.reported[-1].id not in self.raised()):
            self._untold = False
            report = BedsideReport(gateway=self.name, time=now_ms(), standing=self.reported[-1:])
            self._publish("bedside", encode(report))
        for body in list(self._unanswered.values()):
            self._client.publish(f"{PREFIX}command/script/acknowledge", body, qos=1)

    @property
    def settled(self) -> bool:
        """Whether every record has its receipt, every command its answer, and every report was heard."""
        told = not self.reported or (self.reported[-1].id in self.raised() and not self._untold)
        return told and not self._waiting and not self._unanswered

    @property
    def open(self) -> str:
        """What has no answer, for a failing test."""
        return f"records {sorted(self._waiting)}, commands {sorted(self._unanswered)}, untold {self._untold}"

    def raised(self) -> set[str]:
        """The alarms of patients heard as raised."""
        return {
            event["alarm"]["id"]
            for event in self.events
            if event["change"] == "raised" and event["alarm"]["rule"] == "spo2-low"
        }

    def close(self) -> None:
        """Hang up."""
        self._client.disconnect()
        self._client.loop_stop()

    def _next(self) -> int:
        self._seq += 1
        return self._seq

    def _put(self, seq: int, channel: str, body: bytes) -> None:
        with self._lock:
            self._waiting[seq] = (channel, body)

    def _publish(self, channel: str, payload: bytes) -> None:
        self._client.publish(f"{PREFIX}up/{self.name}/{channel}", payload, qos=1)

    def _take(self, _client, _data, message) -> None:
        words = json.loads(message.payload)
        if message.topic.endswith("/receipt"):
            if words["epoch"] != EPOCH:
                return
            with self._lock:
                for low, high in words["committed"]:
                    for seq in [seq for seq in self._waiting if low <= seq <= high]:
                        del self._waiting[seq]
        elif message.topic.endswith("/event"):
            self.events.append(words)
        elif message.topic.endswith("/status"):
            if words["online"] and words["started"] != self.hub_started:
                self._untold = True
                self.hub_started = words["started"]
        else:
            self.answers.append(words)
            self._unanswered.pop(words["request"], None)
