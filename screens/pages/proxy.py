"""The Proxy Settings form: the proxy between this appliance and TMSP."""

from screens.widgets.field import Slot
from screens.widgets.form import FormPage

__all__ = ["ProxyPage"]


class ProxyPage(FormPage):
    """Used for log server and status server alike."""

    HELP = "proxy"
    ROWS = (
        (Slot("proxy.enabled"),),
        (Slot("proxy.type"),),
        (Slot("proxy.host", 26), Slot("proxy.port", 5, narrow=True)),
        (Slot("proxy.username", 32),),
        (Slot("proxy.password", 32),),
    )
