"""The first line: which product, which appliance, who is here."""

from textual.content import Content

from screens.widgets.block import Block

__all__ = ["Header"]


class Header(Block):
    """Product and appliance left, the admin right."""

    DEFAULT_CSS = "Header { height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._appliance = self._who = ""

    def tell(self, appliance: str, who: str) -> None:
        """Show these."""
        if (appliance, who) != (self._appliance, self._who):
            self._appliance, self._who = appliance, who
            self.refresh()

    def render(self) -> Content:
        """Draw to the width of the moment."""
        room = max(0, self.size.width - len(self._who) - 2)
        left = f" Threat Mitigator  {self._appliance}"[:room]
        return Content.assemble((f"{left:<{room}} ", "bold"), self._who)
