"""Who has how many connections to the control socket: those who look never take what those who write need."""

from collections import Counter
from collections.abc import Callable, Mapping

from tm_tui.serving.limits import Share
from tm_tui.serving.peers import Role

__all__ = ["Slots"]


class Slots:
    """Counted by role, and within a role by the kernel's user. The roles take nothing from each other."""

    def __init__(self, shares: Mapping[Role, Share]) -> None:
        self._shares = shares
        self._users: dict[Role, Counter[int]] = {role: Counter() for role in shares}

    def take(self, uid: int, role: Role) -> Callable[[], None] | None:
        """Take one and return what gives it back (once, however often it is called); None: there is none."""
        users, share = self._users[role], self._shares[role]
        if users[uid] >= share.a_user or users.total() >= share.in_all:
            return None
        users[uid] += 1
        taken = [uid]

        def give_back() -> None:
            if taken:
                users[taken.pop()] -= 1
                if not users[uid]:
                    del users[uid]

        return give_back
