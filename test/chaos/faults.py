"""The faults of the chaos test. Each method injects one and returns a line about it, or raises NotReached."""

import os
import signal
import time

from load import CROWD, WAITING
from server import Refused

POINTS = ("after_claim_commit", "before_send", "after_bytes_sent", "after_answer", "before_report", "after_commit")
# The kinds, and how often each comes in a round.
ROUND = {
    **{point: 3 for point in POINTS},
    "worker_sigkill": 3, "worker_freeze": 1, "backend_terminate": 3, "backend_sigkill": 2,
    "attempt_row_terminate": 2, "attempt_row_sigkill": 1, "before_commit_terminate": 1, "before_commit_sigkill": 1,
    "handler_terminate": 2, "handler_sigkill": 1, "handler_overrun": 1, "server_restart": 2,
    "cut_all": 2, "cut_after_commit": 3, "cut_after_claim": 2, "cut_in_request": 1, "cut_in_run_jobs": 1,
    "clock_ahead": 1, "clock_behind": 1, "few_files": 1, "log_full": 1, "wal_full": 1,
}
NEEDS_MOUNT = ("log_full", "wal_full")
REACHED_WITHIN = 12  # seconds
LIVES = 2.5  # seconds of a worker in a bad environment


class NotReached(Exception):
    """The place of the fault was not passed in time."""


def deck(random, among):
    """Draw kinds for ever: first each kind once, then rounds in their proportions."""
    kinds = [kind for kind in ROUND if kind in among]
    random.shuffle(kinds)
    yield from kinds
    while True:
        cards = [kind for kind in ROUND if kind in among for _ in range(ROUND[kind])]
        random.shuffle(cards)
        yield from cards


class Faults:
    def __init__(self, server, fleet, proxy, load, random, folder):
        self.server, self.fleet, self.proxy, self.load = server, fleet, proxy, load
        self.random, self.folder = random, folder
        self.frozen = []  # (when to go on, name, process)
        self.marks = []  # (Unix time, words) of what can cost a worker the report of a result
        self.idle = []  # workers in a bad environment that got nothing done

    def inject(self, kind):
        if kind in POINTS:
            return self.worker_at(kind)
        for ending, signal_name in (("_terminate", "TERM"), ("_sigkill", "KILL")):
            place = kind.removesuffix(ending)
            if place != kind and place in ("attempt_row", "before_commit", "handler"):
                return self.strike(place, signal_name)
        return getattr(self, kind)()

    def thaw(self, everything=False):
        """Let frozen workers go on whose time has come; they are then told to stop."""
        for entry in list(self.frozen):
            when, name, process = entry
            if everything or time.time() >= when:
                time.sleep(max(0.0, when - time.time()))
                self.frozen.remove(entry)
                process.send_signal(signal.SIGCONT)
                time.sleep(0.5)
                self.fleet.stop_later(name, process)

    # The worker.

    def worker_at(self, point):
        name, times = self.fleet.new_name(), self.random.randint(1, 3)
        proxied = self.random.random() < 0.5
        process = self.fleet.start(name, proxied, SENTINEL_FAULT=f"{point}:{times}")
        try:
            status = process.wait(REACHED_WITHIN)
        except Exception:
            self.fleet.stop(name, process)
            raise NotReached(f"{name} did not pass {point} {times} times") from None
        if status != -signal.SIGKILL:
            self.fleet.faulty_ends.append(f"{name} ended with {status}")
        self.fleet.deaths.append((name, time.time(), f"worker killed {point}"))
        return f"{name} died, time {times}"

    def worker_sigkill(self):
        name = self.random.choice(sorted(self.fleet.staying))
        time.sleep(self.random.uniform(0, 0.4))
        self.fleet.kill(name)
        return name

    def worker_freeze(self):
        name = self.fleet.new_name()
        process = self.fleet.start(name, False, slots=8, per_target=4)
        time.sleep(1.0)
        process.send_signal(signal.SIGSTOP)
        self.fleet.deaths.append((name, time.time(), "worker frozen past its lease"))
        self.frozen.append((time.time() + self.fleet.lease_s + 4, name, process))
        return f"{name} for {self.fleet.lease_s + 4} s"

    def in_bad_environment(self, words, **how):
        name = self.fleet.new_name()
        process = self.fleet.start(name, False, **how)
        began, done = time.time(), 0
        # Its name is in the history once the first of its jobs has come to an end, good or bad.
        while time.time() < began + REACHED_WITHIN and (not done or time.time() < began + LIVES):
            time.sleep(0.3)
            done = self.server.number("SELECT count(*) FROM sentinel.job_history WHERE worker = "
                                      f"'{name}' AND finished_at > now() - interval '1 minute'")
        if process.poll() is not None:
            self.fleet.faulty_ends.append(f"{name} ended by itself with {process.returncode}: {words}")
        else:
            self.fleet.stop_later(name, process)
        if not done:
            self.idle.append(f"{name}: {words}")
        return f"{name}, {words}, ended {done:.0f} attempts"

    def clock_ahead(self):
        return self.in_bad_environment("clock 1 h ahead", **self.shifted(3600))

    def clock_behind(self):
        return self.in_bad_environment("clock 1 h behind", **self.shifted(-3600))

    def shifted(self, seconds):
        return {"LD_PRELOAD": f"{self.folder}/clock.so", "CHAOS_CLOCK_SHIFT": str(seconds)}

    def few_files(self):
        self.load.kept_ready = CROWD
        try:
            return self.in_bad_environment("ulimit -n 64", slots=100, per_target=20,
                                           wrapper=("prlimit", "--nofile=64:64"))
        finally:
            self.load.kept_ready = WAITING

    def log_full(self):
        filler = f"{self.folder}/small_log/filler"
        fill(filler, leave=4096)
        try:
            return self.in_bad_environment("log on a full disk", log=f"{self.folder}/small_log/worker.log")
        finally:
            empty(f"{self.folder}/small_log/worker.log")
            os.unlink(filler)

    # The server.

    def marked(self, words):
        self.marks.append((time.time(), words))

    def backend_terminate(self):
        pid = self.server.backend(self.random.choice)
        if pid is None:
            raise NotReached("no backend of a worker")
        self.marked("backend terminated")
        self.server.sql(f"SELECT pg_catalog.pg_terminate_backend({pid})")
        return f"backend {pid}"

    def backend_sigkill(self):
        pid = self.server.backend(self.random.choice)
        if pid is None:
            raise NotReached("no backend of a worker")
        self.marked("backend killed")
        began = time.time()
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
        self.server.await_up(began)
        return f"backend {pid}, the server was away {time.time() - began:.1f} s"

    def strike(self, place, how):
        """Order the next backend that passes the place to end itself (chaos.strike in setup.sql)."""
        order = f"{self.folder}/armed/{place}.{how}"
        with open(order, "w", encoding="utf-8") as file:
            file.write("x")
        end = time.time() + REACHED_WITHIN
        while os.path.exists(order) and time.time() < end:
            time.sleep(0.02)
        if os.path.exists(order):
            os.unlink(order)
            raise NotReached(f"no backend passed {place}")
        self.marked(f"backend ended at {place}")
        began = time.time()
        if how == "KILL":
            time.sleep(0.1)
            self.server.await_up(began)
        return f"the server was away {time.time() - began:.1f} s" if how == "KILL" else "FATAL in the backend"

    def handler_overrun(self):
        """Let a lease run out while its handler works on: the job runs again, so what the slow one did must not count."""
        order = f"{self.folder}/armed/handler.WAIT"
        with open(order, "w", encoding="utf-8") as file:
            file.write("x")
        try:
            end, taken = time.time() + REACHED_WITHIN, ""
            while not taken and time.time() < end:
                time.sleep(0.05)
                taken = self.server.sql("""UPDATE sentinel.job_running r
                    SET lease_until = clock_timestamp() - interval '1 second'
                    FROM pg_catalog.pg_stat_activity a WHERE a.wait_event = 'PgSleep' AND r.worker = 'backend ' || a.pid
                    RETURNING r.worker""")
        finally:
            os.unlink(order)
        if not taken:
            raise NotReached("no handler worked slowly")
        reaped = self.server.number("SELECT sentinel.reap()")
        return f"{', '.join(taken.split(chr(10)))}: {reaped:.0f} jobs taken back from under them"

    def server_restart(self):
        self.marked("server restarted -m immediate")
        self.server.restart_immediate()
        began, ended = self.server.outages[-1]
        return f"away {ended - began:.1f} s"

    def wal_full(self):
        """Fill the disk of the WAL, ask for new segments until the server panics, give it room and have it back."""
        filler = f"{self.folder}/small_wal/filler"
        began = time.time()
        self.marked("WAL disk full")
        fill(filler, leave=0)
        panicked = False
        for _ in range(100):
            try:
                self.server.sql("SELECT pg_catalog.pg_logical_emit_message(true, 'chaos', 'x'), "
                                "pg_catalog.pg_switch_wal()", 5)
            except Refused:
                panicked = True
                break
        time.sleep(0.5)
        os.unlink(filler)
        if not self.server.runs():
            self.server.start()
        self.server.await_up(began)
        if not panicked:
            raise NotReached("the server found room for its WAL")
        return f"the server was away {time.time() - began:.1f} s"

    # The wire.

    def cut_all(self):
        self.marked("connections cut")
        cut = self.proxy.cut_all()
        if not cut:
            raise NotReached("no connection through the proxy")
        return f"{cut} connections"

    def cut(self, where, statement):
        # Marked before and after: the cut falls somewhere in between.
        self.marked("connection cut")
        if not self.proxy.cut_next(where, statement, REACHED_WITHIN):
            raise NotReached(f"nobody sent {statement}")
        self.marked("connection cut")
        return f"{statement}: the {where} was cut"

    def cut_after_commit(self):
        return self.cut("answer", "sentinel.finish_http(")

    def cut_after_claim(self):
        return self.cut("answer", "sentinel.claim(")

    def cut_in_request(self):
        return self.cut("request", "sentinel.finish_http(")

    def cut_in_run_jobs(self):
        return self.cut("request", "sentinel.run_jobs(")


def fill(path, leave):
    """Take all room of the file system but so many bytes."""
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65536))
        except OSError:
            pass
        try:
            while True:
                file.write(bytes(512))
        except OSError:
            pass
        file.truncate(max(0, file.tell() - leave))


def empty(path):
    if os.path.exists(path):
        os.truncate(path, 0)
