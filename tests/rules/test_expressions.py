"""Expressions: what they mean with known, unknown and missing values, and how mistakes are pointed at."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.expressions import MAX_DEPTH, ExpressionError, parse


class Bedside:
    """A bed that answers from plain dicts."""

    def __init__(self, values=None, absent=None, silent=False, missing=(), states=()):
        self.values, self.absent_, self.silent_ = values or {}, absent or {}, silent
        self.missing_, self.states_ = missing, states

    def number(self, parameter):
        return self.values.get(parameter)

    def absent(self, parameter, duration):
        return self.absent_.get((parameter, duration))

    def silent(self, duration):
        return self.silent_

    def missing(self, parameter, reason):
        return (parameter, reason) in self.missing_

    def state(self, name):
        return name in self.states_


def ask(text, **known):
    return parse(text).evaluate(Bedside(**known))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("hr > 100", True),
        ("hr >= 120 and hr <= 120", True),
        ("hr == 120 and hr != 121", True),
        ("hr < 120 or spo2 < 90", False),
        ("not hr < 120", True),
        ("not not hr > 100", True),
        ("hr > 100 or spo2 < 90 and rr > 99", True),  # and binds closer than or
        ("(hr > 100 or spo2 < 90) and rr > 99", False),
        ("hr / nibp_sys > 1.1", True),
        ("hr - 20 - 50 == 50", True),  # from the left
        ("hr / 2 / 3 == 20", True),
        ("2 + rr * 2 == 34", True),
        ("-hr < -119", True),
        ("hr*(1+1)==240", True),
    ],
)
def test_arithmetic_and_comparisons_mean_what_they_say(text, answer):
    assert ask(text, values={"hr": 120.0, "spo2": 97.0, "rr": 16.0, "nibp_sys": 100.0}) is answer


def test_functions_ask_the_bed():
    assert ask("absent(spo2, 20s)", absent={("spo2", 20_000): True}) is True
    assert ask("absent(spo2, 1.5min)", absent={("spo2", 90_000): False}) is False
    assert ask("silent(250ms)", silent=True) is True
    assert ask("flag(spo2, sensor_off)", missing=[("spo2", "sensor_off")]) is True
    assert ask("flag(low_battery)", states=["low_battery"]) is True
    assert ask("flag(lead_off)", states=["low_battery"]) is False


def test_an_unknown_value_makes_a_comparison_unknown():
    assert ask("hr > 100") is None
    assert ask("not hr > 100") is None
    assert ask("hr + spo2 > 1", values={"hr": 1.0}) is None
    assert ask("-hr > 1") is None


def test_zero_is_a_value():
    assert ask("hr < 40", values={"hr": 0.0}) is True


def test_a_quotient_by_zero_is_unknown():
    assert ask("hr / nibp_sys > 1", values={"hr": 80.0, "nibp_sys": 0.0}) is None


def test_and_or_not_follow_three_valued_logic_in_every_case():
    numbers = {True: 1.0, False: 0.0, None: None}
    for left, right in itertools.product((True, False, None), repeat=2):
        values = {"hr": numbers[left], "rr": numbers[right]}
        both = False if left is False or right is False else None if left is None or right is None else True
        either = True if left or right else None if left is None or right is None else False
        assert ask("hr > 0.5 and rr > 0.5", values=values) is both
        assert ask("hr > 0.5 or rr > 0.5", values=values) is either


@pytest.mark.parametrize(
    ("text", "column", "fragment"),
    [
        ("hr >", 5, "expected a parameter, a number or a function, got the end"),
        ("(hr > 1", 8, "expected ')', got the end"),
        ("hr > 1)", 7, "expected an operator or the end, got ')'"),
        ("hr", 1, "the whole expression must be true or false, this is a number"),
        ("hr and spo2 > 1", 1, "each side of 'and' must be true or false"),
        ("hr > 1 and spo2", 12, "each side of 'and' must be true or false"),
        ("not hr", 5, "what follows not must be true or false"),
        ("(hr > 1) > 2", 2, "each side of '>' must be a number"),
        ("(hr > 1) + 2 > 3", 2, "each side of '+' must be a number"),
        ("hr == flag(lead_off)", 7, "each side of '==' must be a number"),
        ("1 < hr < 5", 8, "compare two things at a time"),
        ("sp02 > 1", 1, "unknown parameter 'sp02'; did you mean 'spo2'?"),
        ("hr > 1 and flag(lead_of)", 17, "did you mean 'lead_off'?"),
        ("flag(spo2, sensor_of)", 12, "unknown reason"),
        ("flag(spo3, sensor_off)", 6, "unknown parameter"),
        ("median(hr) > 1", 1, "unknown function 'median'; known: absent, change, flag, limit, max, mean, min, n_of_m, news2"),
        ("absent(hr)", 10, "expected ','"),
        ("absent(hr, 20)", 12, "expected a duration such as 20s, got '20'"),
        ("absent(hr, 0s)", 12, "longer than zero"),
        ("silent(15)", 8, "expected a duration"),
        ("hr > 20s", 6, "stands only in absent(), silent(), windows and after for"),
        ("hr = 1", 4, "write '=='"),
        ("hr > 1 && rr > 1", 8, "write and, or, not"),
        ("hr > 1.2.3", 6, "'1.2.3' is no number"),
        ("hr > 1e5", 6, "'1e5' is no number"),
        ("hr > 1; import os", 7, "';' has no meaning here"),
        ("hr / 0 > 1", 6, "division by zero"),
        ("1 < 2", 1, "the answer is always the same"),
        ("and", 1, "expected a parameter"),
        ("hr > and", 6, "expected a parameter, a number or a function, got 'and'"),
        ("flag(not)", 6, "expected a parameter or a device state, got 'not'"),
        ("", 1, "got the end"),
        ("hr > ９", 6, "has no meaning here"),
    ],
)
def test_a_mistake_is_pointed_at_by_its_column(text, column, fragment):
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert caught.value.column == column
    assert fragment in str(caught.value)
    assert str(caught.value).startswith(f"column {column}: ")


@pytest.mark.parametrize("open_", ["(", "not ", "-", "not (", "-("])
def test_deep_nesting_is_refused_and_not_a_crash(open_):
    with pytest.raises(ExpressionError, match=f"nested deeper than {MAX_DEPTH}|longer than"):
        parse(open_ * 190 + "hr")


def test_an_expression_knows_what_it_depends_on():
    expression = parse("hr > 1 and absent(spo2, 20s) or silent(15s) or flag(rr, apnea)")
    assert expression.parameters == {"hr"}
    assert expression.absences == (("spo2", 20_000),)
    assert expression.silences == (15_000,)
    assert expression.flags


WORDS = "hr spo2 and or not ( ) + - * / < <= > >= == != , 0 1 20s absent( flag( silent( lead_off apnea 2.5".split()


@given(words=st.lists(st.sampled_from(WORDS), max_size=25), hr=st.none() | st.floats(0, 350), silent=st.booleans())
@settings(max_examples=400, deadline=None)
def test_any_row_of_words_is_an_answer_or_a_mistake_at_a_column(words, hr, silent):
    text = " ".join(words)
    expression = attempt(text)
    if isinstance(expression, ExpressionError):
        assert 1 <= expression.column <= len(text) + 1
    else:
        assert expression.evaluate(Bedside(values={"hr": hr}, silent=silent)) in (True, False, None)


@given(text=st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_an_expression_or_a_mistake(text):
    attempt(text)


def attempt(text):
    try:
        return parse(text)
    except ExpressionError as error:
        return error
