"""Say clearly which of the servers that the suite runs on is missing."""

import os
import sys

import psycopg
import redis


def complaint(name: str) -> str | None:
    """What is wrong with the server that the variable `name` names; None if nothing is."""
    url = os.environ[name]
    try:
        if name == "REDIS_URL":
            redis.Redis.from_url(url, socket_connect_timeout=5).ping()
            return None
        # The suite makes its own databases, so the server's own is enough to ask in.
        with psycopg.connect(url, dbname="postgres", connect_timeout=5) as connection:
            version = connection.info.server_version
            row = connection.execute(
                "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
    except (psycopg.Error, redis.RedisError) as error:
        return f"{name}: no server answers ({type(error).__name__})."
    if version < 150000:
        return f"{name}: PostgreSQL {version // 10000} is too old; 15 or later is needed."
    return None if row and row[0] else f"{name}: this role may not create databases."


if __name__ == "__main__":
    found = [c for c in map(complaint, ("DATABASE_URL", "VAULT_DATABASE_URL", "REDIS_URL")) if c]
    sys.exit("\n".join(found) if found else 0)
