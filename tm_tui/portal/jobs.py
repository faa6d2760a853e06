"""What is to be done: one table, with a key under which a thing is done once, a time when it is due, a lease.

A worker takes one job at a time, and ends it in the transaction that holds what came of it: when its lease
was lost meanwhile, to another worker, nothing of it counts. A job that is asked for again while it is being
done stays.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, and_, delete, func, or_, select, update

from tm_tui.portal import tables
from tm_tui.portal.engines import insert, is_sqlite

__all__ = [
    "OF_PRODUCT",
    "Job",
    "Kind",
    "Lost",
    "again",
    "ask",
    "ask_all",
    "done",
    "forget",
    "free",
    "keep",
    "next_due",
    "not_after",
    "take",
    "waiting",
    "withdraw",
]

LEASE_SECONDS = 300.0
"""So long nobody else begins the same; more than any job takes."""
_OF = tables.jobs.c

Kind = Literal["read", "incidents", "report-daily", "report-weekly", "report-monthly", "sweep", "catch-up"]

OF_PRODUCT: tuple[Kind, ...] = ("incidents", "report-daily", "report-weekly", "report-monthly")
"""Those that end with a product's registration."""


class Lost(Exception):  # said to no user
    """The lease was lost: another worker has the job."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job that was taken. `what`: of its kind's own."""

    key: str
    kind: str
    appliance: str
    what: str
    due: float
    lease: str
    asked: int


def ask(
    connection: Connection, key: str, kind: Kind, due: float, *, appliance: str = "", what: str = ""
) -> None:
    """Have something done from `due` (Unix seconds) on, or sooner, if that was asked for."""
    row = {"key": key, "kind": kind, "appliance": appliance, "what": what, "due": due}
    _asked(connection, [row])


def ask_all(connection: Connection, appliance: str, wanted: Sequence[tuple[str, Kind, float]]) -> None:
    """The same for several jobs (key, kind, due) of an appliance."""
    rows = [
        {"key": key, "kind": kind, "appliance": appliance, "what": "", "due": due}
        for key, kind, due in wanted
    ]
    _asked(connection, rows)


def _asked(connection: Connection, rows: list[dict[str, object]]) -> None:
    least = func.min if is_sqlite(connection) else func.least
    entry = insert(connection, tables.jobs)
    sooner = {"due": least(_OF.due, entry.excluded.due), "asked": _OF.asked + 1}
    connection.execute(entry.on_conflict_do_update(index_elements=["key"], set_=sooner), rows)


def take(connection: Connection, now: float, first: Kind | None = None, *, alone: bool = False) -> Job | None:
    """Take the job that is due the longest; one of the kind `first` before all others. None: none is due.

    Of those due at the same moment, as all of a midnight are, it is any: sorting them would read them all.

    A worker that is `alone` needs no lease: nothing is written.
    """
    free_ = or_(_OF.leased_until <= now, _OF.leased_until > now + 2 * LEASE_SECONDS)  # the clock was set back
    chosen = select(tables.jobs).where(_OF.due <= now, free_).order_by(_OF.due).limit(1)
    if first is not None:
        chosen = chosen.where(_OF.kind == first)
    row = connection.execute(chosen.with_for_update(skip_locked=True)).mappings().first()
    if row is None:
        return take(connection, now, alone=alone) if first is not None else None
    job = Job(
        **{name: row[name] for name in Job.__slots__ if name != "lease"}, lease="" if alone else _name()
    )
    if alone:
        return job
    leased = {"leased_until": now + LEASE_SECONDS, "lease": job.lease}
    connection.execute(update(tables.jobs).where(_OF.key == job.key).values(leased))
    return job


def _name() -> str:
    return secrets.token_hex(8)


def done(connection: Connection, job: Job) -> None:
    """It is done; unless it was asked for anew meanwhile. Raises Lost."""
    unasked = and_(_OF.key == job.key, _OF.lease == job.lease, _OF.asked == job.asked)
    if not connection.execute(delete(tables.jobs).where(unasked)).rowcount:
        _free(connection, job, {})


def again(connection: Connection, job: Job, due: float, what: str | None = None) -> None:
    """Do it again at `due`, or sooner where it was asked for anew meanwhile. Raises Lost."""
    values: dict[str, object] = {} if what is None else {"what": what}
    unasked = and_(_OF.key == job.key, _OF.lease == job.lease, _OF.asked == job.asked)
    freed = {"leased_until": 0.0, "lease": "", "due": due}
    if not connection.execute(update(tables.jobs).where(unasked).values(freed | values)).rowcount:
        _free(connection, job, values)


def _free(connection: Connection, job: Job, values: dict[str, object]) -> None:
    ours = update(tables.jobs).where(_OF.key == job.key, _OF.lease == job.lease)
    if not connection.execute(ours.values({"leased_until": 0.0, "lease": ""} | values)).rowcount:
        raise Lost


def keep(connection: Connection, job: Job, now: float) -> None:
    """Have the lease go on. Raises Lost."""
    ours = update(tables.jobs).where(_OF.key == job.key, _OF.lease == job.lease)
    if not connection.execute(ours.values(leased_until=now + LEASE_SECONDS)).rowcount:
        raise Lost


def free(connection: Connection) -> None:
    """End all leases: who held them has gone. For a portal that is alone on its database."""
    connection.execute(update(tables.jobs).where(_OF.leased_until > 0).values(leased_until=0.0, lease=""))


def next_due(connection: Connection) -> float | None:
    """When the next job is due that nobody has; None: there is none."""
    chosen = select(_OF.due).where(_OF.leased_until == 0).order_by(_OF.due).limit(1)
    return connection.execute(chosen).scalar()


def not_after(connection: Connection, kind: Kind, due: float) -> None:
    """Have those of a kind that are due later be due then."""
    connection.execute(update(tables.jobs).where(_OF.kind == kind, _OF.due > due).values(due=due))


def waiting(connection: Connection, kind: Kind) -> tuple[Job, ...]:
    """All of a kind, in the order in which they are due."""
    rows = connection.execute(select(tables.jobs).where(_OF.kind == kind).order_by(_OF.due)).mappings()
    return tuple(Job(**{name: row[name] for name in Job.__slots__}) for row in rows)


def withdraw(connection: Connection, *keys: str) -> None:
    """Some things need not be done any more."""
    connection.execute(delete(tables.jobs).where(_OF.key.in_(keys)))


def forget(connection: Connection, appliance: str, kinds: tuple[Kind, ...]) -> None:
    """The same of all jobs of these kinds of an appliance."""
    connection.execute(delete(tables.jobs).where(_OF.appliance == appliance, _OF.kind.in_(kinds)))
