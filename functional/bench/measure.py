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

"""Runs one job in many workers and measures it."""

import dataclasses
import statistics
import threading
import time


@dataclasses.dataclass(frozen=True)
class Result:
    """What one measurement gave.

    :ivar job: what was measured
    :ivar floor: the job that it is compared to
    :ivar threads: ``eventlet`` or ``native``
    :ivar rate: operations a second, all workers together
    :ivar p50: median time of one operation, in microseconds
    :ivar p99: its 99th percentile, in microseconds
    :ivar cpu: processor time of the measuring process for one operation,
        in microseconds
    """

    job: str
    floor: str
    threads: str
    workers: int
    operations: int
    rate: float
    p50: float
    p99: float
    cpu: float


class _Worker:
    """Repeats one operation and notes how long each took."""

    def __init__(self, operation):
        self._operation = operation
        self.times = []
        self.error = None

    def run(self, start, end):
        try:
            self._operation()
            start.wait()
            stop = time.monotonic() + end
            self._repeat(stop)
        except Exception as error:
            start.abort()
            self.error = error

    def _repeat(self, stop):
        now = time.monotonic()
        while now < stop:
            self._operation()
            before, now = now, time.monotonic()
            self.times.append(now - before)


def median(results):
    """Give the median of each number of several results of one job."""
    middle = {name: statistics.median(getattr(result, name)
                                      for result in results)
              for name in ('rate', 'p50', 'p99', 'cpu')}
    return dataclasses.replace(
        results[0], operations=sum(r.operations for r in results), **middle)


def measure(job, floor, threads, operations, seconds):
    """Measure a job; each worker first does it once unmeasured.

    :param job: the job's name
    :param floor: the name of the job that it is compared to
    :param threads: ``eventlet`` or ``native``, for the result
    :param operations: one callable for each worker
    :param seconds: how long to measure
    :returns: the :class:`Result`
    :raises Exception: whatever an operation raised
    """
    workers = [_Worker(operation) for operation in operations]
    start = threading.Barrier(len(workers) + 1)
    running = [threading.Thread(target=w.run, args=(start, seconds))
               for w in workers]
    for thread in running:
        thread.start()
    try:
        start.wait()
    except threading.BrokenBarrierError:
        seconds = 0
    wall, cpu = time.monotonic(), time.process_time()
    for thread in running:
        thread.join()
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    for worker in workers:
        if worker.error is not None:
            raise worker.error
    times = sorted(t for w in workers for t in w.times)
    return Result(job=job, floor=floor, threads=threads, workers=len(workers),
                  operations=len(times), rate=len(times) / wall,
                  p50=times[len(times) // 2] * 1e6,
                  p99=times[len(times) * 99 // 100] * 1e6,
                  cpu=cpu / len(times) * 1e6)
