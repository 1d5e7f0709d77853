"""`scsync demo`: the whole loop against an emulated org, said step by step."""

import os
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from cli.context import Json, context
from cli.emulated import EmulatedOrg
from cli.tour import Tour
from config import logs
from config.settings import ConfigError, Settings
from console.serving import somewhere
from worker.app import App

_MARKER = ".made-by-scsync-demo"


def register(app: typer.Typer, panel: str) -> None:
    @app.command(rich_help_panel=panel, epilog="Example: scsync demo --once --cases 20000")
    def demo(
        typer_context: typer.Context,
        *,
        once: Annotated[bool, typer.Option("--once", help="End after the tour.")] = False,
        cases: Annotated[
            int, typer.Option(min=200, max=1_000_000, help="Size of the emulated desk.")
        ] = 2000,
        folder: Annotated[
            Path, typer.Option("--dir", help="Where the store goes; made anew each time.")
        ] = Path("scsync-demo"),
        json: Json = False,
    ) -> None:
        """See both directions at work, without a Salesforce account or any other server."""
        ctx = context(typer_context)
        if json:
            ctx.out = ctx.err
        _prepare(folder)
        with EmulatedOrg(cases) as org:
            settings = _settings(org, folder)
            logs.configure(settings)
            app = App(settings)
            try:
                tour = Tour(
                    ctx,
                    org,
                    app,
                    enter=f"cd {folder} &&",
                    program=_program(folder),
                    here=_program(Path()),
                )
                with tour.daemon():
                    tour.walk(json=json)
                    if not once:
                        over = _told_to_end()
                        tour.look_around(somewhere(app))
                        _go_on(org, over)
            finally:
                app.close()


class _OnlyGiven(Settings):
    """Settings of the demo alone: no file or variable of whoever tries it has a say."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - theirs to pass
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def _settings(org: EmulatedOrg, folder: Path) -> Settings:
    """Make the settings, and lay them into the folder, so that every verb works from there."""
    settings = _OnlyGiven(
        database_url=f"sqlite:///{(folder / 'scsync.db').resolve()}",
        broker_url="memory://",
        log_level="error",
        login_url=org.url,
        client_id=org.client_id,
        client_secret=SecretStr(org.client_secret),
        refresh_token=SecretStr(org.refresh_token),
        interval=5,
    )
    lines = {
        "DATABASE_URL": settings.database_url,
        "BROKER_URL": settings.broker_url,
        "LOGIN_URL": org.url,
        "CLIENT_ID": org.client_id,
        "CLIENT_SECRET": org.client_secret,
        "REFRESH_TOKEN": org.refresh_token,
        "INTERVAL": "5",
    }
    handle = os.open(folder / ".env", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w") as file:
        file.writelines(f"SCSYNC_{name}={value}\n" for name, value in lines.items())
    return settings


def _prepare(folder: Path) -> None:
    """Make the folder anew, but never touch one that an earlier demo did not make."""
    if folder.exists() and not (folder / _MARKER).exists():
        raise ConfigError(f"{folder} exists and is not a demo's: choose another with --dir")
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        (folder / _MARKER).touch()
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be made ({error.strerror}): choose another with --dir"
        ) from None


def _program(folder: Path) -> str:
    """Give the words that start this very program from this folder."""
    own, found = Path(sys.argv[0]).resolve(), shutil.which("scsync")
    if found and Path(found).resolve() == own:
        return "scsync"
    near = os.path.relpath(own, folder.resolve())
    return min(near, str(own), key=len)


def _told_to_end() -> threading.Event:
    """Listen for Ctrl-C, before anybody is told that it ends the demo."""
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    return over


def _go_on(org: EmulatedOrg, over: threading.Event) -> None:
    """Keep agents at work until it is over."""
    while not over.wait(1.0):
        org.act("tick")
