"""What may stand in the place of a node of the syntax tree: the kinds of small faults that mutants have."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_OPERATIONS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
}
_NAMES = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "ROUND_DOWN": "ROUND_UP",
    "ROUND_FLOOR": "ROUND_CEILING",
    "ROUND_CEILING": "ROUND_FLOOR",
    "ROUND_HALF_EVEN": "ROUND_DOWN",
    "ROUND_HALF_UP": "ROUND_DOWN",
}
_SHOWN = 40  # characters of SQL on each side of a change
# Patterns in SQL and what stands there instead; names of columns in upper case do not occur.
_SQL = (
    (r"<>", "="),
    (r"<=", "<"),
    (r">=", ">"),
    (r"(?<![<>=])<(?![=>])", "<="),
    (r"(?<![<>=-])>(?![=>])", ">="),
    (r"(?<![<>=:])=(?![>=])", "<>"),
    (r"\bAND\b", "OR"),
    (r"\bOR\b", "AND"),
    (r"\bNOT EXISTS\b", "EXISTS"),
    (r"\bIS NOT NULL\b", "IS NULL"),
    (r"\bIS NULL\b", "IS NOT NULL"),
    (r"\bmin\(", "max("),
    (r"\bmax\(", "min("),
    (r"(?<= )\+(?= )", "-"),
    (r"(?<= )-(?= )", "+"),
    (r"(?<= )\*(?= )", "/"),
)


def list_replacements(node: ast.AST, *, with_sql: bool) -> Iterator[ast.AST]:
    """Yield what stands in the place of a node in its mutants, each at most once."""
    for kind, make in _KINDS:
        if isinstance(node, kind):
            yield from make(node)
    if with_sql and isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from _change_sql(node.value)


def _change_comparison(node: ast.Compare) -> Iterator[ast.AST]:
    for index, operator in enumerate(node.ops):
        for other in _COMPARISONS[type(operator)]:
            operators = [*node.ops[:index], other(), *node.ops[index + 1 :]]
            yield ast.Compare(left=node.left, ops=operators, comparators=node.comparators)


def _change_junction(node: ast.BoolOp) -> Iterator[ast.AST]:
    yield ast.BoolOp(op=ast.Or() if isinstance(node.op, ast.And) else ast.And(), values=node.values)


def _drop_sign(node: ast.UnaryOp) -> Iterator[ast.AST]:
    yield node.operand


def _change_operation(node: ast.BinOp) -> Iterator[ast.AST]:
    operator = _OPERATIONS.get(type(node.op))
    if operator is not None and not any(_is_text(side) for side in (node.left, node.right)):
        yield ast.BinOp(left=node.left, op=operator(), right=node.right)


def _change_constant(node: ast.Constant) -> Iterator[ast.AST]:
    if isinstance(node.value, bool):
        yield ast.Constant(value=not node.value)
    elif isinstance(node.value, int | float):
        yield ast.Constant(value=node.value + 1)
        yield ast.Constant(value=node.value - 1)


def _change_call(node: ast.Call) -> Iterator[ast.AST]:
    """Change a number that is written as a text, as in `Decimal("0.5")`."""
    if not (isinstance(node.func, ast.Name) and node.func.id == "Decimal" and len(node.args) == 1):
        return
    (argument,) = node.args
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        number = _read_number(argument.value)
        if number is not None:
            yield ast.Call(func=node.func, args=[ast.Constant(value=str(number + 1))], keywords=[])
            yield ast.Call(func=node.func, args=[ast.Constant(value=str(number * 2))], keywords=[])


def _change_name(node: ast.Name) -> Iterator[ast.AST]:
    if node.id in _NAMES:
        yield ast.Name(id=_NAMES[node.id], ctx=node.ctx)


def _change_return(node: ast.Return) -> Iterator[ast.AST]:
    if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        yield ast.Return(value=ast.Constant(value=None))


def _negate_condition(node: ast.If | ast.IfExp | ast.While) -> Iterator[ast.AST]:
    if isinstance(node.test, ast.Compare | ast.UnaryOp):
        return
    test = ast.UnaryOp(op=ast.Not(), operand=node.test)
    if isinstance(node, ast.If):
        yield ast.If(test=test, body=node.body, orelse=node.orelse)
    elif isinstance(node, ast.IfExp):
        yield ast.IfExp(test=test, body=node.body, orelse=node.orelse)


def _drop_filter(node: ast.comprehension) -> Iterator[ast.AST]:
    for index in range(len(node.ifs)):
        others = [*node.ifs[:index], *node.ifs[index + 1 :]]
        yield ast.comprehension(target=node.target, iter=node.iter, ifs=others, is_async=node.is_async)


def _drop_call(node: ast.Expr) -> Iterator[ast.AST]:
    if isinstance(node.value, ast.Call):
        yield ast.Pass()


def _drop_statement(node: ast.AST) -> Iterator[ast.AST]:
    yield ast.Pass()


def _change_jump(node: ast.Continue | ast.Break) -> Iterator[ast.AST]:
    yield ast.Break() if isinstance(node, ast.Continue) else ast.Continue()


def _change_sql(sql: str) -> Iterator[ast.AST]:
    for pattern, other in _SQL:
        for match in re.finditer(pattern, sql):
            before, after = sql[: match.start()], sql[match.end() :]
            changed = ast.Constant(value=before + other + after)
            around = " ".join(f"{before[-_SHOWN:]}[{match[0]} -> {other}]{after[:_SHOWN]}".split())
            yield _show(changed, around)


def _show(node: ast.Constant, text: str) -> ast.AST:
    """Say of a long text only what is around the change."""
    node.shown = text  # type: ignore[attr-defined]
    return node


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _read_number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


_KINDS: tuple[tuple[type[ast.AST] | tuple[type[ast.AST], ...], Callable[..., Iterator[ast.AST]]], ...] = (
    (ast.Compare, _change_comparison),
    (ast.BoolOp, _change_junction),
    (ast.UnaryOp, _drop_sign),
    (ast.BinOp, _change_operation),
    (ast.Constant, _change_constant),
    (ast.Call, _change_call),
    (ast.Name, _change_name),
    (ast.Return, _change_return),
    ((ast.If, ast.IfExp), _negate_condition),
    (ast.comprehension, _drop_filter),
    (ast.Expr, _drop_call),
    ((ast.AugAssign, ast.Raise), _drop_statement),
    ((ast.Continue, ast.Break), _change_jump),
)
