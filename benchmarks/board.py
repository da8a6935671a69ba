"""The ward board: frames and JavaScript per frame, first paint, memory over an hour, 50 screens beside alarms.

    python benchmarks/board.py sweep      # 32 beds x 3 waves on one canvas
    python benchmarks/board.py page       # the whole board with 32 beds, live
    python benchmarks/board.py hour       # an hour of messages and frames in a minute
    python benchmarks/board.py screens    # alarms at one screen, alone and beside 50 others

A real console, broker and headless Chromium on this machine; the hub is a script that says what a hub says.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.sync_api import Page, sync_playwright
from websockets.sync.client import connect

from benchmarks.processes import free_port, mosquitto, stop
from vitals import topics
from vitals.waves import WaveFrame, encode_frame, quantise

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --enable-precise-memory-info"
).split()
RATES = {"ecg_ii": 250.0, "pleth": 125.0, "resp": 62.5}
BEDS = 32
SCREENS = 50


def main() -> int:
    """Run one part and print what it found."""
    parts = {"sweep": sweep, "page": page, "hour": hour, "screens": screens}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=[*parts, "watch"])
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part == "watch":
        return watch(arguments.url)
    if mosquitto() is None:
        print("mosquitto is not installed; on Debian: apt-get install mosquitto", file=sys.stderr)
        return 2
    found = parts[arguments.part](arguments.seconds)
    width = max(map(len, found))
    print("\n".join(f"{key:<{width}}  {value}" for key, value in found.items()))
    return 0


# The parts.


def sweep(seconds: float) -> dict[str, object]:
    """32 beds with three waves each on one canvas of a full screen, drawn at each frame the browser gives."""
    with stage(BEDS, waves=False) as (url, _), browser(url + "/tv") as tab:
        return round_all(tab.evaluate(SWEEP, {"beds": BEDS, "rates": RATES, "seconds": seconds}))


def page(seconds: float) -> dict[str, object]:
    """The board itself with 32 beds: how soon it is there, how even it runs."""
    with stage(BEDS, waves=True) as (url, _):
        time.sleep(3)
        with browser(url) as tab:
            tab.locator("bed-tile vital-cell .value").first.wait_for()
            tab.wait_for_function("window.liveAt > 0", timeout=10_000)
            paint = tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
            live = tab.evaluate("window.liveAt")
            tab.wait_for_timeout(4_000)
            found = tab.evaluate(FRAMES, seconds)
            beds = tab.locator("bed-tile[data-traces]").count()
        return round_all({"first paint, ms": paint, "live, ms": live, "beds with a wave": beds, **found})


def hour(_seconds: float) -> dict[str, object]:
    """An hour of ward messages and wave frames, as fast as the page can take them."""
    with stage(BEDS, waves=False) as (url, _), browser(url) as tab:
        tab.locator("bed-tile vital-cell .value").first.wait_for()
        session = tab.context.new_cdp_session(tab)

        def heap() -> float:
            session.send("HeapProfiler.enable")
            session.send("HeapProfiler.collectGarbage")
            return float(session.send("Runtime.getHeapUsage")["usedSize"]) / 1e6

        tab.evaluate(HOUR, {"beds": BEDS, "rates": RATES, "from": 0, "to": 300})
        kept = [heap()]
        nodes = tab.evaluate("document.querySelectorAll('*').length")
        for quarter in range(4):
            start = 300 + 825 * quarter
            tab.evaluate(HOUR, {"beds": BEDS, "rates": RATES, "from": start, "to": start + 825})
            kept.append(heap())
        nodes_after = tab.evaluate("document.querySelectorAll('*').length")
        return {
            "simulated, s": 3_600,
            "heap after 5, 19, 33, 46 and 60 min, MB": " ".join(f"{one:.1f}" for one in kept),
            "nodes before and after": f"{nodes} {nodes_after}",
        }


def screens(seconds: float) -> dict[str, object]:
    """From the hub's message of an alarm until a screen has it: alone, and while 50 others show the ward and waves."""
    with stage(BEDS, waves=True) as (url, hub):
        alone = latencies(url, hub, seconds)
        others = [
            subprocess.Popen([sys.executable, __file__, "watch", "--url", url], stdin=subprocess.PIPE) for _ in range(2)
        ]
        try:
            time.sleep(6)
            beside = latencies(url, hub, seconds)
        finally:
            for other in others:
                other.kill()
                other.wait()
    return {
        "alarms each": len(alone),
        "alone, ms, p50 p99 max": percentiles(alone),
        f"beside {SCREENS} screens, ms, p50 p99 max": percentiles(beside),
    }


def watch(url: str) -> int:
    """Half of the screens: each reads the stream and the waves, and throws them away."""
    address = url.replace("http", "ws", 1)
    channels = "&".join(f"channel={name}" for name in RATES)

    def look(path: str) -> None:
        with connect(address + path, max_size=None) as socket:
            for _ in socket:
                pass

    paths = ["/api/v1/stream", f"/api/v1/wards/icu/waves?{channels}"] * (SCREENS // 2)
    threads = [threading.Thread(target=look, args=(path,), daemon=True) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 0


def latencies(url: str, hub: Any, seconds: float) -> list[float]:
    """Milliseconds of each alarm."""
    found: list[float] = []
    with connect(url.replace("http", "ws", 1) + "/api/v1/stream", max_size=None) as socket:
        socket.recv()
        for number in range(int(seconds * 8)):
            alarm = rig.alarm(str(number % BEDS + 1), f"rule-{number}")
            begun = time.perf_counter()
            hub.raise_alarm(alarm)
            while True:
                message = json.loads(socket.recv(timeout=10))
                if message["type"] == "alarm" and message["rule"] == alarm.rule:
                    break
            found.append(1_000 * (time.perf_counter() - begun))
            hub.end_alarm(alarm)
            time.sleep(0.1)
    return found


def percentiles(found: list[float]) -> str:
    """p50, p99 and the worst."""
    ordered = sorted(found)
    p99 = ordered[min(len(ordered) - 1, math.ceil(0.99 * len(ordered)) - 1)]
    return f"{statistics.median(ordered):.1f} {p99:.1f} {ordered[-1]:.1f}"


def round_all(found: dict[str, Any]) -> dict[str, object]:
    """Two digits are enough."""
    return {key: round(value, 2) if isinstance(value, float) else value for key, value in found.items()}


# The stage.


def _rig() -> Any:
    spec = spec_from_file_location("rig", ROOT / "tests" / "hub" / "console" / "rig.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rig = _rig()


@contextlib.contextmanager
def stage(count: int, *, waves: bool) -> Iterator[tuple[str, Any]]:
    """(address, hub): a broker, a console of `count` beds, and a hub that speaks of them."""
    names = [str(number) for number in range(1, count + 1)]
    chance = random.Random(7)
    with tempfile.TemporaryDirectory(prefix="wardline-bench-") as name:
        folder, port = Path(name), free_port()
        (folder / "broker.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n")
        broker = subprocess.Popen(
            [str(mosquitto()), "-c", str(folder / "broker.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        console = rig.ConsoleProcess(folder, free_port(), port, beds={bed: f"Bed {bed}" for bed in names})
        head, _, _ = console.config.read_text().partition("gateways:")
        devices = "".join(f"      - {{id: mon-{bed}, bed: icu/{bed}}}\n" for bed in names)
        console.config.write_text(f"{head}gateways:\n  - id: gw-1\n    devices:\n{devices}")
        time.sleep(0.5)
        hub = rig.FakeHub(port, beds=[_bed(bed, chance) for bed in names])
        over = threading.Event()
        player = threading.Thread(target=_play, args=(hub, names if waves else [], over), daemon=True)
        try:
            console.start()
            rig.until(lambda: console.get("/healthz")[0] == 200, within=15, what="the console never got well")
            player.start()
            yield console.url, hub
        finally:
            over.set()
            console.stop()
            hub.close()
            stop(broker)


def _bed(name: str, chance: random.Random) -> Any:
    numbers = {"hr": 60 + chance.randrange(40), "spo2": 93 + chance.randrange(7), "rr": 12 + chance.randrange(9)}
    numbers |= {"nibp_sys": 120, "nibp_dia": 78, "nibp_mean": 92, "temp": 36.9}
    return rig.bed(name, values={sign: rig.value(number) for sign, number in numbers.items()})


def _play(hub: Any, names: list[str], over: threading.Event) -> None:
    """A second of each wave of each bed, each second."""
    time_ms, seq = rig.now_ms(), 0
    while not over.is_set():
        for name in names:
            frames = []
            for channel, rate in RATES.items():
                values = [math.sin(2 * math.pi * k / rate) ** 9 for k in range(int(rate))]
                seq += 1
                fields = (1, seq, f"mon-{name}", channel, time_ms, "synced", rate)
                frames.append(encode_frame(WaveFrame(*fields, *quantise(values, -1, 1)[:2], "mV", _words(values))))
            hub.publish(topics.up("gw-1", "wave"), b"".join(frames), qos=0)
        time_ms += 1_000
        over.wait(max(0.0, (time_ms - rig.now_ms()) / 1_000))


def _words(values: list[float]) -> bytes:
    return quantise(values, -1, 1)[2]


@contextlib.contextmanager
def browser(url: str) -> Iterator[Page]:
    """A page of 1920 x 1080 at `url`."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        tab = found.new_context(viewport={"width": 1920, "height": 1080}, reduced_motion="reduce").new_page()
        tab.add_init_script(LIVE_AT)
        tab.goto(url)
        yield tab
        found.close()


# When the first number of a live bed stands on the page.
LIVE_AT = """
window.liveAt = 0;
const look = () => {
  const found = document.querySelector("bed-tile[data-state=live] vital-cell[data-state=fresh] .value");
  if (found?.textContent) window.liveAt = performance.now();
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""

SYNTHETIC = """
const frame = (channel, rate, second) => ({
  time: 1e12 + second * 1000, rate_hz: rate, unit: "mV",
  values: Array.from({ length: Math.round(rate) }, (_, k) => Math.sin((2 * Math.PI * k) / rate) ** 9),
});
"""

SWEEP = (
    "async ({ beds, rates, seconds }) => {"
    + SYNTHETIC
    + """
  const { Sweep, Wave } = await import("/static/wave-sweep.js");
  document.body.replaceChildren();
  const canvas = document.createElement("canvas");
  Object.assign(canvas.style, { position: "fixed", inset: "0", width: "1920px", height: "1080px" });
  document.body.append(canvas);
  const colours = ["#00e05a", "#3fd0ff", "#ffe14d"];
  const lanes = [];
  for (let bed = 0; bed < beds; bed += 1) {
    Object.entries(rates).forEach(([channel, rate], row) => {
      const at = { x: (bed % 8) * 240 + 4, y: Math.floor(bed / 8) * 270 + row * 60 + 10, width: 232, height: 56 };
      lanes.push({ wave: new Wave(), channel, rate, colour: colours[row], ...at });
    });
  }
  let second = 0;
  const feed = () => {
    for (const lane of lanes) lane.wave.push(frame(lane.channel, lane.rate, second));
    second += 1;
  };
  const timer = setInterval(feed, 1000);
  feed();
  const sweep = new Sweep(canvas, { fps: 1000 });
  sweep.lanes(lanes);
  await new Promise((done) => setTimeout(done, 4000));
  sweep.start();
  await new Promise((done) => setTimeout(done, 1000));
  const [frames, busy, began] = [sweep.frames, sweep.busy, performance.now()];
  await new Promise((done) => setTimeout(done, seconds * 1000));
  const took = (performance.now() - began) / 1000;
  const drawn = sweep.frames - frames;
  clearInterval(timer);
  sweep.stop();
  return { lanes: lanes.length, "frames/s": drawn / took, "JavaScript, ms a frame": (sweep.busy - busy) / drawn };
}"""
)

FRAMES = """async (seconds) => {
  const gaps = [];
  let last = performance.now();
  const began = last;
  await new Promise((done) => {
    const step = () => {
      const now = performance.now();
      gaps.push(now - last);
      last = now;
      if (now - began < seconds * 1000) requestAnimationFrame(step);
      else done();
    };
    requestAnimationFrame(step);
  });
  gaps.sort((a, b) => a - b);
  return { "frames/s": (1000 * gaps.length) / (last - began), "longest frame, ms": gaps.at(-1),
           "p95 frame, ms": gaps[Math.floor(gaps.length * 0.95)] };
}"""

# Messages are taken as the stream gives them, and drawn each second; waves are swept ten times a second.
HOUR = (
    "async ({ beds, rates, from, to }) => {"
    + SYNTHETIC
    + """
  const { live } = await import("/static/live.js");
  const { Sweep, Wave } = await import("/static/wave-sweep.js");
  const [ward] = live.picture.wards.values();
  if (!window.hourly) {
    const canvas = document.createElement("canvas");
    const lanes = [];
    for (let i = 0; i < beds; i += 1) {
      for (const [channel, rate] of Object.entries(rates)) {
        lanes.push({ wave: new Wave(), channel, rate, x: 0, y: i * 8, width: 240, height: 8, colour: "#0f0" });
      }
    }
    window.hourly = { lanes, sweep: new Sweep(canvas) };
    window.hourly.sweep.lanes(lanes);
  }
  const { lanes, sweep } = window.hourly;
  for (let second = from; second < to; second += 1) {
    const bare = { ward: ward.ward, title: ward.title, stream_age_ms: 0, beds: structuredClone(ward.beds) };
    for (const bed of bare.beds) {
      bed.values.hr.value = 60 + ((second + bed.values.hr.value) % 40);
      bed.alarms = second % 7 === 0 ? [] : bed.alarms;
    }
    const time = live.picture.time(performance.now());
    live.picture.take({ type: "ward", number: 1, time, ward: bare }, performance.now());
    if (second % 4 === 0) live.draw();
    for (const lane of lanes) lane.wave.push(frame(lane.channel, lane.rate, second), 1e6 + second * 1000);
    for (let part = 0; part < 3; part += 1) sweep.draw(1e6 + second * 1000 + part * 333);
    if (second % 20 === 0) await new Promise((done) => setTimeout(done, 0));
  }
}"""
)


if __name__ == "__main__":
    sys.exit(main())
