"""The demo with somebody at the terminal: the console opens with the form filled in, on a live agent."""

import asyncio
import os
import sys
from datetime import UTC, datetime

import tomli_w

from tm_tui.api.requests import ApproveRequest, SecretChanges
from tm_tui.demo.logs import lines_of, some_events
from tm_tui.demo.patterns import issue_pattern, prepare_endpoints, unresolved_events
from tm_tui.demo.stage import Stage

__all__ = ["open_console"]

_EVENTS = 24


async def open_console(stage: Stage) -> int:
    """Run the console until the admin leaves it; its exit status.

    The password and the host key are there already; switching on, Test and Save are left to the admin. Some
    events wait already: Logs > Log Queue shows them go once sending is on. A pattern is issued, and behind
    Services > Pattern Deployment and Custom Cleanup stand endpoints to put it on.
    """
    prepare_endpoints(stage)
    await issue_pattern(stage, "Removes RTKT_HIDE.C")
    await stage.save(
        stage.settings("ssh", enabled=False), SecretChanges(tmsp=stage.password), "demo: prepared"
    )
    ready = stage.portal.ready
    log_server = ready["log_server"]
    await stage.client.approve_host_key(
        ApproveRequest(
            endpoint=f"[{log_server['host']}]:{log_server['ssh_port']}",
            fingerprint=ready["ssh_host_key"],
            settings=stage.settings("ssh", enabled=True),
        )
    )
    now = datetime.now(UTC)
    await stage.client.add_events(lines_of([*some_events("demo", _EVENTS, now), *unresolved_events(now)]))
    form = stage.folder / "form.toml"
    form.write_text(tomli_w.dumps(stage.settings("ssh", enabled=True)), encoding="utf-8")
    environ = {**os.environ, "TM_TUI_HOME": str(stage.folder / "appliance")}
    console = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "screens", "console", "--fill", str(form)), env=environ
    )
    try:
        return await console.wait()
    except asyncio.CancelledError:
        console.terminate()
        await console.wait()
        raise
