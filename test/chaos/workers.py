"""The workers of the chaos test: how each is started, and how it ended."""

import json
import os
import signal
import subprocess
import time

from server import OWNER


class Fleet:
    """Two workers stay, one at the server's socket and one behind the proxy; further ones come for one fault each."""

    def __init__(self, binary, folder, proxy, lease_s):
        self.binary, self.folder, self.proxy, self.lease_s = binary, folder, proxy, lease_s
        with open(f"{folder}/worker.json", encoding="utf-8") as file:
            self.base = json.load(file)
        self.staying = {}
        self.passing = []
        self.serial = 0
        self.deaths = []  # (name, Unix time, why): ended, or stopped from running, by a fault
        self.faulty_ends = []  # workers that were told to stop and did not end with 0

    def new_name(self):
        self.serial += 1
        return f"passing-{self.serial}"

    def start(self, name, proxied, slots=3, per_target=2, wrapper=(), log=None, **environment):
        database = self.base["database"]
        if proxied:  # of two values for one word libpq takes the last
            database += f" host=127.0.0.1 port={self.proxy.port} sslmode=disable gssencmode=disable"
        config = {**self.base, "database": database, "worker_name": name, "lease_s": self.lease_s,
                  "per_target": per_target, "slots": {"webhooks": slots, "chat": 1, "mail": 0, "crm": 0, "llm": 0}}
        path = f"{self.folder}/{name}.json"
        subprocess.run([*OWNER, "sh", "-c", 'umask 077; cat > "$0"', path], input=json.dumps(config), text=True,
                       check=True)
        variables = [f"{key}={value}" for key, value in environment.items()]
        words = [*OWNER, *variables, *wrapper, self.binary, "--config", path]
        with open(log or f"{self.folder}/{name}.log", "ab") as output:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        return process

    def keep(self):
        """Start those that stay and do not run, as a service manager would."""
        for name, proxied in (("staying-direct", False), ("staying-proxied", True)):
            process = self.staying.get(name)
            if process is None or process.poll() is not None:
                if process is not None and process.returncode != -signal.SIGKILL:
                    self.faulty_ends.append(f"{name} ended by itself with {process.returncode}")
                self.staying[name] = self.start(name, proxied)

    def kill(self, name):
        self.deaths.append((name, time.time(), "worker killed at random"))
        self.staying[name].kill()
        self.staying[name].wait()

    def stop(self, name, process, seconds=40):
        """End in order, and note who does not."""
        process.terminate()
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            status = f"nothing within {seconds} s"
        if status != 0:
            self.faulty_ends.append(f"{name} ended with {status}")

    def stop_later(self, name, process):
        """Tell to stop without waiting."""
        process.terminate()
        self.passing.append((name, process))

    def stop_all(self):
        for name, process in [*self.staying.items(), *self.passing]:
            if process.poll() is None:
                self.stop(name, process)
            elif process.returncode != 0:
                self.faulty_ends.append(f"{name} ended with {process.returncode}")
        self.staying, self.passing = {}, []

    def end_hard(self):
        for process in [*self.staying.values(), *(process for _, process in self.passing)]:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGCONT)
                process.kill()
