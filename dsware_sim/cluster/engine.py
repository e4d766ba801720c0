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
"""Carries out requests: plan, work, journal, state, in this order.

Everything here runs on the event loop's thread except the work itself. While
work is under way for an object, other changes of the same object wait, so
that what was planned is still right when the work is done; queries never
wait, and see what was there before.
"""

import asyncio
import collections
import time

from dsware_sim.cluster import data
from dsware_sim.cluster import rules
from dsware_sim.cluster import worker as worker_
from dsware_sim import codec
from dsware_sim import codes

Answer = collections.namedtuple('Answer', 'code desc lines',
                                defaults=('success', ()))
Answer.__doc__ = """What a request is answered.

:param code: the result code
:param desc: free text
:param lines: iterable of record lines, as bytes
"""

#: What sds_cli asks. No operation of the socket interface tells the device.
QUERY_DEVICE = 'querydev'

# Arguments that name objects; a clone only reads its source.
_NAMES = ('volName', 'volNameSrc', 'volNameDst', 'snapName', 'snapNameDst',
          'volNameList', 'snapNameList')
_SOURCES = ('snapNameSrc',)


class Holds:
    """Names of objects for which work is under way."""

    def __init__(self):
        """Hold nothing."""
        self._writers = set()
        self._readers = collections.Counter()
        self._waiters = []
        self.frozen = False

    def __bool__(self):
        return bool(self._writers or self._readers or self.frozen)

    def held(self):
        """Whether work is under way.

        :returns: bool
        """
        return bool(self._writers or self._readers)

    def blocks(self, written, read):
        """Whether a request has to wait.

        :param written: names of the objects that it changes
        :param read: names of the objects that it reads
        :returns: bool
        """
        return (self.frozen
                or not self._writers.isdisjoint(written)
                or not self._writers.isdisjoint(read)
                or not self._readers.keys().isdisjoint(written))

    def take(self, written, read):
        """Hold names.

        :param written: names of the objects that are changed
        :param read: names of the objects that are read
        """
        self._writers.update(written)
        self._readers.update(read)

    def release(self, written, read):
        """Stop to hold names, and wake who waits.

        :param written: what was given to :meth:`take`
        :param read: what was given to :meth:`take`
        """
        self._writers.difference_update(written)
        for name in read:
            self._readers[name] -= 1
            if not self._readers[name]:
                del self._readers[name]
        self.wake()

    def wake(self):
        """Let who waits look again."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def released(self):
        """Wait for the next release.

        :returns: a future
        """
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        return waiter


class Engine:
    """Carries out requests on one cluster."""

    def __init__(self, state, store, worker, threads, clock=time.time):
        """Join the parts of a cluster.

        :param state: a :class:`dsware_sim.cluster.state.State`
        :param store: a loaded :class:`dsware_sim.cluster.store.Store`
        :param worker: a :class:`dsware_sim.cluster.worker.Worker`
        :param threads: executor that the work runs in
        :param clock: function that returns seconds since the epoch
        """
        self.state = state
        self.cluster = rules.Cluster(state, clock, self._measure)
        self._store = store
        self._worker = worker
        self._threads = threads
        self._holds = Holds()
        # Called with each new or ended copy; set by the copy runner.
        self.on_job = lambda job: None
        # Called with the number of a copy that was cancelled.
        self.on_cancel = lambda job_id: None

    def execute(self, op, args, agent):
        """Carry out a request.

        :param op: name of the operation
        :param args: dict of texts, manage_ip included
        :param agent: address of the agent that was asked, None for the
                      manager
        :returns: :class:`Answer`, or a coroutine that returns one
        """
        operation = rules.OPERATIONS.get(op)
        names = ((), ())
        if operation is not None and operation.changes:
            names = _names(args, _NAMES), _names(args, _SOURCES)
            if self._holds and self._holds.blocks(*names):
                return self._later(op, args, agent, names)
        try:
            plan = self.cluster.plan(op, args, agent)
            if plan.work is None:
                if plan.events:
                    self.commit(plan.events)
                return Answer(codes.OK, lines=plan.lines)
        except codes.Refused as refused:
            return Answer(refused.code, str(refused))
        self._holds.take(*names)
        for pool, mib in plan.room:
            pool.pending += mib
        return self._carry_out(plan, names)

    async def _later(self, op, args, agent, names):
        while self._holds.blocks(*names):
            await self._holds.released()
        answer = self.execute(op, args, agent)
        return answer if isinstance(answer, Answer) else await answer

    async def _carry_out(self, plan, names):
        loop = asyncio.get_running_loop()
        try:
            result = await loop.run_in_executor(
                self._threads, self._worker.run, plan.work)
            events, lines = plan.events, plan.lines
            if plan.finish is not None:
                events, lines = plan.finish(result)
            try:
                self.commit(events)
            except codes.Refused:
                await self._undo(plan.work, result)
                raise
            return Answer(codes.OK, lines=lines)
        except codes.Refused as refused:
            return Answer(refused.code, str(refused))
        finally:
            for pool, mib in plan.room:
                pool.pending -= mib
            self._holds.release(*names)

    async def _undo(self, work, result):
        device = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._worker.undo, work, result)
        if device is not None:
            work.item.attachments[work.agent] = device
            self.state.attachments[work.agent, work.item.name] = device

    def device(self, agent, name):
        """Tell the device of an object on a host.

        :param agent: address of the host's agent
        :param name: name of the object
        :returns: :class:`Answer`
        """
        device = self.state.attachments.get((agent, name))
        if device is None:
            return Answer(codes.VOLUME_NOT_ATTACH, codes.describe(
                codes.VOLUME_NOT_ATTACH, name))
        return Answer(codes.OK, lines=(
            codec.encode_record({'dev_addr': device}),))

    def commit(self, events):
        """Make events durable and apply them.

        :param events: list of events
        :raises Refused: the store failed; nothing was changed
        """
        try:
            self._store.append(events)
        except OSError as error:
            raise worker_.refusal(error)
        gone = [self.state.find(event[1]) for event in events
                if event[0] in ('volume_gone', 'snapshot_gone')]
        self.state.apply(events)
        for item in gone:
            self.discard_file(item.id)
        for event in events:
            self._after(event)
        if self._store.wants_compaction():
            self._store.compact(self.state)

    def discard_file(self, number):
        """Remove the file of an object that is gone.

        :param number: the object's number
        """
        doomed = self._worker.files.forget(number)
        if doomed is not None:
            self._threads.submit(data.remove, doomed)

    def _after(self, event):
        if event[0] in ('volume', 'snapshot'):
            item = self.state.by_id[event[1]['id']]
            self.state.set_real(item, self._measure(item))
        elif event[0] == 'attach':
            item = self.state.find(event[2])
            self.state.set_real(item, self._measure(item))
        elif event[0] == 'job':
            self.on_job(self.state.jobs[event[1]['id']])
        elif event[0] == 'job_cancelled':
            self.on_cancel(event[1])

    def _measure(self, item):
        return self._worker.files.allocated(item.id)

    def measure(self, item):
        """Note how much is allocated for an object now.

        :param item: a volume or a snapshot
        """
        self.state.set_real(item, self._measure(item))

    async def empty(self):
        """Empty the cluster: pools stay, all else goes, devices too.

        Call it between :meth:`quiesce` and :meth:`go_on` only.

        :raises Refused: the store failed
        """
        await self.release_devices()
        numbers = list(self.state.by_id)
        self.commit([['reset']])
        for number in numbers:
            self.discard_file(number)

    async def quiesce(self):
        """Let all changes wait, and wait for what is under way."""
        self._holds.frozen = True
        while self._holds.held():
            await self._holds.released()

    def go_on(self):
        """Let changes go on after :meth:`quiesce`."""
        self._holds.frozen = False
        self._holds.wake()

    async def release_devices(self):
        """Remove all devices and links.

        The attachments stay in the state: a host that starts again has them.
        """
        items = [item for pool in self.state.pools.values()
                 for item in pool.live.values()]
        await asyncio.get_running_loop().run_in_executor(
            self._threads, self._worker.release, items)


def _names(args, keys):
    names = []
    for key in keys:
        value = args.get(key)
        if value:
            names += value.split(',')
    return names
