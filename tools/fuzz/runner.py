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

"""Throws input at a target and keeps account of what comes of it."""

import collections
import contextlib
import dataclasses
import itertools
import logging
import multiprocessing
import resource
import signal
import tempfile
import threading
import time
from unittest import mock

from cinder.volume.drivers.dsware.client import agents
from cinder.volume.drivers.dsware.client import client
from cinder.volume.drivers.dsware.client import transport
from cinder.volume.drivers.dsware import waiting
from tools.fuzz import mutations
from tools.fuzz import seeds
from tools.fuzz import targets

# Input that has not been dealt with by then is taken for a hang.
HANG_SECONDS = 30
MEMORY = 2 << 30
_KIB = 1024


@dataclasses.dataclass
class Account:
    """What came of the input of one target.

    :param outcomes: how often each class of outcome came
    :param defects: (what, input), a few of each kind
    :param slowest: seconds of processor time, and the input's size
    :param memory: bytes by which the process grew
    """

    name: str
    outcomes: collections.Counter = dataclasses.field(
        default_factory=collections.Counter)
    defects: list = dataclasses.field(default_factory=list)
    slowest: tuple = (0.0, 0)
    seconds: float = 0.0
    memory: int = 0

    @property
    def inputs(self) -> int:
        """How many inputs there were."""
        return sum(self.outcomes.values())


class Hang(BaseException):
    """An input took too long."""


class _Clock:
    """Stands for the modules time and threading: nobody waits."""

    Lock = staticmethod(threading.Lock)

    def __init__(self):
        self._now = 0.0

    def monotonic(self):
        self._now += 0.001
        return self._now

    def sleep(self, seconds):
        self._now += seconds

    def Event(self):
        event = threading.Event()
        event.wait = lambda seconds: event.is_set() or self.sleep(seconds)
        return event


class _Watch(logging.Handler):
    """Looks at everything that is logged."""

    def emit(self, record):
        text = self.format(record) if record.exc_info else (
            record.getMessage())
        for line in text.split('\n') if record.exc_info else (text,):
            targets.check_message(line)

    def handleError(self, record):
        raise


@contextlib.contextmanager
def watched():
    """Look at all logging, and let time pass without waiting for it."""
    root = logging.getLogger()
    watch, level, others = _Watch(), root.level, root.handlers[:]
    root.handlers[:] = [watch]
    root.setLevel(logging.INFO)
    clock = _Clock()
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(agents, 'threading', clock))
        for module in (agents, client, transport, waiting):
            stack.enter_context(mock.patch.object(module, 'time', clock))
        try:
            yield
        finally:
            root.handlers[:] = others
            root.setLevel(level)


def _alarm(_number, _frame):
    raise Hang


def try_one(account, run, data):
    """Give one input to a target, and write down what comes of it.

    :param account: the :class:`Account`
    :param run: the target
    :param data: the input
    """
    started = time.process_time()
    try:
        outcome = run(data)
    except (Exception, Hang) as error:
        outcome = f'DEFECT {type(error).__name__}'
        if account.outcomes[outcome] < 5:
            account.defects.append((f'{outcome}: {error}'[:500], data))
    account.outcomes[outcome] += 1
    took = time.process_time() - started
    if took > account.slowest[0]:
        account.slowest = took, len(data)


def inputs(target, seed):
    """Give the seeds, then what becomes of them by chance, for ever.

    :param target: the :class:`targets.Target`
    :param seed: decides all that chance decides
    """
    found = seeds.load(target.corpora)
    kind = mutations.FramedMutator if target.framed else mutations.Mutator
    return itertools.chain(found, kind(found, seed))


def run(name, count, seed) -> Account:
    """Throw input at one target.

    :param name: of the target
    :param count: how many inputs; 0 for the seeds alone
    :param seed: decides all that chance decides
    """
    account = Account(name)
    with tempfile.TemporaryDirectory() as directory, watched():
        target = targets.targets(directory)[name]
        count = count or len(seeds.load(target.corpora))
        before = _peak()
        started = time.process_time()
        for data in itertools.islice(inputs(target, seed), count):
            try_one(account, target.run, data)
        account.seconds = time.process_time() - started
        account.memory = _peak() - before
    return account


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB


def _bounded(job):
    """Run one target in a process that has only so much time and memory."""
    name, count, seed = job
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGVTALRM, _alarm)
    actual = try_one

    def limited(account, run, data):
        signal.setitimer(signal.ITIMER_VIRTUAL, HANG_SECONDS)
        actual(account, run, data)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    with mock.patch(f'{__name__}.try_one', limited):
        return run(name, count, seed)


def run_all(count, seed, jobs, only='') -> list:
    """Throw input at all targets, each in a process of its own.

    :param count: how many inputs in all
    :param seed: decides all that chance decides
    :param jobs: how many processes at a time
    :param only: part of the names of the targets that are wanted
    :returns: an iterator of :class:`Account`
    """
    with tempfile.TemporaryDirectory() as directory:
        wanted = [name for name in targets.targets(directory)
                  if only in name]
    each = -(-count // len(wanted))
    context = multiprocessing.get_context('spawn')
    with context.Pool(jobs, maxtasksperchild=1) as pool:
        yield from pool.imap(_bounded, [(name, each, seed)
                                        for name in wanted], 1)
