"""The dashboard of devices and gateways: who is there, what waits in their spools, how their clocks are."""

from __future__ import annotations

from grafana import queries
from grafana.columns import (
    ALARMS_UID,
    BACKGROUND,
    DEVICES_UID,
    PIPELINE_UID,
    STATES,
    ago,
    alarm_columns,
    bed_column,
    state_mappings,
    ward_column,
)
from grafana.layout import dashboard, label_variable, link
from grafana.panels import (
    MERGE,
    NOTICE,
    column,
    counted,
    gauges,
    notice,
    ordered,
    over,
    renamed,
    shares,
    steps,
    table,
    timeline,
    trend,
    without,
)
from grafana.queries import GATEWAY
from grafana.sources import Json, ask, count, lines, watch

_OURS = '{gateway=~"$gateway"}'
CLOCK_LIMIT_S = 2  # as the alert WardlineClockOffset
SPOOL_LIMIT = 2_000  # as the alert WardlineSpoolGrowing
SILENCE_LIMIT_S = 60  # as the alert WardlineGatewaySilent
_UPTIME = steps((None, "red"), (95, "yellow"), (99, "green"))
_LINKS = {"up": "green", "silent": "orange", "down": "red", "error": "purple"}


def machines() -> Json:
    """Devices and gateways of a hub."""
    return dashboard(
        DEVICES_UID,
        "Devices and gateways",
        "Which gateways and devices are there, what waits in their spools, and how their clocks are.",
        [
            (notice(f"**Wardline · devices and gateways** {NOTICE}"), 24, 2),
            (_gateway_shares(), 6, 7),
            (_device_shares(), 6, 7),
            (_state_shares(), 6, 7),
            (_uptime(), 6, 7),
            (_gateways(), 24, 8),
            (_lines(), 12, 8),
            (_spools(), 12, 8),
            (_clocks(), 12, 8),
            (_silence(), 12, 8),
            (_device_uptime(), 12, 8),
            (_lost(), 12, 8),
            (_states(), 24, 9),
            (_last_states(), 12, 9),
            (_open_tickets(), 12, 9),
            (_ticket_lines(), 12, 9),
            (_equipment(), 12, 9),
        ],
        [label_variable("gateway", "Gateway", "wardline_gateway_silence_seconds")],
        since="now-6h",
        refresh="30s",
        links=[
            link(PIPELINE_UID, "Pipeline", "What becomes of records", variables=False),
            link(ALARMS_UID, "Alarms", "Alarms and their burden"),
        ],
    )


def _gateway_shares() -> Json:
    parts = {
        "online": f"sum(wardline_gateway_online{_OURS} == bool 1)",
        "offline": f"sum(wardline_gateway_online{_OURS} == bool 0)",
        "never heard": f"count(wardline_gateway_silence_seconds{_OURS} unless on (gateway) wardline_gateway_online)",
    }
    colours = {"online": "green", "offline": "red", "never heard": "text"}
    return shares(
        "Gateways",
        "How many are online, have said goodbye or were lost, or have not been heard since the hub started.",
        [count(expression, name) for name, expression in parts.items()],
        [column(name, color=_fixed(colour)) for name, colour in colours.items()],
    )


def _device_shares() -> Json:
    return shares(
        "Devices by their line",
        "up: values arrive; silent: the line is open and nothing valid arrives; down: nothing is there; error: the"
        " line was refused. Of a gateway that is offline it is what it said last.",
        [count(f"sum by (link) (wardline_gateway_devices{_OURS})", "{{link}}")],
        [column(name, color=_fixed(colour)) for name, colour in _LINKS.items()],
    )


def _state_shares() -> Json:
    panel = shares(
        "Devices by state",
        "The newest state of each device, and of each gateway itself, that changed in the last 71 hours. One without a"
        " change since then is not counted here: the ward board shows every device.",
        [ask(queries.last_states(GATEWAY))],
        [column(state, color=_fixed(colour)) for state, colour in STATES.items()],
        transform=counted("State", "device"),
    )
    return over(panel, "71h")


def _uptime() -> Json:
    return gauges(
        "Uptime of gateways",
        "Share of the time range in which a gateway was online. Time nobody watched is left out.",
        [count(f"max by (gateway) (100 * avg_over_time(wardline_gateway_online{_OURS}[$__range]))", "{{gateway}}")],
        {**_percent(), "color": {"mode": "thresholds"}, "thresholds": _UPTIME},
    )


def _device_uptime() -> Json:
    return gauges(
        "Uptime of devices",
        "Share of the time range in which valid frames of a device arrived; of gateways whose own page is read by"
        " Prometheus.",
        [count("max by (instance, device) (100 * avg_over_time(wardline_device_up[$__range]))", "{{device}}")],
        {**_percent(), "color": {"mode": "thresholds"}, "thresholds": _UPTIME},
    )


def _gateways() -> Json:
    columns = {
        "Online": f"wardline_gateway_online{_OURS}",
        "Silent for": f"wardline_gateway_silence_seconds{_OURS}",
        "Waiting records": f"wardline_gateway_spooled_records{_OURS}",
        "Clock offset": f"wardline_gateway_clock_offset_seconds{_OURS}",
        "In memory only": f"wardline_gateway_degraded{_OURS}",
        "Given up": f"wardline_gateway_lost_records{_OURS}",
        "Unexplained": f"wardline_bookkeeping_mismatch_records{_OURS}",
    }
    names = {f"Value #{chr(ord('A') + index)}": name for index, name in enumerate(columns)}
    yes_no = [{"type": "value", "options": {"0": {"text": "no", "index": 0}, "1": {"text": "yes", "index": 1}}}]
    return table(
        "Gateways now",
        "What the hub knows of each gateway of its settings. A dash is something it has not said.",
        [count(f"max by (gateway) ({expression})") for expression in columns.values()],
        columns=[
            column("gateway", displayName="Gateway"),
            column("Online", mappings=yes_no),
            column("In memory only", mappings=yes_no),
            column("Silent for", unit="s", decimals=0, **_coloured((None, "transparent"), (SILENCE_LIMIT_S, "red"))),
            column("Waiting records", decimals=0, **_coloured((None, "transparent"), (SPOOL_LIMIT, "yellow"))),
            column(
                "Clock offset",
                unit="s",
                decimals=3,
                **_coloured((None, "yellow"), (-CLOCK_LIMIT_S, "transparent"), (CLOCK_LIMIT_S, "yellow")),
            ),
            column("Given up", decimals=0),
            column("Unexplained", decimals=0),
        ],
        transform=[without("Time"), MERGE, renamed(names), ordered("gateway", *columns)],
        sort="Gateway",
    )


def _lines() -> Json:
    return trend(
        "Devices by their line, over time",
        "A gap: nobody watched.",
        [watch(f"sum by (link) (wardline_gateway_devices{_OURS})", "{{link}}")],
        {"unit": "short", "decimals": 0, "min": 0},
        draw="stack",
        interval="15s",
        overrides=[column(name, color=_fixed(colour)) for name, colour in _LINKS.items()],
    )


def _spools() -> Json:
    return trend(
        "Waiting in spools",
        "Records a gateway holds without a receipt. It goes down by itself once the line is back.",
        [watch(f"max by (gateway) (wardline_gateway_spooled_records{_OURS})", "{{gateway}}")],
        {"unit": "short", "decimals": 0, "min": 0, "thresholds": steps((None, "transparent"), (SPOOL_LIMIT, "yellow"))},
        limits="line",
        interval="15s",
    )


def _clocks() -> Json:
    bands = steps((None, "yellow"), (-CLOCK_LIMIT_S, "transparent"), (CLOCK_LIMIT_S, "yellow"))
    return trend(
        "Clock offsets",
        "The gateway's clock minus the hub's. Times of readings are wrong by as much.",
        [watch(f"max by (gateway) (wardline_gateway_clock_offset_seconds{_OURS})", "{{gateway}}")],
        {"unit": "s", "thresholds": bands},
        limits="area",
        interval="15s",
    )


def _silence() -> Json:
    return trend(
        "Silence",
        "For how long a gateway has not been heard.",
        [watch(f"max by (gateway) (wardline_gateway_silence_seconds{_OURS})", "{{gateway}}")],
        {"unit": "s", "min": 0, "thresholds": steps((None, "transparent"), (SILENCE_LIMIT_S, "red"))},
        limits="line",
        interval="15s",
    )


def _lost() -> Json:
    return trend(
        "Given up",
        "Records a gateway had to give up since its spool is new; gap records in the journal say which and why.",
        [watch(f"max by (gateway) (wardline_gateway_lost_records{_OURS})", "{{gateway}}")],
        {"unit": "short", "decimals": 0, "min": 0},
        interval="15s",
    )


def _states() -> Json:
    return timeline(
        "States",
        "What the hub held of each device, and of each gateway itself (-). A bar begins at the first change in the"
        " time range: before it nothing is known here.",
        [lines(queries.device_states(GATEWAY), "$tag_gateway/$tag_device")],
        state_mappings(),
    )


def _last_states() -> Json:
    panel = table(
        "Last change of each device",
        "In the last 71 hours. A device without a row has not changed since: the ward board shows every device.",
        [ask(queries.last_states(GATEWAY))],
        columns=[
            *_named(),
            ago("Since"),
            column("State", mappings=state_mappings(), custom__cellOptions=BACKGROUND),
        ],
        transform=[
            renamed({"Time": "Since"}),
            without("code"),
            ordered("gateway", "device", "State", "Since", "ward", "bed", "Why"),
        ],
        sort="Since",
        descending=True,
    )
    return over(panel, "71h")


def _open_tickets() -> Json:
    panel = table(
        "Open tickets",
        "Opened in the last 71 hours; `wardline tickets list` and the board show older ones too.",
        [ask(queries.open_tickets(GATEWAY))],
        columns=[column("Time", displayName="Opened"), *_named()],
        sort="Ticket",
    )
    return over(panel, "71h")


def _ticket_lines() -> Json:
    return table(
        "History of tickets",
        "What was done, newest first. The words of people are not copied to InfluxDB.",
        [ask(queries.ticket_lines(GATEWAY))],
        columns=[column("kind", displayName="Done"), *_named()],
    )


def _equipment() -> Json:
    return table(
        "Alarms of equipment",
        "Of hubs, gateways and devices that stand at no bed, newest first.",
        [ask(queries.equipment())],
        columns=[column("subject", displayName="Of"), *alarm_columns()],
    )


def _named() -> list[Json]:
    names = {"gateway": "Gateway", "device": "Device", "ticket": "Ticket", "fault": "Fault"}
    return [bed_column(), ward_column(), *(column(name, displayName=said) for name, said in names.items())]


def _percent() -> Json:
    return {"unit": "percent", "decimals": 2, "min": 0, "max": 100}


def _fixed(colour: str) -> Json:
    return {"mode": "fixed", "fixedColor": colour}


def _coloured(*zones: tuple[float | None, str]) -> Json:
    return {
        "color": {"mode": "thresholds"},
        "thresholds": steps(*zones),
        "custom__cellOptions": {"type": "color-background", "mode": "basic"},
    }
