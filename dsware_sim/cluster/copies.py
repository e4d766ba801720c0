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
"""Copies that take time: full copies, duplicates, rollbacks, migrations.

A copy is part of the durable state, so one that was under way when the
process died starts again. The bytes are copied beside the target's file at
once; the target gets them, and its new status, when the time is over.
"""

import asyncio
import time

from dsware_sim.cluster import data
from dsware_sim.cluster import model
from dsware_sim import codes

# How long to wait when the end of a copy cannot be stored.
_STORE_RETRY = 0.05
# These leave the bytes where they are.
_MOVES = (model.MIGRATION, model.EXCHANGE)


class CopyRunner:
    """Runs the copies of a cluster."""

    def __init__(self, engine, files, threads, faults):
        """Run the copies that an engine starts.

        :param engine: a :class:`dsware_sim.cluster.engine.Engine`
        :param files: a :class:`dsware_sim.cluster.data.Files`
        :param threads: executor that the bytes are copied in
        :param faults: a :class:`dsware_sim.front.faults.Faults`
        """
        self._engine = engine
        self._files = files
        self._threads = threads
        self._faults = faults
        self._tasks = {}
        self._started = {}
        self._stopping = False
        self._resumed = asyncio.Event()
        self._resumed.set()
        # Seconds that each copy takes; else by its size in MiB a second.
        self.seconds = None
        self.rate = None
        engine.on_job = self.start
        engine.on_cancel = self.cancel

    @property
    def paused(self):
        """Whether no copy can end.

        :returns: bool
        """
        return not self._resumed.is_set()

    def pause(self):
        """Let no copy end."""
        self._resumed.clear()

    def resume(self):
        """Let copies end again."""
        self._resumed.set()

    def start(self, job):
        """Start a copy.

        :param job: a :class:`dsware_sim.cluster.model.Job`
        """
        loop = asyncio.get_running_loop()
        self._started[job.id] = loop.time(), self._duration(job)
        self._tasks[job.id] = loop.create_task(self._run(job))

    def progress(self, job):
        """How far a copy is.

        :param job: a :class:`dsware_sim.cluster.model.Job`
        :returns: 0 to 100
        """
        started, duration = self._started[job.id]
        if not duration:
            return 0
        elapsed = asyncio.get_running_loop().time() - started
        return min(99, int(100 * elapsed / duration))

    def cancel(self, job_id):
        """Let go of a copy that the state has ended already.

        :param job_id: its number
        """
        task = self._tasks.get(job_id)
        if task is not None:
            task.cancel()

    async def stop(self):
        """Stop all copies; they start again with the next process."""
        self._stopping = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._stopping = False

    def _duration(self, job):
        if self.seconds is not None:
            return self.seconds
        return job.target.size / self.rate if self.rate else 0

    async def _run(self, job):
        duration = self._started[job.id][1]
        try:
            fails = self._faults.copy_fails(job.kind)
            deadline = asyncio.get_running_loop().time() + duration / (
                2 if fails else 1)
            part = await self._copy(job)
            await self._until(deadline)
            if fails:
                raise OSError('a fault that was switched on')
            await self._end(job, part)
        except OSError:
            self._discard(job)
            await self._commit([['job_failed', job.id, int(time.time())]])
        except asyncio.CancelledError:
            self._discard(job)
            raise
        finally:
            self._tasks.pop(job.id, None)
            self._started.pop(job.id, None)

    async def _copy(self, job):
        if job.kind in _MOVES:
            return None
        size = job.target.size
        if job.kind == model.ROLLBACK:
            size = job.source.size
        copying = asyncio.get_running_loop().run_in_executor(
            self._threads, self._files.copy_part, job.source.id,
            job.target.id, size, lambda: self._stopping)
        try:
            return await asyncio.shield(copying)
        except asyncio.CancelledError:
            await asyncio.gather(copying, return_exceptions=True)
            raise

    def _discard(self, job):
        data.remove(self._files.path(job.target.id) + '.part')

    async def _until(self, deadline):
        left = deadline - asyncio.get_running_loop().time()
        if left > 0:
            await asyncio.sleep(left)
        await self._resumed.wait()

    async def _end(self, job, part):
        if job.kind not in _MOVES:
            self._files.adopt(job.target.id, part)
        target = job.target
        await self._commit([['job_done', job.id, int(time.time())]])
        self._engine.measure(target)

    async def _commit(self, events):
        while True:
            try:
                self._engine.commit(events)
                return
            except codes.Refused:
                await asyncio.sleep(_STORE_RETRY)
