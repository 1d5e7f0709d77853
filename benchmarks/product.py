"""scsync itself, built by its own composition root and pointed at the org by settings alone."""

import os
import sys
import time
from collections.abc import Callable

from pydantic import SecretStr

from benchmarks.measure import Figures, Spec, case, measured
from config import logs
from config.settings import Settings
from models import by_name
from models.run import RunOutcome
from store import backfills
from worker.app import App

Work = Callable[[Spec, App], Figures]


def pulled(spec: Spec, app: App) -> Figures:
    """Pull the Cases: all of them into an empty store, or with `--backfill`; else what changed."""
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
    cycle = app.cycle()
    cycle.run(app.models)
    figures = Figures()
    with measured(figures):
        for _ in range(spec.times):
            figures.rows += sum(one.rows_read for one in cycle.run(app.models))
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


def joined(spec: Spec, app: App) -> Figures:
    """Take part in the backfill that another process begins, until it is done."""
    while not _unfinished(spec, app):
        time.sleep(0.02)
    figures = Figures()
    with measured(figures):
        while _unfinished(spec, app):
            app.backfiller().join(by_name(spec.sobject))
            time.sleep(0.05)
    return figures


def _unfinished(spec: Spec, app: App) -> bool:
    with app.store.read() as tx:
        return spec.sobject in backfills.unfinished(tx)


def prepared(_spec: Spec, _app: App) -> Figures:
    """Do no more than be linked, the store in shape."""
    return Figures()


WORK: dict[str, Work] = {
    "--cycles": cycles,
    "--verify": verified,
    "--join": joined,
    "--prepare": prepared,
}


def run(spec: Spec) -> Figures:
    # As an operator would: by the environment.
    if "--rest" in sys.argv:
        os.environ["SCSYNC_BULK_ABOVE"] = "1000000000"
    if "--bulk" in sys.argv:
        os.environ["SCSYNC_BULK_ABOVE"] = "0"
    settings = settings_of(spec)
    logs.configure(settings)
    app = App(settings)
    try:
        _ = app.client  # linked, and the store in shape, before the clock starts
        work = next((WORK[word] for word in sys.argv if word in WORK), pulled)
        return work(spec, app)
    finally:
        app.close()


def settings_of(spec: Spec) -> Settings:
    """Name the org, the database and the login of a case, and nothing else."""
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
