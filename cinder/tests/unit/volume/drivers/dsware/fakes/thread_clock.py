# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Simulated time for several threads."""

import threading

# Real seconds after which a test has gone wrong.
_PATIENCE = 60


class Time:
    """Stands for the modules time and threading.

    Time goes by when all threads that :meth:`run` has started wait: as far
    as the first of them waits.
    """

    Lock = staticmethod(threading.Lock)

    def __init__(self):
        self.now = 1000.0
        self._changed = threading.Condition()
        self._working = 0
        # When the wait for each event is over.
        self._ends = {}

    def monotonic(self):
        return self.now

    def Event(self):
        return _Event(self)

    def sleep(self, seconds):
        self.Event().wait(seconds)

    def run(self, *jobs):
        """Run jobs at a time, each in a thread, until all are done.

        :param jobs: called without arguments
        """
        self._working = len(jobs)
        threads = [threading.Thread(target=self._run, args=(job,),
                                    daemon=True) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(_PATIENCE)
            if thread.is_alive():
                raise AssertionError('a thread hangs')

    def _run(self, job):
        try:
            job()
        finally:
            with self._changed:
                self._stop_working()

    def _stop_working(self):
        self._working -= 1
        if self._working or not self._ends:
            return
        self.now = max(self.now, min(self._ends.values()))
        for event, end in list(self._ends.items()):
            if end <= self.now:
                self.go_on(event)

    def go_on(self, event):
        """Let the thread work that waits for an event, if there is one."""
        if self._ends.pop(event, None) is not None:
            self._working += 1
            self._changed.notify_all()

    def set(self, event):
        with self._changed:
            event.is_set = True
            self.go_on(event)

    def wait(self, event, seconds):
        with self._changed:
            if not event.is_set:
                # Time goes by, however short the wait is.
                self._ends[event] = self.now + max(seconds, 1e-6)
                self._stop_working()
                while event in self._ends:
                    self._changed.wait(_PATIENCE)
            return event.is_set


class _Event:
    """Stands for an event that one thread waits for."""

    def __init__(self, time):
        self._time = time
        self.is_set = False

    def clear(self):
        self.is_set = False

    def set(self):
        self._time.set(self)

    def wait(self, seconds):
        return self._time.wait(self, seconds)
