"""Which account each appliance belongs to: the one that registered it first, until an operator moves it.

That outlives Registered Products, as what the appliance delivered does.
"""

import sqlite3

from tm_tui.errors import TmError
from tm_tui.portal.refusals import Refused
from tm_tui.text import safe_text

__all__ = ["SCHEMA", "bind", "bind_older", "check_owner", "check_sender", "move", "owned", "owner_of"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS appliances (
    appliance TEXT PRIMARY KEY, account TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS appliances_of ON appliances (account);
"""


def bind_older(connection: sqlite3.Connection) -> None:
    """Bind what a portal of before knew: as it registered, sent its cases, else to the first account."""
    connection.execute("INSERT OR IGNORE INTO appliances SELECT appliance, account FROM products")
    by_cases = "SELECT appliance, account FROM cases ORDER BY touched_at DESC"
    rows = [(found["appliance"], found["account"]) for found in connection.execute(by_cases)]
    first = "SELECT name FROM accounts WHERE role = 'appliance' ORDER BY rowid LIMIT 1"
    if row := connection.execute(first).fetchone():
        told = "SELECT appliance FROM batches UNION SELECT appliance FROM reports"
        rows += [(found["appliance"], row["name"]) for found in connection.execute(told)]
    connection.executemany("INSERT OR IGNORE INTO appliances VALUES (?, ?)", rows)


def owner_of(connection: sqlite3.Connection, appliance: str) -> str | None:
    """The account of an appliance; None: nobody has registered it."""
    row = connection.execute("SELECT account FROM appliances WHERE appliance = ?", (appliance,)).fetchone()
    return row["account"] if row else None


def owned(connection: sqlite3.Connection, account: str) -> frozenset[str]:
    """The appliances of an account."""
    rows = connection.execute("SELECT appliance FROM appliances WHERE account = ?", (account,))
    return frozenset(row["appliance"] for row in rows)


def check_owner(connection: sqlite3.Connection, appliance: str, account: str | None) -> None:
    """Raise Refused (403) where an appliance belongs to another account. None: an operator, who may."""
    if account is not None and owner_of(connection, appliance) not in {None, account}:
        cause = f"The appliance {safe_text(appliance, 80)} belongs to another account."
        remedy = "Use its account, or ask the portal's operator to move it (`tm-tui portal products move`)."
        raise Refused(403, "other-account", cause, remedy)


def check_sender(connection: sqlite3.Connection, appliance: str, account: str | None) -> None:
    """Raise Refused (403) unless the appliance is registered, and belongs to this account."""
    check_owner(connection, appliance, account)
    if not connection.execute("SELECT 1 FROM products WHERE appliance = ?", (appliance,)).fetchone():
        cause = f"The appliance {safe_text(appliance, 80)} is not registered with this portal."
        raise Refused(403, "not-registered", cause, "Register it at the status server first.")


def bind(connection: sqlite3.Connection, appliance: str, account: str) -> None:
    """Bind an appliance that registers, if nobody has it. Raises Refused (403) where it is another's."""
    connection.execute("INSERT OR IGNORE INTO appliances VALUES (?, ?)", (appliance, account))
    check_owner(connection, appliance, account)


def move(connection: sqlite3.Connection, appliance: str, account: str) -> None:
    """Give an appliance to another account. Raises TmError when there is no such appliance or account."""
    is_account = "SELECT 1 FROM accounts WHERE name = ? AND role = 'appliance'"
    if not connection.execute(is_account, (account,)).fetchone():
        raise TmError(f"There is no account {safe_text(account)}.", "See `tm-tui portal account list`.")
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        to = (account, appliance)
        if not connection.execute("UPDATE appliances SET account = ? WHERE appliance = ?", to).rowcount:
            cause = f"No appliance {safe_text(appliance, 80)} has registered."
            raise TmError(cause, "See `tm-tui portal products list`.")
        connection.execute("UPDATE products SET account = ? WHERE appliance = ?", to)
