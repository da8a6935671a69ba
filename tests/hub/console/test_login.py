"""Signing in: who is let in, for how long, and what stands between a guesser and a password."""

import pytest

from hub.console.people.secrets import is_password, objection
from tests.hub.console.doorstep import HOUR, MINUTE, PASSWORD, Door


@pytest.fixture
def door(tmp_path):
    door = Door(tmp_path)
    yield door
    door.close()


@pytest.fixture(autouse=True)
def quick_hash(monkeypatch):
    """A password hash that is quick to make: these tests are not about how slow it is."""
    from argon2 import PasswordHasher

    from hub.console.people import secrets

    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(secrets, "_hasher", quick)
    monkeypatch.setattr(secrets, "_NOBODY", quick.hash("nobody"))


def first_key(caplog):
    (line,) = [record.getMessage() for record in caplog.records if "nobody has an account yet" in record.getMessage()]
    return line.rpartition("#")[2]


def who(browser):
    answer = browser.get("/api/v1/me")
    return answer.json()["name"] if answer.status_code == 200 else None


def sign_in(browser, name, password=PASSWORD):
    return browser.post("/api/v1/login", {"name": name, "password": password}).status_code


def test_the_first_start_logs_a_link_that_makes_the_administrator_once(tmp_path, caplog):
    door = Door(tmp_path)
    key, browser = first_key(caplog), door.browser()
    assert browser.post("/api/v1/link/look", {"key": key}).json() == {"account": ""}
    made = browser.post("/api/v1/link", {"key": key, "name": "Chief", "password": PASSWORD})
    assert (made.status_code, made.json()["role"], who(browser)) == (200, "administrator", "chief")
    again = door.browser().post("/api/v1/link", {"key": key, "name": "second", "password": PASSWORD})
    assert again.status_code == 404
    assert [account.name for account in door.people.accounts.all()] == ["chief"]
    door.close()


def test_the_link_is_too_old_after_a_day_and_void_after_the_next_start(tmp_path, caplog):
    door = Door(tmp_path)
    key = first_key(caplog)
    door.pass_time(24 * HOUR)
    body = {"key": key, "name": "chief", "password": PASSWORD}
    assert door.browser().post("/api/v1/link", body).status_code == 404
    door.clock.now -= 24 * HOUR
    door.stop()
    caplog.clear()
    door.start()
    assert first_key(caplog) != key
    assert door.browser().post("/api/v1/link", body).status_code == 404
    door.close()


def test_nobody_gets_anything_without_signing_in(door):
    answer = door.browser().get("/api/v1/beds")
    assert answer.status_code == 401
    assert "sign in at /login" in answer.json()["error"]
    assert sign_in(door.browser(), "nobody") == 401


def test_a_session_ends_by_itself_when_nobody_touches_a_page(door):
    browser = door.sign_in("nurse")
    door.pass_time(14 * MINUTE)
    assert browser.post("/api/v1/active").status_code == 204
    door.people._threads.submit(lambda: None).result()
    door.pass_time(14 * MINUTE)
    assert browser.get("/api/v1/beds").status_code == 200
    door.pass_time(1 * MINUTE)
    assert browser.get("/api/v1/beds").status_code == 401, "looking is no sign of a person: pages do it by themselves"


def test_a_session_ends_after_twelve_hours_whatever_is_touched(door):
    browser = door.sign_in("nurse")
    for _ in range(71):
        door.pass_time(10 * MINUTE)
        assert browser.post("/api/v1/active").status_code == 204
        door.people._threads.submit(lambda: None).result()
    door.pass_time(10 * MINUTE)
    assert who(browser) is None


def test_a_sign_in_survives_the_console(door):
    browser = door.sign_in("nurse", name="ida")
    door.stop()
    door.start()
    again = door.browser()
    again.client.cookies = browser.cookies
    assert who(again) == "ida"


def test_signing_out_ends_the_session_and_not_only_the_cookie(door):
    browser = door.sign_in("nurse", name="ida")
    kept = door.browser(Cookie=f"wardline_session={browser.cookies['wardline_session']}")
    assert who(kept) == "ida"
    assert browser.post("/api/v1/logout").status_code == 204
    assert (who(browser), who(kept)) == (None, None)


def test_signing_in_gives_a_new_session_whatever_the_browser_brought(door):
    door.sign_in("nurse", name="ida")
    browser = door.browser()
    browser.cookies.set("wardline_session", "chosen-by-somebody-else", domain="127.0.0.1")
    assert sign_in(browser, "IDA ") == 200
    sessions = door.people.store.rows("SELECT hash FROM session")
    from hub.console.people.secrets import kept

    assert (kept("chosen-by-somebody-else"),) not in sessions


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites_and_bound_to_the_host_over_https(door):
    door.sign_in("nurse", name="ida")
    plain = door.browser().post("/api/v1/login", {"name": "ida", "password": PASSWORD})
    said = plain.headers.get_list("set-cookie")[0].lower()
    assert said.startswith("wardline_session=")
    assert "httponly" in said
    assert "samesite=strict" in said
    assert "secure" not in said
    secure = door.browser().post(
        "/api/v1/login", {"name": "ida", "password": PASSWORD}, Origin="https://127.0.0.1:8080"
    )
    said = secure.headers.get_list("set-cookie")[0]
    assert said.startswith("__Host-wardline_session=")
    assert "Secure" in said
    assert "Path=/" in said
    assert "Domain" not in said


@pytest.mark.parametrize("word", [None, "", "0" * 64, "of another session"])
def test_a_change_without_the_word_of_the_page_is_refused(door, word):
    browser, other = door.sign_in("nurse"), door.sign_in("nurse")
    said = other.cookies["wardline_csrf"] if word == "of another session" else word
    headers = {} if said is None else {"X-CSRF-Token": said}
    number = door.alarm()
    answer = browser.request("POST", f"/api/v1/alarms/{number}/acknowledge", json={}, headers=headers)
    assert (answer.status_code, door.asked) == (403, [])


def test_the_journal_takes_the_name_of_who_is_signed_in_not_the_one_in_the_body(door):
    browser = door.sign_in("nurse", name="ida")
    number = door.alarm()
    assert browser.post(f"/api/v1/alarms/{number}/acknowledge", {"by": "somebody else"}).status_code == 200
    assert [(action, said["by"]) for action, said in door.asked] == [("acknowledge", "ida")]


def test_wrong_passwords_cost_more_and_more_time_and_never_all_of_it(door):
    door.sign_in("administrator", name="chief")
    waits = []
    for _ in range(16):
        while sign_in(door.browser(), "chief", "wrong password") == 429:
            waits[-1] += 15
            door.pass_time(15_000)
        waits.append(0)
    assert waits[:5] == [0, 0, 0, 0, 15]
    assert waits[5:9] == [30, 60, 120, 240]
    assert max(waits) == 900
    door.pass_time(15 * MINUTE)
    assert sign_in(door.browser(), "chief") == 200
    assert sign_in(door.browser(), "chief", "wrong password") == 401, "the right password clears the count"


def test_the_right_password_does_not_help_while_the_account_waits(door):
    door.sign_in("nurse", name="ida")
    for _ in range(5):
        assert sign_in(door.browser(), "ida", "wrong password") == 401
    answer = door.browser().post("/api/v1/login", {"name": "ida", "password": PASSWORD})
    assert (answer.status_code, answer.json()["error"]) == (429, "too many wrong passwords; try again in 15 s")


def test_who_guesses_names_waits_too_and_what_was_typed_is_not_written_down(door):
    for number in range(10):
        assert sign_in(door.browser(), f"my-secret-{number}") == 401
    assert sign_in(door.browser(), "my-secret-11") == 429
    assert "my-secret" not in str(door.trail("subject", "detail", '"by"'))
    assert ("sign-in failed", "no such account") in door.trail("action", "detail")
    assert ("locked", "address 127.0.0.1") in door.trail("action", "subject")


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "elevenchars",
        "wardline-hub-1!!",
        "ida ida ida ida ida",
        "intensivecare",
        "aaaaaaaaaaaaaaaa",
        "password12345",
        "x" * 257,
    ],
)
def test_a_password_others_would_guess_is_refused_with_a_reason(door, password):
    key = door.people.accounts.add("ida", "", "nurse", ["icu"], door.people.console())
    answer = door.browser().post("/api/v1/link", {"key": key, "password": password})
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(("a password has", "this password is one"))


@pytest.mark.parametrize("password", ["correct horse battery staple", "дождь идёт весь день", "0Vx!7qWz-2mR"])
def test_a_password_needs_no_special_signs(password):
    assert objection(password, ["icu", "ida"]) == ""


def test_a_password_is_the_same_however_the_keyboard_spells_it(door):
    accounts, doer = door.people.accounts, door.people.console()
    accounts.choose(accounts.add("zoe", "", "nurse", None, doer), "", "caf\u00e9 au lait du matin", doer)
    assert is_password(accounts.find("zoe").password, "cafe\u0301 au lait du matin")


def test_another_password_ends_the_sessions_on_other_machines(door):
    here = door.sign_in("nurse", name="ida")
    there = door.browser()
    assert sign_in(there, "ida") == 200
    new = {"present": PASSWORD, "password": "a quite different sentence"}
    assert here.post("/api/v1/me/password", {**new, "present": "wrong"}).status_code == 403
    assert here.post("/api/v1/me/password", new).status_code == 204
    assert (who(here), who(there)) == ("ida", None)
    assert sign_in(there, "ida") == 401


def test_signing_out_everywhere_ends_them_all(door):
    here, there = door.sign_in("nurse", name="ida"), door.browser()
    assert sign_in(there, "ida") == 200
    assert here.post("/api/v1/logout-everywhere").json() == {"ended": 2}
    assert (who(here), who(there)) == (None, None)


def test_a_disabled_account_is_out_at_once_and_cannot_come_back(door):
    chief, nurse = door.sign_in("administrator"), door.sign_in("nurse", name="ida")
    body = {"title": "", "role": "nurse", "wards": None, "disabled": True}
    assert chief.put("/api/v1/people/ida", body).status_code == 200
    assert who(nurse) is None
    assert sign_in(nurse, "ida") == 401


def test_the_last_administrator_stays(door):
    chief = door.sign_in("administrator", name="chief")
    for body in ({"role": "nurse"}, {"role": "administrator", "disabled": True}):
        assert chief.put("/api/v1/people/chief", body).status_code == 409
    door.sign_in("administrator", name="deputy")
    assert chief.put("/api/v1/people/chief", {"role": "nurse"}).status_code == 200
    assert chief.get("/api/v1/people").status_code == 403, "the right is gone with the next request"


def test_who_has_this_machine_gets_back_in(door, capsys):
    from wardline.cli import main

    door.sign_in("administrator", name="chief")
    assert main(["people", "first-link", "--config", str(door.folder / "hub.yaml")]) == 0
    key = capsys.readouterr().out.strip().rpartition("#")[2]
    door.clock.now = max(door.clock.now, door.people.store.row("SELECT max(expires) FROM link")[0] - HOUR)
    made = door.browser().post("/api/v1/link", {"key": key, "name": "second", "password": PASSWORD})
    assert made.json()["role"] == "administrator"
    assert ("command line", "first link given") in door.trail('"by"', "action")
    assert main(["people", "list", "--config", str(door.folder / "hub.yaml")]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["chief", "second"]


def test_secrets_are_kept_as_hashes_only(door):
    nurse = door.sign_in("nurse", name="ida")
    chief = door.sign_in("administrator")
    token = chief.post("/api/v1/tokens", {"name": "register", "rights": ["view"]}).json()["secret"]
    door.people.store.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = b"".join(path.read_bytes() for path in door.folder.glob("people.db*"))
    for secret in (PASSWORD, nurse.cookies["wardline_session"], nurse.cookies["wardline_csrf"], token):
        assert secret.encode() not in kept


# The demo.


def test_the_demo_lets_in_who_is_at_this_machine_and_nobody_through_a_proxy(tmp_path, caplog):
    door = Door(tmp_path, "{demo_person: true}")
    assert "link" not in caplog.text
    assert door.browser().get("/api/v1/me").json()["kind"] == "demo"
    for header in ("X-Forwarded-For", "Forwarded", "Via"):
        assert door.browser(**{header: "192.0.2.7"}).get("/api/v1/me").status_code == 401
    door.close()
