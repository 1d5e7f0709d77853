"""scsync itself, built by its own composition root and pointed at the org by settings alone."""

import sys

from pydantic import SecretStr

from benchmarks.measure import Figures, Spec, case, measured
from config import logs
from config.settings import Settings
from models import by_name
from models.run import RunOutcome
from worker.app import App


def first_pull(spec: Spec, app: App) -> Figures:
    """Pull every Case into an empty table; with `--backfill`, read them all again."""
    figures = Figures()
    with measured(figures):
        found = app.puller().pull(by_name(spec.sobject), backfill="--backfill" in sys.argv)
    if found.outcome is not RunOutcome.OK:
        raise SystemExit(f"the pull ended {found.outcome}: {found.error_message}")
    figures.rows = found.rows_read
    figures.more = {"written": found.rows_written}
    return figures


def cycles(spec: Spec, app: App) -> Figures:
    """Bring the whole catalogue up to now once, then measure quiet cycles over it."""
    for model in app.models:
        app.puller().pull(model)
    figures = Figures()
    with measured(figures):
        for _ in range(spec.times):
            figures.rows += sum(app.puller().pull(model).rows_read for model in app.models)
    figures.more = {"objects": len(app.models)}
    return figures


def verified(spec: Spec, app: App) -> Figures:
    """Compare every Case of org and store."""
    figures = Figures()
    with measured(figures):
        found = app.verifier().verify(by_name(spec.sobject))
    figures.rows = found.compared
    figures.more = {"differences": len(found.differences)}
    return figures


def run(spec: Spec) -> Figures:
    settings = _settings(spec)
    logs.configure(settings)
    app = App(settings)
    try:
        _ = app.client  # linked, and the store in shape, before the clock starts
        if "--cycles" in sys.argv:
            return cycles(spec, app)
        return verified(spec, app) if "--verify" in sys.argv else first_pull(spec, app)
    finally:
        app.close()


def _settings(spec: Spec) -> Settings:
    postgresql = spec.database.startswith("postgresql")
    url = spec.database if postgresql else f"sqlite:///{spec.database}"
    return Settings(
        database_url=url.replace("postgresql://", "postgresql+psycopg://"),
        login_url=spec.org,
        client_id=spec.login["client_id"],
        client_secret=SecretStr(spec.login["client_secret"]),
        refresh_token=SecretStr(spec.login["refresh_token"]),
        secret_key=SecretStr(spec.login["secret_key"]),
        log_format="json",
        log_level="warning",
    )


if __name__ == "__main__":
    case(run)
