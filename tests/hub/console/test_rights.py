"""Rights: deny by default, one table of roles, and nothing of a ward for who is of another one."""

import re
from pathlib import Path

import pytest

from hub.console.people.roles import TOKEN_RIGHTS
from hub.console.rights import RIGHTS, RIGHTS_OF, ROLES, policies
from hub.console.streams import AlarmMessage, EquipmentMessage, EventMessage, WardMessage, narrowed
from hub.console.views import WardView, alarm_view, event_view
from tests.hub.console.doorstep import HOUR, MINUTE, Door
from vitals.alarms import Alarm, AlarmEvent

ROOT = Path(__file__).parents[3]
OPEN = {
    ("GET", "/healthz"),
    ("GET", "/openapi.json"),
    ("GET", "/static/{name:path}"),
    ("GET", "/p/{key}"),
    ("POST", "/p/{key}"),
    ("POST", "/api/v1/login"),
    ("POST", "/api/v1/link"),
    ("POST", "/api/v1/link/look"),
    ("POST", "/api/v1/screens/pair"),
}
"""What is open to all, beside the documents of the pages, which hold no data."""


@pytest.fixture
def door(tmp_path):
    door = Door(tmp_path)
    yield door
    door.close()


@pytest.fixture(autouse=True)
def quick_hash(monkeypatch):
    from argon2 import PasswordHasher

    from hub.console.people import secrets

    monkeypatch.setattr(secrets, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def routes(app):
    """(method or WS, path, right or None) of every route; fails for one without a policy."""
    for method, path, policy in policies(app.routes):
        assert policy is not None, f"{method} {path} has no policy: dependencies=[needs(…)] or [open_to_all()]"
        yield method, path, policy.right


def test_every_route_says_which_right_it_needs(door):
    assert len(list(routes(door.app))) > 60


def test_only_these_routes_are_open_to_all(door):
    from hub.console.routes.board import PAGES

    found = {(method, path) for method, path, right in routes(door.app) if right is None}
    assert found <= OPEN | {("GET", path) for path in PAGES} | {("GET", "/manifest.webmanifest")}


def test_every_right_is_asked_for_somewhere_and_given_to_somebody(door):
    asked = {right for _, _, right in routes(door.app) if right is not None}
    given = set().union(*RIGHTS_OF.values())
    assert asked <= set(RIGHTS) == given
    assert set(RIGHTS_OF) == set(ROLES)


def test_the_guide_prints_the_table_of_roles(door):
    page = (ROOT / "docs/how-to/people-and-rights.md").read_text()
    header, *lines = re.findall(r"^\| (?:right|`[a-z]+`) .*$", page, re.MULTILINE)
    roles = [cell.strip() for cell in header.strip("|").split("|")][1:-1]
    printed = {}
    for line in lines:
        right, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        printed[right.strip("`")] = {role for role, cell in zip(roles, cells, strict=False) if cell == "yes"}
    assert roles == [role.replace("-", " ") for role in ROLES]
    assert printed == {
        right: {role.replace("-", " ") for role in ROLES if right in RIGHTS_OF[role]} for right in RIGHTS
    }


ENDLESS = "/api/v1/events"
FILLED = {"ward": "icu", "bed": "1", "alarm": "0" * 16, "gateway": "gw-1", "device": "mon-1", "number": "1", "key": "x"}


def filled(path):
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: FILLED.get(found[1], "x"), path)


@pytest.mark.parametrize("role", [None, *ROLES])
def test_a_role_gets_what_the_table_gives_it_and_a_refusal_everywhere_else(door, role):
    """Derived from the router: each HTTP route is asked by each role."""
    browser = door.sign_in(role) if role else door.browser()
    for method, path, right in routes(door.app):
        if method == "WS" or right is None or path.startswith("/api/v1/logout") or path == ENDLESS:
            continue
        status = browser.post(filled(path), None, method).status_code
        if role is None:
            assert status in (401, 422), (method, path, status)  # 422: a body that cannot be read is not read further
        elif right in RIGHTS_OF[role]:
            assert status not in (401, 403), (method, path, status)
        else:
            assert status in (403, 422), (method, path, status)
    assert door.asked == [] or (role and door.asked)


def test_nothing_reaches_the_hub_from_who_may_only_look(door):
    viewer, number = door.sign_in("viewer"), door.alarm()
    for method, path, right in list(routes(door.app)):
        if method != "WS" and right not in (None, "own") and path != ENDLESS:
            viewer.post(filled(path).replace("0" * 16, number), {"reason": "x"}, method)
    assert door.asked == []


def test_a_nurse_of_one_ward_does_nothing_in_another(door):
    nurse = door.sign_in("nurse", ["icu"])
    here, there = door.alarm("icu"), door.alarm("surgery")
    assert nurse.post(f"/api/v1/alarms/{here}/acknowledge").status_code == 200
    answer = nurse.post(f"/api/v1/alarms/{there}/acknowledge")
    assert (answer.status_code, [said["alarm"] for _, said in door.asked]) == (403, [here])


def test_a_nurse_of_one_ward_sees_nothing_of_another(door):
    nurse, chief = door.sign_in("nurse", ["icu"]), door.sign_in("administrator")
    door.alarm("icu")
    door.alarm("surgery")
    lists = ["/api/v1/beds", "/api/v1/alarms", "/api/v1/gateways", "/api/v1/devices", "/api/v1/alarms?state=all"]
    for path in lists:
        assert "surgery" not in nurse.get(path).text, path
    assert all("surgery" in chief.get(path).text for path in lists[:4])
    for path in (
        "/api/v1/beds/surgery/1/readings",
        "/api/v1/beds/surgery/1/waves",
        "/api/v1/burden?ward=surgery",
        "/api/v1/burden",
    ):
        assert nurse.get(path).status_code == 403, path
    assert nurse.get("/api/v1/devices/gw-2/mon-2/history").status_code == 404
    assert nurse.get("/api/v1/beds/icu/1/readings").status_code == 200


def alarm(ward):
    return Alarm(
        id="0" * 16, rule="r", ward=ward, bed="1", kind="technical", priority="low", state="active", rev=1,
        message="m", onset=0, raised=0, changed=0,
    )  # fmt: skip


@pytest.mark.parametrize(("ward", "seen"), [("icu", True), ("surgery", False), ("", True)])
def test_the_stream_of_one_ward_has_no_message_of_another(ward, seen):
    view = alarm_view(alarm(ward))
    wards, head = frozenset({"icu"}), {"number": 1, "time": 0}
    event = event_view(None, AlarmEvent(change="raised", time=0, alarm=alarm(ward)))
    assert (narrowed(EventMessage(**head, event=event), wards) is not None) == seen
    equipment = narrowed(EquipmentMessage(**head, equipment=[view]), wards)
    assert bool(equipment.equipment) == seen
    if ward:
        whole = WardMessage(**head, ward=WardView(ward=ward, title="", stream_age_ms=None, beds=[]))
        assert (narrowed(whole, wards) is not None) == seen
        one = AlarmMessage(**head, ward=ward, bed="1", rule="r", alarm=view)
        assert (narrowed(one, wards) is not None) == seen


def test_who_may_not_see_every_ward_lets_nobody_see_more(door):
    charge = door.sign_in("charge-nurse", ["icu"])
    code = door.browser().post("/api/v1/screens/pair").json()["code"]
    for wards in (None, ["surgery"], ["icu", "surgery"]):
        body = {"code": code, "name": "corridor", "wards": wards}
        assert charge.post("/api/v1/screens", body).status_code == 403
    assert charge.post("/api/v1/screens", {"code": code, "name": "corridor", "wards": ["icu"]}).status_code == 200


@pytest.mark.parametrize("role", ["administrator", "auditor"])
def test_the_roles_of_the_whole_house_have_every_ward(door, role):
    chief = door.sign_in("administrator")
    body = {"name": "new", "role": role, "wards": ["icu"]}
    assert chief.post("/api/v1/people", body).status_code == 422
    assert chief.post("/api/v1/people", {**body, "wards": None}).status_code == 200


# Tokens of programs.


def make_token(door, **body):
    chief = door.sign_in("administrator")
    answer = chief.post("/api/v1/tokens", {"name": "register", "rights": ["view"], **body})
    assert answer.status_code == 200, answer.text
    return chief, answer.json()


def test_a_token_opens_what_its_rights_and_wards_say_and_no_more(door):
    _, made = make_token(door, rights=["view"], wards=["icu"])
    program = door.browser(Authorization=f"Bearer {made['secret']}")
    assert [bed["ward"] for bed in program.get("/api/v1/beds").json()] == ["icu", "icu"]
    assert program.get("/api/v1/beds/surgery/1/readings").status_code == 403
    assert program.get("/api/v1/tickets.csv").status_code == 403
    assert program.post(f"/api/v1/alarms/{door.alarm()}/acknowledge").status_code == 403
    me = program.get("/api/v1/me").json()
    assert (me["name"], me["kind"], me["rights"]) == ("token register", "token", ["own", "view"])


def test_a_token_acts_in_its_own_name_and_needs_no_word_of_a_page(door):
    _, made = make_token(door, rights=["view", "acknowledge"])
    program = door.browser(Authorization=f"Bearer {made['secret']}")
    assert program.post(f"/api/v1/alarms/{door.alarm()}/acknowledge", {"by": "Dr. Who"}).status_code == 200
    assert [said["by"] for _, said in door.asked] == ["token register"]


def test_a_token_ends_when_it_is_revoked_or_too_old(door):
    chief, made = make_token(door, days=1)
    program = door.browser(Authorization=f"Bearer {made['secret']}")
    door.pass_time(24 * HOUR - 1)
    assert program.get("/api/v1/beds").status_code == 200
    door.pass_time(1)
    assert program.get("/api/v1/beds").status_code == 401
    door.clock.now -= 24 * HOUR
    assert chief.delete(f"/api/v1/tokens/{made['token']['token']}").status_code == 204
    assert program.get("/api/v1/beds").status_code == 401
    (listed,) = chief.get("/api/v1/tokens").json()
    assert listed["revoked"] is not None
    assert "secret" not in listed


@pytest.mark.parametrize("said", ["Bearer wrong", "Bearer", "Basic YWRtaW46YWRtaW4=", "wl_x", "bearer  "])
def test_a_wrong_token_is_not_somebody_else(door, said):
    nurse = door.sign_in("nurse")
    assert nurse.request("GET", "/api/v1/beds", headers={"Authorization": said}).status_code == 401


@pytest.mark.parametrize("right", sorted(set(RIGHTS) - set(TOKEN_RIGHTS)))
def test_no_program_decides_who_may_do_what(door, right):
    chief = door.sign_in("administrator")
    assert chief.post("/api/v1/tokens", {"name": "x", "rights": [right]}).status_code == 422


# Screens on the walls.


def test_a_screen_shows_a_code_until_somebody_agrees_and_then_its_wards_for_ever(door):
    screen, chief = door.browser(), door.sign_in("administrator")
    first = screen.post("/api/v1/screens/pair").json()
    assert first["state"] == "waiting"
    assert screen.get("/api/v1/beds").status_code == 401
    assert screen.post("/api/v1/screens/pair").json()["code"] == first["code"], "asking again does not change it"
    body = {"code": first["code"].lower().replace("-", " "), "name": "corridor east", "wards": ["icu"]}
    assert chief.post("/api/v1/screens", body).status_code == 200
    bound = screen.post("/api/v1/screens/pair").json()
    assert (bound["state"], bound["name"], bound["wards"]) == ("bound", "corridor east", ["icu"])
    door.pass_time(3_000 * 24 * HOUR)
    assert {bed["ward"] for bed in screen.get("/api/v1/beds").json()} == {"icu"}
    assert screen.post(f"/api/v1/alarms/{door.alarm()}/acknowledge").status_code == 403


def test_a_bound_screen_comes_back_by_itself_after_the_console_was_started_again(door):
    screen, chief = door.browser(), door.sign_in("administrator")
    code = screen.post("/api/v1/screens/pair").json()["code"]
    chief.post("/api/v1/screens", {"code": code, "name": "corridor", "wards": None})
    assert screen.post("/api/v1/screens/pair").json()["state"] == "bound"
    door.stop()
    door.start()
    again = door.browser()
    again.client.cookies = screen.cookies
    assert again.get("/api/v1/beds").status_code == 200


def test_a_revoked_screen_shows_nothing_and_asks_anew(door):
    screen, chief = door.browser(), door.sign_in("administrator")
    code = screen.post("/api/v1/screens/pair").json()["code"]
    number = chief.post("/api/v1/screens", {"code": code, "name": "corridor"}).json()["screen"]
    screen.post("/api/v1/screens/pair")
    assert chief.delete(f"/api/v1/screens/{number}").status_code == 204
    assert screen.get("/api/v1/beds").status_code == 401
    new = screen.post("/api/v1/screens/pair").json()
    assert (new["state"], new["code"] != code) == ("waiting", True)


def test_a_code_is_good_for_ten_minutes_for_one_screen_and_cannot_be_guessed_from_another(door):
    screen, other, chief = door.browser(), door.browser(), door.sign_in("administrator")
    code = screen.post("/api/v1/screens/pair").json()["code"]
    assert other.post("/api/v1/screens/pair").json()["code"] != code
    door.pass_time(10 * MINUTE)
    body = {"code": code, "name": "corridor"}
    assert chief.post("/api/v1/screens", body).status_code == 404
    body["code"] = screen.post("/api/v1/screens/pair").json()["code"]
    assert body["code"] != code
    assert chief.post("/api/v1/screens", body).status_code == 200
    assert chief.post("/api/v1/screens", body).status_code == 404, "once"
    assert other.post("/api/v1/screens/pair").json()["state"] == "waiting"


def test_waiting_screens_do_not_fill_the_memory(door):
    for _ in range(50):
        assert door.browser().post("/api/v1/screens/pair").status_code == 200
    assert door.browser().post("/api/v1/screens/pair").status_code == 503
    door.pass_time(10 * MINUTE)
    assert door.browser().post("/api/v1/screens/pair").status_code == 200
