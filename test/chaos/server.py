"""The private server of the chaos test, seen from outside: psql, pg_ctl, and how long it was away."""

import os
import subprocess
import time

OWNER = (["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []) + [
    "env", "-C", "/", "HOME=/"]  # a server and a worker never run as root


class Refused(Exception):
    """The server did not answer, or answered with an error."""


class Server:
    def __init__(self, folder, bindir, port, database):
        self.folder, self.bindir, self.port, self.database = folder, bindir, port, database
        self.socket = f"{folder}/sock/.s.PGSQL.{port}"
        self.outages = []  # (from, to) in Unix time

    def sql(self, text, timeout=20):
        """Run statements as superuser in one session; give their rows, columns parted by |."""
        names = {"PGHOST": f"{self.folder}/sock", "PGPORT": str(self.port), "PGUSER": "postgres",
                 "PGDATABASE": self.database, "PGCONNECT_TIMEOUT": "5", "PGOPTIONS": f"-c statement_timeout={timeout}s",
                 "PATH": os.environ["PATH"]}
        try:
            done = subprocess.run([f"{self.bindir}/psql", "-XqAt", "-v", "ON_ERROR_STOP=1"], input=text, env=names,
                                  capture_output=True, text=True, timeout=timeout + 10, check=False)
        except subprocess.TimeoutExpired:
            raise Refused("no answer") from None
        if done.returncode != 0:
            raise Refused(done.stderr.strip())
        return done.stdout.strip()

    def number(self, text):
        return float(self.sql(text) or 0)

    def control(self, *words):
        command = [*OWNER, f"{self.bindir}/pg_ctl", *words, "-s", "-w", "-t", "60", "-D", f"{self.folder}/data"]
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              check=False).returncode

    def runs(self):
        return self.control("status") == 0

    def restart_immediate(self):
        began = time.time()
        self.control("stop", "-m", "immediate")
        self.start()
        self.outages.append((began, time.time()))

    def start(self):
        if self.control("start", "-l", f"{self.folder}/log") != 0 and not self.runs():
            raise RuntimeError(f"the server does not start; its log: {self.folder}/log")

    def await_up(self, began, seconds=60):
        """Wait until the server answers again after a fault that began then."""
        end = time.time() + seconds
        while time.time() < end:
            try:
                self.sql("SELECT 1", 5)
                self.outages.append((began, time.time()))
                return
            except Refused:
                time.sleep(0.05)
        raise RuntimeError(f"the server does not come back; its log: {self.folder}/log")

    def backend(self, choose, which="sentinel-worker"):
        """Pick the pid of a backend of a worker, or None."""
        pids = self.sql("SELECT pid FROM pg_catalog.pg_stat_activity WHERE application_name LIKE "
                        f"'{which}%' ORDER BY pid").split()
        return int(choose(pids)) if pids else None
