"""Deciding about an SSH host key: what is shown and compared, and two steps where one has changed."""

from typing import TYPE_CHECKING

from screens.desk.causes import refused_fields
from screens.desk.desk import Question
from tm_tui.api.agent import HostKeyInfo
from tm_tui.api.failures import ControlRefused
from tm_tui.api.requests import ApproveRequest
from tm_tui.errors import TmError

if TYPE_CHECKING:
    from screens.desk.desk import Desk
    from screens.desk.draft import Draft

__all__ = ["decide", "forget", "spelled"]


_COMPARE = (
    "Compare it with what your support provider or the portal's own console says, by phone or on paper,"
    " not by e-mail alone. Approve it only if all characters are the same."
)
_CHANGED = (
    "Either the server was set up anew, or somebody stands between. Nothing was sent to it. Ask your"
    " support provider first. If the change is confirmed, forget the old key; then the new one is shown"
    " for approval as a step of its own."
)


def spelled(fingerprint: str) -> list[str]:
    """A fingerprint in groups of four, so that two people can compare it on the phone."""
    kind, _, digest = fingerprint.partition(":")
    if not digest:
        kind, digest = "", fingerprint
    groups = [digest[at : at + 4] for at in range(0, len(digest), 4)]
    half = (len(groups) + 1) // 2
    return [f"  {kind}:  {' '.join(groups[:half])}", f"  {' ' * len(kind)}   {' '.join(groups[half:])}"]


async def decide(desk: "Desk", draft: "Draft", key: HostKeyInfo) -> bool:
    """Ask about a key that is not approved. True when it is approved now."""
    if key.state == "changed" and not await _forget_changed(desk, key):
        return False
    lines = [
        f"{key.endpoint} shows this SSH host key:",
        "",
        f"  {key.algorithm}",
        *spelled(key.fingerprint),
        "",
        _COMPARE,
    ]
    if key.state == "new-type":
        lines.insert(1, "(Another key of this server is approved already; this is a key of a new type.)")
    answer = await desk.ask(
        Question("Is this the log server?", lines, [("refuse", "Refuse"), ("approve", "Approve")])
    )
    if answer != "approve":
        desk.tell("Host key refused: nothing was sent to the server.")
        return False
    request = ApproveRequest(
        endpoint=key.endpoint,
        fingerprint=key.fingerprint,
        settings=draft.checked(),
        secrets=draft.secret_changes(),
    )
    try:
        await desk.agent.approve_host_key(request)
    except TmError as error:
        if isinstance(error, ControlRefused) and (found := refused_fields(error)):
            desk.go_to_problems(found)
            desk.tell(f"Not approved. {error.remedy}", wrong=True)
        else:
            desk.tell(f"Not approved: {error.cause} {error.remedy}", wrong=True)
        return False
    desk.tell(f"Host key of {key.endpoint} approved.")
    return True


async def _forget_changed(desk: "Desk", key: HostKeyInfo) -> bool:
    lines = [
        f"{key.endpoint} shows another SSH host key than the approved one:",
        "",
        f"  {key.algorithm}",
        *spelled(key.fingerprint),
        "",
        _CHANGED,
    ]
    title = "The log server's host key has CHANGED"
    answer = await desk.ask(
        Question(title, lines, [("keep", "Keep the old key"), ("forget", "Forget the old key")])
    )
    return answer == "forget" and await forget(desk, key.endpoint)


async def forget(desk: "Desk", endpoint: str) -> bool:
    """Ask once more, then forget the keys of `[host]:port`. True when they are forgotten."""
    lines = [
        f"The approved host key of {endpoint} is removed.",
        "Until another one is approved, nothing can be delivered to this server by SSH.",
    ]
    answer = await desk.ask(
        Question("Forget this host key?", lines, [("keep", "Keep it"), ("forget", "Forget it")])
    )
    if answer != "forget":
        return False
    try:
        await desk.agent.forget_host_key(endpoint)
    except TmError as error:
        desk.tell(f"Not forgotten: {error.cause} {error.remedy}", wrong=True)
        return False
    desk.tell(f"Host key of {endpoint} forgotten.")
    return True
