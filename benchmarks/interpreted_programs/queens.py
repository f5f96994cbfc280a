"""Queens on a board: recursion and generators."""

from collections.abc import Iterator

Board = tuple[int, ...]
SIZE = 8


def free(placed: Board, column: int) -> bool:
    """Whether a queen may stand in the next row."""
    row = len(placed)
    for other, taken in enumerate(placed):  # noqa: SIM110 - a plain loop is measured
        if taken == column or abs(taken - column) == row - other:
            return False
    return True


def boards(placed: Board, size: int) -> Iterator[Board]:
    """Yield all boards that go on from `placed`."""
    if len(placed) == size:
        yield placed
        return
    for column in range(size):
        if free(placed, column):
            yield from boards((*placed, column), size)


def mirrored(board: Board) -> Board:
    """Return the board seen from the other side."""
    last = len(board) - 1
    return tuple(last - column for column in board)


def work() -> int:
    """Count the boards that differ by more than a mirror."""
    seen: set[Board] = set()
    for board in boards((), SIZE):
        if mirrored(board) not in seen:
            seen.add(board)
    return len(seen)
