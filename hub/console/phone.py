"""The page a link opens on a phone: which alarms, how they stand, and one button. Plain HTML, no script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from hub.console.printable import printable
from hub.pagers.book import Opened, Wanted
from hub.pagers.wording import Wording
from vitals.alarms import PRIORITY_MARK

NOTICE = (
    "Wardline is a secondary notification system. The bedside monitor is the primary alarm: look at the patient first."
)
OPEN = ("queued", "sent", "received", "failed")

_FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<link rel="stylesheet" href="/static/phone.css">
<link rel="icon" href="/static/icon.svg">
</head>
<body>
<main>
{body}
</main>
<footer>{notice}</footer>
</body>
</html>
"""


def frame(title: str, *parts: str) -> str:
    """A whole document around `parts`, which are HTML."""
    return _FRAME.format(title=_text(title), body="\n".join(part for part in parts if part), notice=_text(NOTICE))


def page(opened: Opened, key: str, wording: Wording, now: int, said: str = "") -> str:
    """The page behind a link. `said` is what came of the button, as HTML."""
    paged = opened.page
    unanswered = [call for call in paged.calls if call.state in OPEN]
    heading = "1 alarm" if len(paged.calls) == 1 else f"{len(paged.calls)} alarms"
    usable = unanswered and not opened.used and now < opened.expires
    reason = ""
    if unanswered and not usable:
        why = "has been used" if opened.used else "has expired"
        reason = f'<p class="said">This link {why}. Acknowledge at the board, or wait for the next page.</p>'
    return frame(
        heading,
        '<p class="test">TEST: this is a drill. No patient is concerned.</p>' if paged.delivery.test else "",
        f"<h1>{heading}</h1>",
        f'<p class="to">To {_text(paged.name)}</p>',
        said,
        f"<ul>{''.join(_alarm(call, wording, now) for call in paged.calls)}</ul>",
        _button(unanswered, key, paged.name) if usable else reason,
    )


def answers(lines: Sequence[tuple[str, str]]) -> str:
    """What the hub answered, as (alarm in words, what became of it)."""
    items = "".join(f"<li>{_text(line)}: {_text(outcome)}</li>" for line, outcome in lines)
    return f'<ul class="said" role="status">{items}</ul>'


def sentence(text: str) -> str:
    """One sentence to be seen first."""
    return f'<p class="said" role="alert">{_text(text)}</p>'


def _alarm(call: Wanted, wording: Wording, now: int) -> str:
    alarm = call.alarm
    mark = PRIORITY_MARK[alarm.priority]
    state = f"{alarm.priority} priority · raised {_ago(now - alarm.raised)} · {_state(call)}"
    return (
        f'<li class="{alarm.priority}"><p class="place">{_text(wording.place(alarm))}</p>'
        f'<p class="message"><span aria-hidden="true">{mark}</span> {_text(alarm.message)}</p>'
        f'<p class="state">{_text(state)}</p></li>'
    )


def _state(call: Wanted) -> str:
    if call.state == "acknowledged":
        return f"acknowledged by {call.by}" if call.by else "acknowledged"
    if call.state == "paused":
        return f"paused by {call.by}" if call.by else "paused"
    if call.state == "over":
        return "over"
    return "over, nobody has seen it yet" if call.alarm.state == "latched" else "nobody has answered yet"


def _button(unanswered: Sequence[Wanted], key: str, name: str) -> str:
    what = "this alarm" if len(unanswered) == 1 else f"these {len(unanswered)} alarms"
    return (
        f'<form method="post" action="/p/{escape(key)}"><input type="hidden" name="deed" value="acknowledge">'
        f"<button>Acknowledge {what} as {_text(name)}</button></form>"
        '<p class="hint">Acknowledging says that you have seen it and take it on. It treats nobody.</p>'
    )


def _ago(milliseconds: int) -> str:
    minutes = max(0, milliseconds) // 60_000
    if minutes < 1:
        return "just now"
    return f"{minutes} min ago" if minutes < 120 else f"{minutes // 60} h ago"


def _text(text: str) -> str:
    return escape(printable(text))
