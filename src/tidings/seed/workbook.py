"""A workbook of notifications, written row by row: its size does not show in memory."""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from tidings.domain.errors import ExtraMissing
from tidings.domain.notification import Notification
from tidings.extras import pip_install

ROWS = 1_048_575  # below the heading; the format holds no more
HEADINGS = ("message_body", "user_email", "type", "status", "creat_time", "title", "topic", "read_time", "id")
_WIDTHS = (60, 28, 16, 10, 26, 30, 24, 26, 24)


def require_writer() -> None:
    """Raises `ExtraMissing` where workbooks cannot be written."""
    if find_spec("xlsxwriter") is None:
        raise ExtraMissing(f"exports need xlsxwriter, which is not installed: {pip_install('demo')}")


class Workbook:
    """An .xlsx file that grows."""

    def __init__(self, path: Path, user: str) -> None:
        import xlsxwriter

        # Text stays text: a body that begins with "=" must not run as a formula on somebody's desk.
        self._book = xlsxwriter.Workbook(
            path, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        )
        self._sheet = self._book.add_worksheet("Notifications")
        bold = self._book.add_format({"bold": True})
        for column, (heading, width) in enumerate(zip(HEADINGS, _WIDTHS, strict=True)):
            self._sheet.set_column(column, column, width)
            self._sheet.write_string(0, column, heading, bold)
        self._sheet.freeze_panes(1, 0)
        self._user = user
        self.rows = 0

    def add(self, items: Iterable[Notification]) -> None:
        """Append a row for each; what is beyond the format's limit is left out."""
        for item in items:
            if self.rows == ROWS:
                return
            self.rows += 1
            values = (
                item.body or item.title or "", self._user, item.type, item.status, item.create_time, item.title or "",
                item.topic, item.read_time or "", item.id,
            )  # fmt: skip
            for column, value in enumerate(values):
                self._sheet.write_string(self.rows, column, str(value)[:32_767])  # the most a cell holds

    def close(self) -> None:
        """Finish the file."""
        self._book.close()
