"""`scsync mcp`: the enabled actions as tools for AI agents."""

from importlib.util import find_spec
from typing import Annotated

import typer

from cli.context import Context, Json, context, print_json
from config.settings import ConfigError
from console.serving import HOST, PortTaken

PORT = 8485


def register(app: typer.Typer, panel: str) -> None:
    @app.command(
        rich_help_panel=panel,
        epilog="Example: scsync mcp --http --port 8485",
    )
    def mcp(
        typer_context: typer.Context,
        *,
        http: Annotated[
            bool, typer.Option("--http", help="Serve streamable HTTP instead of pipes.")
        ] = False,
        host: Annotated[str, typer.Option(help="Address; beyond loopback needs a token.")] = HOST,
        port: Annotated[
            int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")
        ] = PORT,
        json: Json = False,
    ) -> None:
        """Serve the enabled actions to AI agents, over the Model Context Protocol."""
        ctx = context(typer_context)
        _refuse_without_library()
        if http:
            _serve_http(ctx, host, port, json=json)
        else:
            _serve_pipes(ctx)


def _serve_pipes(ctx: Context) -> None:
    from agents.serving import serve_pipes  # noqa: PLC0415 - the library is an extra

    def ready() -> None:
        ctx.say("serving the host that started this; it ends with it")

    with ctx.app() as parts:
        serve_pipes(parts, ctx.operator, ready)


def _serve_http(ctx: Context, host: str, port: int, *, json: bool) -> None:
    from agents.serving import Serving  # noqa: PLC0415 - the library is an extra

    with ctx.app() as parts:
        try:
            serving = Serving(parts, host=host, port=port)
        except PortTaken:
            raise ConfigError(f"cannot listen on {host}:{port}: give another --port") from None

        def ready() -> None:
            if json:
                print_json({"url": serving.url}, flush=True)
            else:
                ctx.say(f"agents are served at {serving.url}; Ctrl-C ends it")

        serving.run(ready)


def _refuse_without_library() -> None:
    if find_spec("mcp_types") is None:
        raise ConfigError("scsync mcp needs the library mcp, 2.3 or newer: install scsync[mcp]")
