"""The TMSP form: registration of this appliance to the Threat Management Services Portal."""

from screens.widgets.field import Slot
from screens.widgets.form import FormPage

__all__ = ["TmspPage"]


class TmspPage(FormPage):
    """Everything fits on one screen at 80x24."""

    HELP = "tmsp"
    ROWS = (
        (Slot("tmsp.enabled"),),
        (Slot("tmsp.edition"),),
        (Slot("tmsp.log_server.host", 26), Slot("tmsp.log_server.port", 5, narrow=True)),
        (Slot("tmsp.log_server.protocol"),),
        (
            Slot("tmsp.log_server.interval", 16),
            Slot("tmsp.heartbeat_seconds", 5, label="Beat every", unit="s", narrow=True),
        ),
        (Slot("tmsp.status_server.host", 26), Slot("tmsp.status_server.port", 5, narrow=True)),
        (
            Slot("tmsp.status_server.upload_kbps", 6, label="Upload limit", unit="KB/s"),
            Slot("tmsp.status_server.download_kbps", 6, label="Download limit", unit="KB/s", narrow=True),
        ),
        (Slot("tmsp.username", 32),),
        (Slot("tmsp.password", 32),),
        (Slot("tmsp.email", 32),),
    )
