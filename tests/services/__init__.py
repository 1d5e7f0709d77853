"""Real Redis and real PostgreSQL for the suite, brought along rather than asked for.

In this order: TEST_REDIS_URL and TEST_DATABASE_URL; server programs on the machine; the wheels of
the test extra; otherwise an error with the line that installs them. SCSYNC_TEST_SERVICES=machine
or =wheels forces one of the two middle routes.
"""

from tests.services.places import ServiceMissingError
from tests.services.postgres import postgres_server
from tests.services.redis import redis_server
from tests.services.server import Server, ServiceFailedError, free_port

__all__ = [
    "Server",
    "ServiceFailedError",
    "ServiceMissingError",
    "free_port",
    "postgres_server",
    "redis_server",
]
