"""Units in expressions: a literal with a unit becomes the catalogue's unit and must fit what it is compared with."""

from __future__ import annotations

from rules.nodes import Node, Quantity, constant
from rules.tokens import ExpressionError, Token, unknown_name
from vitals.units import UNITS, measured_in

_DURATIONS = ("ms", "s", "min", "h")


def literal(number: Token, unit: Token | None) -> Node:
    """A number as it stands in an expression. Raises ExpressionError for a unit nobody knows."""
    value = float(number.text)
    if unit is None:
        return Node("number", constant(value), number.column, value)
    if unit.text in _DURATIONS:
        raise ExpressionError(number.column, f"a duration is written without a space: {number.text}{unit.text}")
    found = measured_in(unit.text)
    if found is None:
        raise ExpressionError(unit.column, unknown_name("unit", unit.text, UNITS))
    target, conversion = found
    converted = conversion.apply(value)
    # Whether 1 °F is a temperature or a difference of two is only known from the other side of the comparison.
    scale = None if conversion.offset == 0 else (value, conversion.factor)
    quantity = Quantity(target, written=True)
    return Node("number", constant(converted), number.column, converted, quantity, scale)


def fit(left: Node, right: Node, token: Token) -> tuple[Node, Node]:
    """Both sides of a comparison in one unit. Raises ExpressionError at the side whose unit cannot be meant."""
    _check(left, right, token)
    return _as_difference(left, right), _as_difference(right, left)


def sum_of(left: Node, right: Node, token: Token) -> Quantity | None:
    """What is known of the unit of a sum or a difference."""
    _check(left, right, token)
    _refuse_scale(left, right)
    first, second = left.quantity, right.quantity
    if first is None or second is None:
        return first or second
    if first.unit != second.unit:
        return None
    both_measured = not (first.written or second.written)
    difference = token.text == "-" and both_measured and first.difference is second.difference
    return Quantity(first.unit, first.written or second.written, difference or (first.difference and second.difference))


def product_of(left: Node, right: Node, token: Token) -> Quantity | None:
    """What is known of the unit of a product or a quotient: only that a plain factor does not change it."""
    _refuse_scale(left, right)
    if right.quantity is None and right.constant is not None:
        return left.quantity
    if left.quantity is None and left.constant is not None and token.text == "*":
        return right.quantity
    return None


def _check(left: Node, right: Node, token: Token) -> None:
    first, second = left.quantity, right.quantity
    if first is None or second is None or first.unit == second.unit or not (first.written or second.written):
        return
    wrong, other = (right, first) if second.written else (left, second)
    assert wrong.quantity is not None
    raise ExpressionError(
        wrong.column,
        f"{wrong.quantity.unit} on one side of {token.text!r} and {other.unit} on the other cannot be compared",
    )


def _as_difference(node: Node, other: Node) -> Node:
    if node.scale is None or other.quantity is None or not other.quantity.difference:
        return node
    value, factor = node.scale
    return node._replace(function=constant(round(value * factor, 4)))


def _refuse_scale(*nodes: Node) -> None:
    for node in nodes:
        if node.scale is not None:
            raise ExpressionError(
                node.column, "write it in Cel: in arithmetic nobody can tell a temperature from a difference of two"
            )
