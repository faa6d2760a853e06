"""The Proxy Settings form: the proxy between this appliance and TMSP."""

from screens.widgets.form import FormPage

__all__ = ["ProxyPage"]


class ProxyPage(FormPage):
    """Used for log server and status server alike."""

    HELP = "proxy"
    FORM = "proxy"
