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
"""Faults that can be switched on while the simulator runs.

A fault has a kind, and selects requests by operation and by agent, for the
next so many requests or until it is cleared.
"""

import asyncio
import errno
import itertools
import os
import signal
import types

from dsware_sim.cluster import model
from dsware_sim import codes
from dsware_sim.front import settings

DELAY = 'delay'
HOLD = 'hold'
REFUSE = 'refuse'
HANG = 'hang'
DROP_BEFORE = 'drop_before'
DROP_AFTER = 'drop_after'
CUT_FRAME = 'cut_frame'
GARBAGE = 'garbage'
WRONG_SEQ = 'wrong_seq'
RESULT = 'result'
RESULT_AFTER = 'result_after'
POOL_FULL = 'pool_full'
COPY_FAILS = 'copy_fails'
DISK_FULL = 'disk_full'
DOWN = 'down'
LATE_DEVICE = 'late_device'
CLI_GARBAGE = 'cli_garbage'
CLI_HANG = 'cli_hang'
AGENT_DIES = 'agent_dies'
AGENT_DIES_AFTER = 'agent_dies_after'
DIE = 'die'
DIE_AFTER = 'die_after'
DIE_WRITING = 'die_writing'
HTTP_STATUS = 'http_status'
HTTP_STATUS_AFTER = 'http_status_after'
HTML = 'html'
WRONG_TYPE = 'wrong_type'
ENDLESS = 'endless'
DRIP = 'drip'
EXPIRE = 'expire'

KINDS = types.MappingProxyType({
    DELAY: 'wait --seconds before a request is carried out',
    HOLD: 'carry requests out when it is cleared, and not before',
    REFUSE: 'refuse new connections',
    HANG: 'take a request and never answer, without carrying it out',
    DROP_BEFORE: 'close the connection without carrying a request out',
    DROP_AFTER: 'carry a request out, then close without a reply',
    CUT_FRAME: 'carry a request out, send half of the reply, close',
    GARBAGE: 'carry a request out, answer bytes that are no frame',
    WRONG_SEQ: 'carry a request out, answer with another seq',
    RESULT: 'answer --code without carrying a request out',
    RESULT_AFTER: 'carry a request out and answer --code',
    POOL_FULL: 'the pools (or --pool) have no room',
    COPY_FAILS: 'a copy ends half way, its target in a failure status',
    DISK_FULL: 'the simulator cannot write its own state (ENOSPC)',
    DOWN: 'the agents (or --agent) do not listen; connections are cut',
    LATE_DEVICE: 'devices that are attached now appear when it is cleared',
    CLI_GARBAGE: 'fsc_cli carries a command out and prints nonsense',
    CLI_HANG: 'fsc_cli hangs without carrying a command out',
    AGENT_DIES: 'the agent is down before it carries a request out',
    AGENT_DIES_AFTER: 'carry a request out, then the agent is down',
    DIE: 'the simulator kills itself before it carries a request out',
    DIE_AFTER: 'carry a request out, then the simulator kills itself',
    DIE_WRITING: 'the simulator kills itself when all of a request but the '
                 'record of it is done',
    HTTP_STATUS: 'REST: answer HTTP status --code without carrying a '
                 'request out',
    HTTP_STATUS_AFTER: 'REST: carry a request out, answer HTTP status --code',
    HTML: 'REST: carry a request out, answer a page of HTML',
    WRONG_TYPE: 'REST: carry a request out, call the answer plain text',
    ENDLESS: 'REST: carry a request out, answer a body that never ends',
    DRIP: 'REST: carry a request out, answer a byte every --seconds',
    EXPIRE: 'REST: all tokens end just before a request is carried out',
})

_CLI_ONLY = (CLI_GARBAGE, CLI_HANG)
_REST_ONLY = (HTTP_STATUS, HTTP_STATUS_AFTER, HTML, WRONG_TYPE, ENDLESS, DRIP,
              EXPIRE)
# REST numbers no request, and a reply of it is no frame.
_NOT_OF_REST = (*_CLI_ONLY, WRONG_SEQ)
_WITH_SECONDS = (DELAY, DRIP)
_WITH_CODE = (RESULT, RESULT_AFTER, HTTP_STATUS, HTTP_STATUS_AFTER)
# What lets a request go on, so that it may meet another fault.
PASSING = (DELAY, HOLD, EXPIRE)
_NOT_OF_REQUESTS = (REFUSE, DOWN, COPY_FAILS, DISK_FULL, POOL_FULL,
                    LATE_DEVICE)
_LASTING = (HOLD, POOL_FULL, DOWN, LATE_DEVICE)
_OF_NO_OPERATION = (REFUSE, DOWN, DISK_FULL, LATE_DEVICE)
_OP_OF_JOB = types.MappingProxyType({
    model.FULL_COPY: 'createFullVolumeFromSnap',
    model.DUPLICATE: 'duplicateSnapshot',
    model.ROLLBACK: 'rollbackSnapshot',
    model.MIGRATION: 'migrateVolumeCold',
    model.EXCHANGE: 'migrateVolumeCold'})


class FaultError(ValueError):
    """A fault was described wrongly."""


class Fault:
    """One fault."""

    def __init__(self, number, kind, op='*', agent=None, count=None,
                 seconds=None, code=None, pool=None, skip=0):
        """Describe a fault.

        :param number: its number
        :param kind: one of KINDS
        :param op: name of the operation that it is for, '*' for all
        :param agent: address of the agent that it is for, None for all
        :param count: how many requests it is for, None until cleared
        :param seconds: of a delay, or between the bytes of a drip
        :param code: of a result or a result_after; or an HTTP status
        :param pool: number of the pool that is full, None for all
        :param skip: how many requests pass before the first that meets it
        :raises FaultError: the description is wrong
        """
        self.id = number
        self.kind = kind
        self.op = op or '*'
        self.agent = agent or None
        self.count = count
        self.seconds = seconds
        self.code = code
        self.pool = pool
        self.skip = skip or 0
        #: Set when it is switched off.
        self.cleared = asyncio.Event()
        self._check()

    def _check(self):
        if self.kind not in KINDS:
            raise FaultError('no fault %r; there are %s'
                             % (self.kind, ', '.join(sorted(KINDS))))
        if self.count is not None and (type(self.count) is not int
                                       or self.count < 1):
            raise FaultError('count must be a whole number of 1 or more')
        self._check_numbers()
        if self.op != '*' and self.kind in _OF_NO_OPERATION:
            raise FaultError('%s is for no single operation' % self.kind)
        if type(self.skip) is not int or self.skip < 0:
            raise FaultError('skip must be a whole number of 0 or more')
        if self.kind in _LASTING and (self.count is not None or self.skip):
            raise FaultError('%s lasts until it is cleared; it takes no '
                             'count and no skip' % self.kind)

    def _check_numbers(self):
        if self.kind in _WITH_SECONDS:
            if not isinstance(self.seconds, (int, float)) or self.seconds < 0:
                raise FaultError('%s needs seconds, 0 or more' % self.kind)
        if self.kind in _WITH_CODE and type(self.code) is not int:
            raise FaultError('%s needs a code, a whole number' % self.kind)
        if (self.kind in (HTTP_STATUS, HTTP_STATUS_AFTER)
                and not 400 <= self.code <= 599):
            raise FaultError('%s: code %d is not 400 to 599'
                             % (self.kind, self.code))

    def selects(self, op, agent):
        """Whether the fault is for a request.

        :param op: name of the operation
        :param agent: address of the agent, None when there is none
        :returns: bool
        """
        return (self.op in ('*', op)
                and (self.agent is None or agent in (None, self.agent)))

    def suits(self, agent, local):
        """Whether the fault can happen to requests of a transport.

        :param agent: address of the agent, or the name of the REST interface
        :param local: whether the request comes from fsc_cli
        :returns: bool
        """
        if agent == settings.REST:
            return self.kind not in _NOT_OF_REST
        return (self.kind not in _REST_ONLY
                and (local or self.kind not in _CLI_ONLY))

    def passes(self):
        """Let a request pass, if that is still to be done.

        :returns: whether the request passes
        """
        if not self.skip:
            return False
        self.skip -= 1
        return True

    def facts(self):
        """Describe the fault.

        :returns: dict
        """
        return {'id': self.id, 'kind': self.kind, 'op': self.op,
                'agent': self.agent, 'count': self.count,
                'seconds': self.seconds, 'code': self.code,
                'pool': self.pool, 'skip': self.skip}


class Faults:
    """The faults that are switched on."""

    def __init__(self):
        """Have none."""
        self._faults = {}
        self._numbers = itertools.count(1)
        # The next write of the state never happens.
        self.die_at_write = False
        # Called when faults came or went.
        self.on_change = lambda: None

    def __bool__(self):
        return bool(self._faults)

    def add(self, **description):
        """Switch a fault on.

        :param description: what :class:`Fault` takes
        :returns: the fault's number
        :raises FaultError: the description is wrong
        """
        number = next(self._numbers)
        try:
            fault = Fault(number, **description)
        except TypeError as error:
            raise FaultError('a fault is not described so: %s' % error)
        self._faults[number] = fault
        self.on_change()
        return number

    def remove(self, numbers):
        """Switch faults off.

        :param numbers: the faults' numbers; those that are gone are ignored
        """
        for number in list(numbers):
            if number in self._faults:
                self._faults.pop(number).cleared.set()
        self.on_change()

    def clear(self):
        """Switch all faults off."""
        self.remove(self._faults)

    def list(self):
        """Describe all faults.

        :returns: list of dicts
        """
        return [fault.facts() for fault in self._faults.values()]

    def of_request(self, op, agent, local):
        """Find and use up what a request meets.

        :param op: name of the operation
        :param agent: address of the agent
        :param local: whether it comes from fsc_cli
        :returns: list of faults: those that pass it on, and at most one
                  other
        """
        met = []
        for fault in list(self._faults.values()):
            if (not fault.selects(op, agent)
                    or fault.kind in _NOT_OF_REQUESTS
                    or not fault.suits(agent, local)
                    or fault.passes()):
                continue
            met.append(fault)
            self._use(fault)
            if fault.kind not in PASSING:
                break
        return met

    def refuses(self, agent):
        """Whether a new connection is to be closed, and use the fault up.

        :param agent: address of the agent
        :returns: bool
        """
        return self._take(REFUSE, '*', agent) is not None

    def closes_listener(self, agent):
        """Whether an agent must not listen.

        :param agent: address of the agent
        :returns: bool; a refusal that is counted is carried out at accept
        """
        return any(fault.kind == REFUSE and fault.count is None
                   and fault.selects('*', agent)
                   for fault in self._faults.values())

    def is_down(self, agent):
        """Whether an agent is down.

        :param agent: address of the agent
        :returns: bool
        """
        return any(fault.kind == DOWN and fault.selects('*', agent)
                   for fault in self._faults.values())

    def hides_devices(self, agent):
        """Whether devices that are attached now do not appear yet.

        :param agent: address of the agent of their host
        :returns: bool
        """
        return any(fault.kind == LATE_DEVICE and fault.selects('*', agent)
                   for fault in list(self._faults.values()))

    def down_numbers(self, agent):
        """Find what keeps one agent down, and no other.

        :param agent: address of the agent
        :returns: list of faults' numbers
        """
        return [fault.id for fault in self._faults.values()
                if fault.kind == DOWN and fault.agent == agent]

    def full_pool(self, pool_id):
        """Whether a pool has to look full.

        :param pool_id: its number
        :returns: bool
        """
        return any(fault.kind == POOL_FULL and fault.pool in (None, pool_id)
                   for fault in self._faults.values())

    def copy_fails(self, kind):
        """Whether a copy that starts will fail, and use the fault up.

        :param kind: the job's kind
        :returns: bool
        """
        return self._take(COPY_FAILS, _OP_OF_JOB[kind], None) is not None

    def check_disk(self):
        """Fail as a full disk does, if it is switched on.

        :raises OSError: it is
        """
        if self.die_at_write:
            die()
        if self._faults and self._take(DISK_FULL, '*', None) is not None:
            raise OSError(errno.ENOSPC, 'No space left on device (a fault '
                          'that was switched on)')

    def _take(self, kind, op, agent):
        for fault in self._faults.values():
            if (fault.kind == kind and fault.selects(op, agent)
                    and not fault.passes()):
                self._use(fault)
                return fault
        return None

    def _use(self, fault):
        if fault.count is None:
            return
        fault.count -= 1
        if not fault.count:
            del self._faults[fault.id]
            self.on_change()


def die():
    """End this process as a power failure does."""
    os.kill(os.getpid(), signal.SIGKILL)


def answer_code(fault):
    """What a fault of kind result or result_after answers.

    :param fault: the fault
    :returns: (code, desc)
    """
    return fault.code, codes.describe(fault.code, 'a fault switched on')
