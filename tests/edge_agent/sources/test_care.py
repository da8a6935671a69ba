import datetime

import httpx
import pytest

from edge_agent.sources.care import CareListener
from edge_agent.sources.listener_settings import CareSettings

TOKEN = "a-token-of-this-test"
ADDRESS = "192.0.2.44"
PATIENT = {"patient-id": "P-4711", "patient-name": "Nobody Atall"}


def now_there(offset_s=0):
    """The time as such a monitor writes it: in its own zone, without saying which."""
    zone = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    return (datetime.datetime.now(zone) + datetime.timedelta(seconds=offset_s)).strftime("%Y-%m-%d %H:%M:%S")


def item(kind, value=None, unit=None, status="final", time=None, **more):
    found = {
        "observation_id": kind,
        "device_id": ADDRESS,
        "date-time": time or now_there(),
        "status": status,
        **PATIENT,
    }
    found |= {} if value is None else {"value": value}
    found |= {} if unit is None else {"unit": unit}
    return found | {"interpretation": "normal", "low-limit": 50, "high-limit": 120} | more


def pressure(time=None):
    parts = {name: {"value": value, "unit": "mmHg", "interpretation": "NA"}
             for name, value in (("systolic", 120), ("diastolic", 80), ("map", 93))}  # fmt: skip
    return item("blood-pressure", time=time, **parts)


@pytest.fixture
def stand(new_desk, free_port, serve):
    def play(scene):
        desk, port = new_desk({ADDRESS: "bed-4"}), free_port()
        listener = CareListener(CareSettings(token="env:X", zone="Asia/Kolkata", port=port), TOKEN, desk.reception)

        async def with_client():
            headers = {"Authorization": f"Bearer {TOKEN}"}
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:

                async def post(*items, status=200):
                    answer = await client.post("/update_observations", json=[list(items)])
                    assert answer.status_code == status, answer.text
                    return answer.json()

                await scene(desk, post)

        serve(listener, desk.reception, with_client)
        return desk

    return play


def test_a_monitors_report_becomes_readings_without_its_patient(stand):
    async def scene(desk, post):
        time = now_there()
        await post(
            item("heart-rate", 72, "bpm", time=time),
            item("SpO2", 97, "%", time=time),
            item("respiratory-rate", 16, "brpm", time=time),
            item("pulse-rate", 71, "bpm", time=time),
            item("ST", 0.1, "mV", time=time),
            item("waveform", time=time, **{"wave-name": "II", "sampling rate": "250/sec", "data": "1 2 3"}),
        )

    desk = stand(scene)
    [(device, seen)] = desk.seen
    assert device == "bed-4"
    assert seen.values == {"hr": 72.0, "spo2": 97.0, "rr": 16.0, "pr": 71.0}
    assert (seen.aperiodic, seen.untimed) == (True, False)
    assert seen.age_ms < 5_000
    assert "P-4711" not in repr(desk.seen)
    assert "Nobody" not in repr(desk.seen)


def test_temperatures_and_pressures_are_converted_and_a_pressure_is_told_once(stand):
    async def scene(desk, post):
        measured = now_there(-600)
        await post(item("body-temperature1", 98.6, "fahrenheit"), pressure(measured))
        await post(pressure(measured))
        await post(pressure(now_there()))

    desk = stand(scene)
    pressures = [seen for _, seen in desk.seen if "nibp_sys" in seen.values]
    assert [dict(seen.values) for seen in pressures] == [{"nibp_sys": 120.0, "nibp_dia": 80.0, "nibp_mean": 93.0}] * 2
    assert 595_000 < pressures[0].age_ms < 610_000
    assert {"temp": 37.0} in desk.values()


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("Message-Leads Off", "lead_off"),
        ("Message-Measurement Invalid", "device_invalid"),
        ("Message-Probe Unplugged", "no_sensor"),
        ("Message-Something New", "device_invalid"),
    ],
)
def test_a_status_takes_the_value_away_with_its_reason(stand, status, reason):
    async def scene(desk, post):
        await post(item("heart-rate", 72, "bpm", status=status))

    [(_, seen)] = stand(scene).seen
    assert (seen.values, seen.missing) == ({}, {"hr": reason})


@pytest.mark.parametrize(
    ("value", "unit", "reason"),
    [
        (None, "bpm", "not_measured"),
        ("72", "bpm", "device_invalid"),
        (True, "bpm", "device_invalid"),
        (72, "furlong", "unit_unsupported"),
        (72, None, "unit_unsupported"),
    ],
)
def test_what_is_no_value_says_why(stand, value, unit, reason):
    async def scene(desk, post):
        await post(item("heart-rate", value, unit))

    [(_, seen)] = stand(scene).seen
    assert (seen.values, seen.missing) == ({}, {"hr": reason})


def test_a_connection_report_is_the_state_of_the_link(stand):
    async def scene(desk, post):
        await post(item("device-connection", status="Disconnected"))
        assert desk.links["bed-4"].link == "down"
        await post(item("device-connection", status="Connected"))
        assert desk.links["bed-4"].link == "up"

    assert stand(scene).seen == []


def test_an_address_nobody_listed_is_refused_and_its_neighbours_taken(stand):
    async def scene(desk, post):
        stranger = item("heart-rate", 99, "bpm") | {"device_id": "192.0.2.99"}
        await post(stranger, item("heart-rate", 72, "bpm"))
        assert "error" in await post(stranger, status=400)

    desk = stand(scene)
    assert desk.values() == [{"hr": 72.0}]
    assert desk.refused["unknown_device"] >= 2


def test_a_clock_that_is_wrong_is_not_believed(stand):
    async def scene(desk, post):
        await post(item("heart-rate", 72, "bpm", time=now_there(-7_200)))

    [(_, seen)] = stand(scene).seen
    assert (seen.untimed, seen.aperiodic) == (True, False)


def test_without_the_token_and_in_another_shape_it_is_refused(stand):
    async def scene(desk, post):
        async with httpx.AsyncClient() as stranger:
            port = desk.reception.status().detail.rpartition(" ")[2]
            answer = await stranger.post(f"http://127.0.0.1:{port}/update_observations", json=[[]])
            assert answer.status_code == 401
        assert "error" in await post(status=400)
        assert "error" in await post(7, status=400)
        assert "error" in await post({"observation_id": "heart-rate"}, status=400)

    assert stand(scene).seen == []
