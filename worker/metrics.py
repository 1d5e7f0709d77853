"""A process's own figures, served to Prometheus on a port of their own."""

import structlog
from prometheus_client import start_http_server

from worker.app import App

log = structlog.get_logger()


def serve(app: App) -> None:
    """Serve the figures where the settings name a port; if it is taken, only they are missed."""
    settings = app.settings
    if not settings.metrics_port:
        return
    address = f"{settings.metrics_host}:{settings.metrics_port}"
    try:
        start_http_server(
            settings.metrics_port, settings.metrics_host, registry=app.figures.registry
        )
    except OSError as error:
        remedy = "set SCSYNC_METRICS_PORT to another port"
        log.warning("metrics.not_served", address=address, why=error.strerror, remedy=remedy)
    else:
        log.info("metrics.served", url=f"http://{address}/metrics")
