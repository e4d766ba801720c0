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

"""What goes wrong in the matrix of operations and faults.

Each family of faults is one of the columns of the printed table. A family
has several members when there are several result codes of one class, or when
the same can happen once or to all requests until it is taken away.
"""

import dataclasses
import os

ALL = os.environ.get('DSWARE_TEST_FAULTS') == 'all'

# What the driver answers.
DONE = 'done'
FAILED = 'failed'
EITHER = 'either'

BOTH = ('socket', 'cli')

# Codes of one class that each get a case of their own. Only by the number do
# they differ, so that one transport is enough for all but the first.
RETRY = (50150012, 50150016, 50150020, 50150022, 50150023, 50150024, 50151012)
UNKNOWN = (50150017, 50000001, 50150001, 50150004, 50151209, 50155009,
           59999999)
BUSY = (50150013, 50151002, 50151005, 50151006, 50151203, 50151211, 50157010)


@dataclasses.dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    :ivar name: for the name of the test
    :ivar kind: the simulator's name for it, or one of the specials of
        :mod:`injecting`
    :ivar outcome: what the driver has to answer
    :ivar count: how many requests meet it, None for all
    :ivar code: the result code, for those that have one
    :ivar seconds: how long it lasts, for those that end by the clock
    :ivar result: what class of result the code is of
    :ivar timeout: the driver's request timeout in seconds
    :ivar slow: whether somebody has to wait
    :ivar family: the column of the table; the name by default
    :ivar transports: which transports can meet it
    :ivar anywhere: whether it is there from the beginning, and so the same
        for all the requests of an operation
    :ivar heavy: whether a process is started for it
    :ivar real: whether it takes as long as it says, and so is left to the
        long form
    """

    name: str
    kind: str
    outcome: str = DONE
    count: int | None = 1
    code: int | None = None
    seconds: float | None = None
    result: str = 'unknown'
    timeout: int = 10
    slow: bool = False
    family: str = ''
    transports: tuple = BOTH
    anywhere: bool = False
    heavy: bool = False
    real: bool = False

    @property
    def column(self):
        """The name of its family."""
        return self.family or self.name

    @property
    def lasting(self):
        """Whether it is there until the driver has answered."""
        return self.count is None

    @property
    def blocks_cleaning(self):
        """Whether the driver cannot remove what it has made."""
        return self.kind in ('down', 'disk_full', 'disk_fills', 'late') or (
            self.kind == 'outage' and self.outcome == FAILED)

    def settings(self):
        """Give what the simulator is told.

        :returns: a dict
        """
        given = {'count': self.count, 'code': self.code,
                 'seconds': self.seconds}
        return {'kind': self.kind,
                **{key: value for key, value in given.items()
                   if value is not None}}


def _once():
    """Faults that one request meets; the driver gets over them."""
    for kind in ('drop_before', 'drop_after', 'cut_frame', 'garbage'):
        yield Fault(kind, kind)
    yield Fault('wrong_seq', 'wrong_seq', transports=('socket',))
    yield Fault('cli_garbage', 'cli_garbage', transports=('cli',),
                family='garbage')
    yield Fault('refuse', 'refuse', anywhere=True)
    yield Fault('delay', 'delay', seconds=0.2)
    # Beyond the time of one attempt, which is half of the timeout.
    yield Fault('delay_attempt', 'late', seconds=3.5, timeout=6, slow=True,
                family='delay')
    yield Fault('agent_down', 'agent_down', slow=True,
                family='agent_restart')
    yield Fault('agent_restart', 'agent_restart', seconds=0.3, slow=True)
    yield Fault('killed', 'killed', slow=True, heavy=True)
    yield Fault('hang', 'hang', timeout=4, slow=True)
    yield Fault('cli_hang', 'cli_hang', timeout=4, slow=True,
                transports=('cli',), family='hang')
    for family, codes in (('retry', RETRY), ('unknown', UNKNOWN),
                          ('busy', BUSY)):
        for number, code in enumerate(codes):
            yield Fault(f'{family}_{code}', 'result', code=code,
                        family=family, transports=(
                            BOTH if not number else ('socket',)))
    for code in (50000001, -1):
        yield Fault(f'unknown_after_{abs(code)}', 'result_after', code=code,
                    family='unknown')


def _refused():
    """Results that say that it does not work, and it was not done."""
    for result, code, family in (
            ('capacity', 50150009, ''), ('limit', 50152502, 'capacity'),
            ('invalid', 50150003, ''), ('denied', 10000003, 'invalid'),
            ('exists', 50150007, 'invalid'), ('fault', 50150015, '')):
        yield Fault(result, 'result', FAILED, code=code, result=result,
                    family=family)
    yield Fault('pool_full', 'pool_full', FAILED, None, anywhere=True,
                result='capacity')
    yield Fault('copy_fails', 'copy_fails', FAILED, result='fault')
    yield Fault('copy_fails_always', 'copy_fails', FAILED, None,
                result='fault', family='copy_fails')


def _lasting():
    """Faults that last until the driver gives up, or finds out."""
    yield Fault('delay_deadline', 'late', FAILED, seconds=2.0, timeout=1,
                slow=True)
    for kind in ('drop_before', 'hang'):
        yield Fault(kind + '_always', kind, FAILED, None, timeout=2,
                    slow=True, family=kind)
    for result, code in (('retry', 50150016), ('unknown', 50150004),
                         ('busy', 50151005)):
        yield Fault(result + '_always', 'result', FAILED, None, code,
                    result=result, timeout=2, slow=True, family=result)
    for kind in ('drop_after', 'cut_frame', 'garbage'):
        yield Fault(kind + '_always', kind, DONE, None, timeout=4,
                    family=kind)
    yield Fault('unknown_after_always', 'result_after', DONE, None, 50000001,
                timeout=4, family='unknown')


def _everything():
    """Faults of the whole cluster."""
    # Shorter than an attempt, which is half of the timeout; longer than
    # that; longer than the timeout.
    yield Fault('outage_short', 'outage', seconds=0.3, timeout=6, slow=True)
    yield Fault('outage_medium', 'outage', seconds=4.5, timeout=8, slow=True)
    yield Fault('outage_long', 'outage', FAILED, None, timeout=1, slow=True)
    yield Fault('outage_before', 'down', FAILED, None, timeout=1, slow=True,
                anywhere=True, family='outage_long')
    yield Fault('disk_full', 'disk_full', FAILED, None, timeout=1, slow=True,
                anywhere=True)
    yield Fault('disk_fills', 'disk_fills', FAILED, None, timeout=2,
                slow=True, family='disk_full')
    for seconds in (1, 10, 120):
        # With the timeout that the option has by default.
        yield Fault(f'outage_{seconds}_s', 'outage',
                    DONE if seconds < 60 else FAILED, seconds=seconds,
                    timeout=60, slow=True, real=True)


def over_rest(fault):
    """Tell what a fault is over REST.

    Who is refused there has a session that has ended, and signs in again.

    :param fault: the fault on the other transports
    :returns: a :class:`Fault`
    """
    if fault.name != 'denied':
        return fault
    return dataclasses.replace(fault, outcome=DONE, result='retry',
                               family='retry')


FAULTS = (*_once(), *_refused(), *_lasting(), *_everything())
# Answers that no request gets that changes nothing.
OF_CHANGES = frozenset(('busy', 'capacity', 'exists'))
