"""What a monitor says about itself when it announces itself or accepts us. Patient data is never read."""

from __future__ import annotations

from edge_agent.drivers.intellivue import codes
from edge_agent.drivers.intellivue.alerts import read_text
from edge_agent.drivers.intellivue.cursor import Cursor, TruncatedError
from edge_agent.drivers.intellivue.messages import Event

DATA_EXPORT = 5  # application protocol


def describe(event: Event) -> dict[str, object]:
    """The fields of the announcement that can be read."""
    found: dict[str, object] = {"event_type": event.event_type, "attributes": len(event.attributes)}
    for attribute, read in _READERS.items():
        data = event.attributes.get(attribute)
        if data is None:
            continue
        try:
            found |= read(Cursor(data))
        except TruncatedError:
            continue
    return found


def _model(at: Cursor) -> dict[str, object]:
    maker, model = at.inner(), at.inner()
    return {"manufacturer": _ascii(maker), "model": _ascii(model)}


def _bed(at: Cursor) -> dict[str, object]:
    label = at.inner()
    return {"bed_label": read_text(label.take(label.left))}


def _address(at: Cursor) -> dict[str, object]:
    mac, ip = at.take(6), at.take(4)
    return {"mac": mac.hex(":"), "ip": ".".join(map(str, ip))}


def _ports(at: Cursor) -> dict[str, object]:
    """Of the protocols the port of data export over UDP."""
    count, inside = at.listed()
    for _ in range(count):
        protocol, _transport, port, _options = inside.u16(), inside.u16(), inside.u16(), inside.u16()
        if protocol == DATA_EXPORT:
            return {"export_port": port}
    return {}


def _ascii(at: Cursor) -> str:
    return at.take(at.left).decode("ascii", errors="replace").rstrip("\x00").strip()


_READERS = {
    codes.MODEL: _model,
    codes.BED_LABEL: _bed,
    codes.NETWORK_ADDRESS: _address,
    codes.PROTOCOLS: _ports,
}
