"""Key values as positions on a line of integers, so that ranges of them can be cut evenly. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, log2

from psycopg import sql

COARSE_ROWS = 1024  # in a cell: worth being cut before its rows are fetched
ROWS_A_CELL = 256  # what is read again where one row differs
FIRST_CELLS = 256  # of the first chunk, before its pace is known
_EPOCH = datetime(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class Grid:
    """One key type: every position from `lowest` to `highest` is a value of the type.

    `text` writes a position as the type reads it; `ends` are the least and the greatest value.
    """

    type: str
    lowest: int
    highest: int
    text: Callable[[int], str]
    position: Callable[[str], int | None]
    ends: tuple[str, str]

    def firsts(self, cells: Sequence["Cell"]) -> sql.Composed:
        """An array of the least values of some cells."""
        return self._array([self.ends[0] if c.first is None else self.text(c.first) for c in cells])

    def lasts(self, cells: Sequence["Cell"]) -> sql.Composed:
        """An array of the greatest values of some cells."""
        return self._array([self.ends[1] if c.last is None else self.text(c.last) for c in cells])

    def _array(self, texts: list[str]) -> sql.Composed:
        return sql.SQL("{}::{}").format(sql.Literal(texts), sql.SQL(f"{self.type}[]"))


@dataclass(frozen=True, slots=True)
class Cell:
    """A range of positions, both ends within; None is the type's own end."""

    first: int | None
    last: int | None

    def cut(self, rows: int) -> list["Cell"]:
        """Cells of about the usual number of rows, for so many evenly spread; itself if it cannot.

        One that reaches to the type's end, or a single position, cannot be cut.
        """
        if self.first is None or self.last is None or self.first == self.last:
            return [self]
        positions = self.last - self.first + 1
        width = -(-positions // min(max(rows // ROWS_A_CELL, 2), positions, 4096))
        starts = range(self.first, self.last + 1, width)
        return [Cell(start, min(start + width - 1, self.last)) for start in starts]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Adjacent cells that are read by one statement."""

    cells: tuple[Cell, ...]
    width: int

    @property
    def first(self) -> int | None:
        """Where it begins."""
        return self.cells[0].first

    @property
    def last(self) -> int | None:
        """Where it ends, within."""
        return self.cells[-1].last

    def halves(self) -> "tuple[Chunk, ...]":
        """Two chunks for this one; () where it is a single cell that cannot be cut."""
        middle = len(self.cells) // 2
        if middle:
            return Chunk(self.cells[:middle], self.width), Chunk(self.cells[middle:], self.width)
        cell = self.cells[0]
        if cell.first is None or cell.last is None or cell.first == cell.last:
            return ()
        cut = (cell.first + cell.last) // 2
        one, other = Cell(cell.first, cut), Cell(cut + 1, cell.last)
        return Chunk((one,), self.width), Chunk((other,), self.width)


class RangePlanner:
    """Cuts the line into chunks of about `target_seconds`, learning how dense and quick they are.

    Invariant: the chunks handed out and the finished ones together cover the whole line, from the
    type's least to its greatest value, and no two of them overlap.
    """

    def __init__(
        self,
        grid: Grid,
        bounds: tuple[int, int],
        rows: int,
        target_seconds: float,
        finished: Sequence[Cell] = (),
    ) -> None:
        """Start with `bounds`, where rows are known to be, and about how many."""
        self._grid = grid
        self._lowest, self._highest = bounds
        self.target_seconds = target_seconds
        self._width = _power_of_two((self._highest - self._lowest + 1) * ROWS_A_CELL / max(rows, 1))
        self._cells = FIRST_CELLS
        self._finished = sorted(finished, key=lambda c: grid.lowest if c.first is None else c.first)
        self._cursor: int | None = None
        self._ended = False
        self.is_fine = True

    @property
    def cursor(self) -> int | None:
        """Where the next chunk begins."""
        return self._cursor

    def aim(self, target_seconds: float) -> None:
        """How long a chunk shall take from the next one on."""
        shorter = min(target_seconds / self.target_seconds, 1.0)
        self._cells = max(int(self._cells * shorter), 16)
        self.target_seconds = target_seconds

    def next(self, most_cells: int = 4096) -> Chunk | None:
        """The next chunk; None when the line is covered."""
        self._skip_finished()
        if self._ended:
            return None
        limit = self._limit()
        cells: list[Cell] = []
        while len(cells) < min(self._cells, most_cells):
            cell = self._cell(limit)
            cells.append(cell)
            if cell.last is None:
                self._ended = True
                break
            self._cursor = cell.last + 1
            if cell.last == limit:
                break
        return Chunk(tuple(cells), self._width)

    def learn(self, chunk: Chunk, rows: int, seconds: float) -> None:
        """Fit width and number of cells to what a chunk turned out to hold and to take."""
        per_cell = rows / len(chunk.cells)
        self.is_fine = per_cell <= COARSE_ROWS
        if chunk.width == self._width:
            if per_cell > ROWS_A_CELL * 2:
                self._width = max(1, self._width // _power_of_two(per_cell / ROWS_A_CELL))
            elif per_cell < ROWS_A_CELL / 2:
                wider = min(4, _power_of_two(ROWS_A_CELL / max(per_cell, 1) / 2))
                self._width *= wider
                # what comes may be dense again: a chunk spans at most twice as much as the last one
                self._cells = max(self._cells * 2 // wider, 16)
        if rows >= ROWS_A_CELL * 16 and seconds > 0:
            affordable = rows / seconds * self.target_seconds / ROWS_A_CELL
            self._cells = int(min(max(affordable, 16), self._cells * 4, 4096))

    def jump(self, position: int) -> None:
        """Nothing lies between the cursor and `position`: let one cell reach up to there."""
        self._lowest = max(self._lowest, position)

    def _limit(self) -> int | None:
        """Where the next finished cell begins, less one."""
        if self._finished and (first := self._finished[0].first) is not None:
            return first - 1
        return None

    def _cell(self, limit: int | None) -> Cell:
        start = self._lowest if self._cursor is None else max(self._cursor, self._lowest)
        last = (start // self._width + 1) * self._width - 1
        if limit is not None:
            return Cell(self._cursor, min(last, limit))
        return Cell(self._cursor, None if last >= self._highest else last)

    def _skip_finished(self) -> None:
        while self._finished and self._finished[0].first == self._cursor:
            last = self._finished.pop(0).last
            if last is None:
                self._ended = True
                return
            self._cursor = last + 1


def _power_of_two(number: float) -> int:
    return 1 << max(0, ceil(log2(number))) if number > 1 else 1


def _uuid_text(position: int) -> str:
    return f"{position:032x}"


def _uuid_position(text: str) -> int:
    return int(text.replace("-", ""), 16)


def _time_text(position: int) -> str:
    moment = _EPOCH + timedelta(microseconds=position)
    return moment.isoformat(" ", "microseconds")


def _time_position(text: str) -> int | None:
    """None for infinities, BC and years of five digits: they lie in the outermost cells."""
    try:
        moment = datetime.fromisoformat(text.removesuffix("+00"))
    except ValueError:
        return None
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _integers(octets: int) -> Grid:
    end = 2 ** (8 * octets - 1)
    return Grid(f"int{octets}", -end, end - 1, str, int, (str(-end), str(end - 1)))


def _times(name: str) -> Grid:
    lowest, highest = (
        (moment - _EPOCH) // timedelta(microseconds=1)
        for moment in (datetime(1, 1, 2), datetime(9999, 12, 30))
    )
    return Grid(name, lowest, highest, _time_text, _time_position, ("-infinity", "infinity"))


GRIDS: dict[str, Grid] = {
    grid.type: grid
    for grid in (
        *map(_integers, (2, 4, 8)),
        Grid("uuid", 0, 2**128 - 1, _uuid_text, _uuid_position, ("0" * 32, "f" * 32)),
        _times("timestamp"),
        _times("timestamptz"),
    )
}
