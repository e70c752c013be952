"""The load of the chaos test: jobs keep being enqueued while faults happen."""

import threading
import time

from server import Refused

WAITING = 60  # deliveries kept ready, so that each worker finds some at once
CROWD = 400  # the same while a worker shall run out of sockets


class Load:
    """Sql jobs and chains at a steady pace, webhooks as fast as they are delivered."""

    def __init__(self, server, org, endpoints):
        self.server, self.org, self.endpoints = server, org, endpoints
        self.batch = 0
        self.kept_ready = WAITING
        self.acknowledged = []  # batches whose COMMIT was answered: they must be there whatever happens
        self.unknown = []  # batches whose COMMIT may or may not have happened
        self.longest_overdue = 0.0  # seconds past its lease of any job, at any look
        self.going = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def start(self):
        self.going.set()
        self.thread.start()

    def stop(self):
        self.going.clear()
        self.thread.join()

    def run(self):
        while self.going.is_set():
            try:
                waiting, overdue = self.server.sql(
                    "SELECT count(*), (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - r.lease_until)), 0) "
                    "FROM sentinel.job_running r) FROM sentinel.job_waiting w WHERE w.queue = 'webhooks'").split("|")
                self.longest_overdue = max(self.longest_overdue, float(overdue))
                self.enqueue(min(200, max(0, 20 + self.kept_ready - int(waiting))))
            except Refused:
                pass
            time.sleep(0.2)

    def enqueue(self, hooks):
        self.batch += 1
        try:
            self.server.sql(f"SELECT chaos.load({self.batch}, '{self.org}', 6, 2, {hooks}, {self.endpoints})")
            self.acknowledged.append(self.batch)
        except Refused:
            self.unknown.append(self.batch)
