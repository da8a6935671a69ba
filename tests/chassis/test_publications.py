"""What a connection has said, and up to where the broker has taken it."""

import pytest

from chassis.publications import Publications


@pytest.fixture
def publications():
    return Publications()


def test_nothing_said_is_all_acknowledged(publications):
    assert (publications.said, publications.acknowledged) == (0, 0)


def test_the_oldest_that_is_on_its_way_holds_all_behind_it(publications):
    for mid in (11, 12, 13):
        publications.push_message(mid, b"")
    publications.remove_message_by_mid(12)
    assert (publications.said, publications.acknowledged) == (3, 0)
    publications.remove_message_by_mid(11)
    assert publications.acknowledged == 2
    publications.remove_message_by_mid(13)
    assert publications.acknowledged == 3
    assert publications.is_empty


def test_a_packet_id_that_comes_around_again_is_another_message(publications):
    publications.push_message(11, b"")
    publications.remove_message_by_mid(11)
    publications.push_message(11, b"")
    assert (publications.said, publications.acknowledged) == (2, 1)


def test_an_acknowledgement_of_nothing_changes_nothing(publications):
    publications.push_message(11, b"")
    publications.remove_message_by_mid(99)
    assert publications.acknowledged == 0


def test_what_was_thrown_away_was_not_acknowledged(publications):
    publications.push_message(11, b"")
    publications.clear()
    assert publications.acknowledged == 0
