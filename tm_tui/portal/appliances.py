"""Which account each appliance belongs to: the one that registered it first, until an operator moves it.

That outlives Registered Products, as what the appliance delivered does.
"""

from sqlalchemy import Connection, func, select, update

from tm_tui.errors import TmError
from tm_tui.portal import tables
from tm_tui.portal.engines import insert
from tm_tui.portal.refusals import Refused
from tm_tui.text import safe_text

__all__ = ["bind", "check_owner", "check_sender", "move", "numbers", "owned", "owner_of"]

_OF = tables.appliances.c


def owner_of(connection: Connection, appliance: str) -> str | None:
    """The account of an appliance; None: nobody has registered it."""
    return connection.execute(select(_OF.account).where(_OF.appliance == appliance)).scalar()


def owned(connection: Connection, account: str) -> frozenset[str]:
    """The appliances of an account."""
    return frozenset(connection.execute(select(_OF.appliance).where(_OF.account == account)).scalars())


def numbers(connection: Connection) -> dict[str, int]:
    """How many appliances each account has that has any."""
    counted = select(_OF.account, func.count().label("number")).group_by(_OF.account)
    return {row.account: row.number for row in connection.execute(counted)}


def check_owner(connection: Connection, appliance: str, account: str | None) -> None:
    """Raise Refused (403) where an appliance belongs to another account. None: an operator, who may."""
    if account is not None and owner_of(connection, appliance) not in {None, account}:
        cause = f"The appliance {safe_text(appliance, 80)} belongs to another account."
        remedy = "Use its account, or ask the portal's operator to move it (`tm-tui portal products move`)."
        raise Refused(403, "other-account", cause, remedy)


def check_sender(connection: Connection, appliance: str, account: str | None) -> None:
    """Raise Refused (403) unless the appliance is registered, and belongs to this account."""
    check_owner(connection, appliance, account)
    known = select(tables.products.c.appliance).where(tables.products.c.appliance == appliance)
    if connection.execute(known).first() is None:
        cause = f"The appliance {safe_text(appliance, 80)} is not registered with this portal."
        raise Refused(403, "not-registered", cause, "Register it at the status server first.")


def bind(connection: Connection, appliance: str, account: str) -> None:
    """Bind an appliance that registers, if nobody has it. Raises Refused (403) where it is another's."""
    mine = insert(connection, tables.appliances).values(appliance=appliance, account=account)
    connection.execute(mine.on_conflict_do_nothing())
    check_owner(connection, appliance, account)


def move(connection: Connection, appliance: str, account: str) -> None:
    """Give an appliance to another account. Raises TmError when there is no such appliance or account."""
    named = (tables.accounts.c.name == account, tables.accounts.c.role == "appliance")
    if connection.execute(select(tables.accounts.c.name).where(*named)).first() is None:
        raise TmError(f"There is no account {safe_text(account)}.", "See `tm-tui portal account list`.")
    moved = update(tables.appliances).where(_OF.appliance == appliance).values(account=account)
    if not connection.execute(moved).rowcount:
        cause = f"No appliance {safe_text(appliance, 80)} has registered."
        raise TmError(cause, "See `tm-tui portal products list`.")
    of_product = tables.products.c.appliance == appliance
    connection.execute(update(tables.products).where(of_product).values(account=account))
