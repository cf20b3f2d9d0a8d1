"""The epochs of a log: each forked from the one before it at a seq, and went on from there.

A log gets a new epoch when what came after a place in it was lost: an older copy was restored, a replica that was
behind took over. Seqs up to the fork mean the same events as before it; what the old epoch called a later seq is gone.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from tidings.domain.cursor import Cursor
from tidings.domain.notification import notification_id


class Epoch(NamedTuple):
    """A name for the part of the log after `forked_at`, the last seq that it shares with the epoch before it."""

    name: str
    forked_at: int  # 0 for the first


class Lineage:
    """The epochs of one log, oldest first. The newest is the one that is written to."""

    def __init__(self, epochs: Sequence[Epoch]) -> None:
        """At least one."""
        self.epochs = tuple(epochs)
        self.epoch, self.forked_at = self.epochs[-1]
        self._forks = [epoch.forked_at for epoch in self.epochs[1:]]

    def epoch_at(self, seq: int) -> str:
        """The epoch that an event was appended in."""
        return self.epoch if seq > self.forked_at else self.epochs[bisect_left(self._forks, seq)].name

    def cursor(self, seq: int) -> Cursor:
        """The cursor after an event: the same one before and after a fork."""
        return Cursor(self.epoch_at(seq), seq)

    def ends_at(self, epoch: str) -> int | None:
        """The last seq of an epoch that this log still has; None for the newest, which has no end yet.

        Raises `KeyError` for an epoch of another log.
        """
        for known, fork in zip(self.epochs, [*self._forks, None], strict=True):
            if known.name == epoch:
                return fork
        raise KeyError(epoch)

    def position(self, cursor: Cursor) -> int | None:
        """The seq of a cursor, if it means the same event in this log; None if it does not."""
        try:
            end = self.ends_at(cursor.epoch)
        except KeyError:
            return None
        return cursor.seq if end is None or cursor.seq <= end else None

    def item_id(self, epoch: str, seq: int) -> int | None:
        """The item of a notification id, if its event was appended to this log; None if it was not."""
        return seq if seq > 0 and self.epoch_at(seq) == epoch else None

    def public_id(self, item_id: int) -> str:
        """The notification id of an item that this log gave one of its own."""
        return notification_id(self.epoch_at(item_id), item_id)
