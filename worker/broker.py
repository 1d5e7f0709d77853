"""The broker that the settings name: in this process, or Redis."""

import dramatiq
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import CurrentMessage

from config.settings import ConfigError, Settings, masked_url
from pipelines.watch import NOBODY, Watch
from store.accounts import DEFAULT
from worker.middleware import Context, Watched

MEMORY = "memory://"
# dramatiq looks for dead workers' messages at random, on one command in a thousand by default:
# an idle system would find them after an hour. Looking every time costs nothing measurable.
_LOOK_EVERY_TIME = 1_000_000


class BrokerUnavailable(Exception):  # noqa: N818 - read at the call site
    """Redis does not answer; the message names the remedy."""


def make_broker(settings: Settings, watch: Watch = NOBODY) -> dramatiq.Broker:
    """Build the broker with our middleware on it."""
    in_process = settings.broker_url.startswith("memory")
    broker: dramatiq.Broker = StubBroker() if in_process else _redis(settings)
    broker.add_middleware(CurrentMessage())
    broker.add_middleware(Context())
    broker.add_middleware(Watched(watch))
    return broker


def check(settings: Settings) -> None:
    """Make sure that the broker answers; raises `BrokerUnavailable`."""
    if settings.broker_url.startswith("memory"):
        return
    import redis  # noqa: PLC0415 - half of the verbs ask here, and few have a Redis

    try:
        with redis.Redis.from_url(settings.broker_url, socket_connect_timeout=5) as server:
            server.ping()
    except redis.RedisError as error:
        raise BrokerUnavailable(
            f"Redis at {masked_url(settings.broker_url)} does not answer ({error}): start it, or "
            "set SCSYNC_BROKER_URL"
        ) from error


def _redis(settings: Settings) -> dramatiq.Broker:
    from dramatiq.brokers.redis import RedisBroker  # noqa: PLC0415 - as above

    # One Redis may serve several accounts: each has bells of its own.
    own = "" if settings.account == DEFAULT else f"-{settings.account}"
    try:
        broker: dramatiq.Broker = RedisBroker(  # type: ignore[no-untyped-call]
            url=settings.broker_url,
            namespace=f"dramatiq{own}",
            maintenance_chance=_LOOK_EVERY_TIME,
        )
    except ValueError as error:
        raise ConfigError(f"SCSYNC_BROKER_URL: {error}") from None
    return broker
