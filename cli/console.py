"""`scsync console`: the operator's view as a process of its own."""

from typing import Annotated

import typer

from cli.context import Json, context, print_json
from config.settings import ConfigError
from console.serving import HOST, PortTaken, Serving


def register(app: typer.Typer, panel: str) -> None:
    @app.command(rich_help_panel=panel, epilog="Example: scsync console --port 8484")
    def console(
        typer_context: typer.Context,
        *,
        host: Annotated[str, typer.Option(help="Address; beyond loopback needs a key.")] = HOST,
        port: Annotated[
            int | None, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")
        ] = None,
        json: Json = False,
    ) -> None:
        """Serve pages, health, metrics and the API over HTTP, until Ctrl-C."""
        ctx = context(typer_context)
        with ctx.app() as parts:
            chosen = ctx.settings.console_port if port is None else port
            try:
                serving = Serving(parts, host=host, port=chosen)
            except PortTaken as error:
                raise ConfigError(f"{error}, or give --port") from None

            def ready() -> None:
                if json:
                    print_json({"url": serving.url}, flush=True)
                else:
                    ctx.say(f"the console is at {serving.url}; Ctrl-C ends it")

            _ = parts.store
            serving.run(ready)
