"""All that both HTTPS servers answer, but for the operators' pages. Each route says who may use it."""

from starlette.routing import Route

from tm_tui.portal import (
    case_routes,
    endpoint_routes,
    log_routes,
    pattern_routes,
    product_routes,
    report_routes,
    status_routes,
)
from tm_tui.portal.case_store import CaseStore
from tm_tui.portal.core import Portal

__all__ = ["log_server", "status_server"]


def log_server(portal: Portal) -> list[Route]:
    """Batches."""
    return log_routes.routes(portal)


def status_server(portal: Portal, received: CaseStore) -> list[Route]:
    """Registration and beats, cases, patterns, reports, and what operators' scripts ask for."""
    return [
        *status_routes.routes(portal),
        *case_routes.routes(portal, received),
        *pattern_routes.routes(portal),
        *product_routes.routes(portal),
        *endpoint_routes.routes(portal),
        *report_routes.routes(portal),
    ]
