"""Live waves in a real browser: drawn where something came, empty where nothing did, of now when a tab comes back."""

import math

import pytest
from playwright.sync_api import expect

from vitals import topics
from vitals.waves import WaveFrame, encode_frame, quantise

# A page-side bench: a canvas of 600 x 60 that shows 6 s, so a second is 100 columns.
BENCH = """async () => {
  const { Sweep, Wave } = await import("/static/wave-sweep.js");
  const canvas = document.createElement("canvas");
  Object.assign(canvas.style, { position: "fixed", insetInlineStart: "0", top: "0", width: "600px", height: "60px" });
  document.body.append(canvas);
  const wave = new Wave();
  const sweep = new Sweep(canvas, { seconds: 6 });
  sweep.lanes([{ wave, x: 0, y: 0, width: 600, height: 60, colour: "#00ff00" }]);
  const hundred = Array.from({ length: 100 }, (_, k) => k);
  const push = (second, now, value = (k) => Math.sin(k / 4)) =>
    wave.push({ time: 5e12 + second * 1000, rate_hz: 100, unit: "mV", values: hundred.map(value) }, now);
  // Which tenths of the lap have any ink, as a string of 60.
  const ink = () => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, 600, 60);
    const inked = (x) => Array.from({ length: 60 }, (_, y) => data[4 * (y * 600 + x) + 3]).some((alpha) => alpha > 60);
    return Array.from({ length: 60 }, (_, i) => ([2, 5, 8].every((dx) => inked(i * 10 + dx)) ? "#" : ".")).join("");
  };
  window.bench = { canvas, wave, sweep, push, ink };
}"""


@pytest.fixture
def bench(open_board, hub):
    page = open_board()
    page.evaluate(BENCH)
    return page


def test_a_bed_that_sends_a_wave_shows_it_and_the_others_show_no_line(open_board, hub, rig):
    page = open_board()
    page.wait_for_timeout(500)  # the console asks the broker for the waves only now
    started = rig.now_ms()
    for second in range(3):
        values = [math.sin(k / 10) for k in range(250)]
        scale, offset, samples = quantise(values, -1, 1)
        frame = WaveFrame(
            1, second + 1, "mon-1", "ecg_ii", started + second * 1_000, "synced", 250.0, scale, offset, "mV", samples
        )
        hub.publish(topics.up("gw-1", "wave"), encode_frame(frame), qos=0)
        page.wait_for_timeout(400)
    expect(page.locator("bed-tile[data-bed='1'] .trace[data-channel='ecg_ii']")).to_be_visible()
    expect(page.locator("bed-tile[data-bed='2'] .trace")).to_have_count(0)
    painted = """() => {
      const canvas = document.getElementById("waves");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return data.some((value, i) => i % 4 === 3 && value > 60);
    }"""
    rig.until(lambda: page.evaluate(painted), what="nothing was drawn")


def test_a_second_that_never_came_stays_empty(bench):
    ink = bench.evaluate(
        """() => {
          const { push, sweep, ink } = window.bench;
          for (const second of [0, 1, 3, 4]) push(second, 10_000 + (second + 1) * 1000);
          for (let now = 12_000; now <= 16_700; now += 33) sweep.draw(now);
          return ink();
        }"""
    )
    runs = [run for run in ink.replace("#", " ").split() if len(run) >= 6]
    assert any(8 <= len(run) <= 12 for run in runs), f"no second of silence in {ink}"


def test_a_tab_that_comes_back_shows_the_present_and_has_kept_ten_seconds(bench):
    found = bench.evaluate(
        """() => {
          const { wave, push, sweep, ink } = window.bench;
          for (let second = 0; second < 5; second += 1) push(second, 10_000 + (second + 1) * 1000);
          sweep.draw(14_000);
          for (let second = 5; second < 605; second += 1) push(second, 10_000 + (second + 1) * 1000, () => 0);
          sweep.draw(615_000);  // ten minutes later, and nothing drawn in between
          const head = wave.head(615_000);
          return { ink: ink(), old: wave.at(head - 1500), kept: wave.at(head - 500) };
        }"""
    )
    assert found["ink"].count("#") > 50, "the whole lap is there at once"
    assert found["old"] != found["old"], "what is older than ten seconds is gone"
    assert found["kept"] == 0


def test_a_gateway_whose_clock_is_a_year_off_shows_its_wave_all_the_same(bench):
    ink = bench.evaluate(
        """() => {
          const { push, sweep, ink } = window.bench;
          for (let second = 0; second < 8; second += 1) push(second - 31_536_000, 10_000 + (second + 1) * 1000);
          sweep.draw(18_000);
          return ink();
        }"""
    )
    assert ink.count("#") > 45


def test_a_frame_said_twice_or_late_changes_nothing(bench):
    found = bench.evaluate(
        """() => {
          const { wave, push } = window.bench;
          for (let second = 0; second < 4; second += 1) push(second, 10_000 + (second + 1) * 1000);
          const head = wave.head(14_000);
          const before = wave.at(head - 20);
          push(2, 14_100, () => 99);
          return [before, wave.at(head - 20), wave.version];
        }"""
    )
    assert found[0] == found[1]
