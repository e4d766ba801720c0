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

"""Whether what Cinder says of a volume or snapshot can be true.

A record and what is on the cluster are compared. Nothing is asked or changed:
who calls has looked at both, and looks again before anything is told.
"""

from collections.abc import Callable
import dataclasses
import datetime
import json

from cinder.volume.drivers.dsware.array import models
from cinder.volume.drivers.dsware.client import rest_calls
from cinder.volume.drivers.dsware.client import rest_session
from dsware_doctor.backend import database
from dsware_doctor.backend import services as known
from dsware_doctor import findings
from os_brick_dsware import fsc_cli

# What shows that nobody works on a record any more, besides a dead service:
# the object is ready; it is gone; or nothing does, since data is copied.
_READY, _GONE, _NOTHING = 'ready', 'gone', 'nothing'
_EVIDENCE = {'volume': {
    'creating': _READY, 'downloading': _NOTHING, 'deleting': _GONE,
    'attaching': _READY, 'detaching': _READY, 'extending': _READY,
    'reverting': _READY, 'managing': _READY, 'unmanaging': _READY,
    'uploading': _NOTHING, 'retyping': _NOTHING, 'migrating': _NOTHING,
    'backing-up': _NOTHING, 'restoring-backup': _NOTHING,
}, 'snapshot': {
    'creating': _READY, 'deleting': _GONE, 'unmanaging': _READY,
    'backing-up': _NOTHING, 'restoring': _NOTHING,
}}
# There need not be an object, or not any more.
_PERHAPS = frozenset(('creating', 'downloading', 'deleting', 'managing',
                      'unmanaging'))
_MOVING = frozenset(('starting', 'migrating', 'completing'))
_BY_BACKUP = frozenset(('backing-up', 'restoring-backup', 'restoring'))
_COMMANDS = {'volume': ('openstack', 'volume'),
             'snapshot': ('openstack', 'volume', 'snapshot')}


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What is on the cluster.

    :ivar size: MiB
    :ivar ready: whether it can be used
    :ivar pool: the pool that it is in
    """

    size: int
    ready: bool
    pool: int

    @classmethod
    def of(cls, found: models.Volume | models.Snapshot) -> 'Seen':
        """Keep what is needed of a listing of any length.

        :param found: an object of a listing
        """
        return cls(found.size, found.ready, found.pool_id)


@dataclasses.dataclass(frozen=True)
class ByAgent:
    """Writes commands that an operator can have an agent carry out.

    :ivar manager: address of the manager
    :ivar agent: an agent, as endpoints.Endpoint
    """

    manager: str
    agent: object

    def command(self, op: str, **args: object) -> str:
        """Write a command.

        :param op: the operation
        :param args: its arguments
        :returns: the command, as findings.command()
        """
        return findings.command(*fsc_cli.command(
            'fsc_cli', op, self.manager, self.agent.host, self.agent.port,
            args))


@dataclasses.dataclass(frozen=True)
class ByManager:
    """Writes commands that an operator can have the manager carry out.

    What they need of options, the session among them, is in a file that the
    runbook tells how to make.

    :ivar manager: the manager, as endpoints.Endpoint
    """

    manager: object

    def command(self, op: str, **args: object) -> str:
        """Write a command; see :meth:`ByAgent.command`."""
        calls = []
        list(rest_calls.OPERATIONS[op](
            lambda *call: calls.append(call), args))
        (_method, path, body), = calls
        return findings.command(
            'curl', '-K', 'dsware.curl', '-d', json.dumps(body),
            f'https://{self.manager}{rest_session.BASE}'
            f'{rest_session.USUAL_VERSION}/{path}')


@dataclasses.dataclass(frozen=True)
class Judge:
    """Judges the records of a backend.

    :ivar services: who may work on them
    :ivar older: how long a state of transition may last
    :ivar now: the time, as the database has it
    :ivar cluster: writes commands for the cluster, as :class:`ByAgent`
    """

    services: known.Services
    older: datetime.timedelta
    now: datetime.datetime
    cluster: ByAgent | ByManager

    def verdict(self, record: database.Volume | database.Snapshot,
                there: Seen | None) -> str:
        """Judge a record.

        :param record: the record
        :param there: its object, None when the cluster does not have it
        :returns: the code of a finding, empty when both agree
        """
        state = _state(record)
        if there is None and (_was_there(record) if state.startswith('error')
                              else state not in _PERHAPS):
            return record.kind + '-missing'
        if state.startswith('error'):
            return record.kind + '-error'
        if state in _EVIDENCE[record.kind]:
            return (record.kind + '-stuck'
                    if self._is_stuck(record, state, there) else '')
        if there is not None and not _same_size(record, there):
            return 'size-differs'
        return ''

    def finding(self, code: str, record: database.Volume | database.Snapshot,
                there: Seen | None,
                snapshots_of: Callable[[str], list[str]]
                ) -> findings.Finding:
        """Say what a verdict means, and what to do.

        :param code: what verdict() returned
        :param record: the record
        :param there: its object
        :param snapshots_of: names the snapshots of a volume on the cluster
        :returns: the finding
        """
        if code.endswith('-error'):
            return self._failed(record, there, snapshots_of)
        if code.endswith('-missing'):
            return _missing(record, _state(record))
        if code.endswith('-stuck'):
            return self._stuck(record, _state(record), there)
        return self._size(record, there)

    # States of transition -------------------------------------------------

    def _is_stuck(self, record, state, there):
        if self.now - record.changed < self.older:
            return False
        return (_is_over(record, state, there)
                or not self._is_worked_on(record, state))

    def _is_worked_on(self, record, state):
        if state in _BY_BACKUP and record.kind == 'volume':
            return self.services.backs_up(record)
        return self.services.works_on(record)

    def _stuck(self, record, state, there):
        alive = self._is_worked_on(record, state)
        cause = _why(record, state, there, alive)
        cure = _cure(record, state, there, alive)
        suspects = [] if alive or _is_over(record, state, there) else (
            self.services.suspects(record))
        if suspects:
            cause = ('a service that may have worked on it, cinder-volume on '
                     '%s, does not report; another one of its cluster may '
                     'be at it all the same' % ', '.join(suspects))
            cure = 'see the logs of the others; if none is at it: ' + cure
        return findings.problem(
            record.kind + '-stuck',
            '%s has been in state %s for %s' % (
                _named(record), state, _minutes(self.now - record.changed)),
            cure, cause, record.id)

    # Errors ---------------------------------------------------------------

    def _failed(self, record, there, snapshots_of):
        text = '%s is in state %s' % (_named(record), record.status)
        if there is None:
            return self._note(record, text, 'delete it: ' + _type(
                record, 'delete'), 'the cluster does not have it, so '
                'deleting it will succeed')
        if record.status == 'error_deleting':
            held = snapshots_of(record.on_cluster)
            cause = ('on the cluster it has the snapshots %s, which hold it'
                     % ', '.join(held[:3]) if held else
                     'nothing on the cluster shows what held it: it may be '
                     'attached on a host')
            return self._note(record, text, 'remove what holds it, then '
                              'delete it again: ' + _type(
                                  record, 'delete', '--force'), cause)
        if record.status == 'error_extending':
            return self._note(record, text, self._extended(record, there),
                              'the cluster has it with %d MiB, Cinder with '
                              '%d GiB' % (there.size, record.size))
        return self._note(
            record, text, 'delete it, or, if it is known that all of its '
            'data is there: ' + _type(record, 'set', '--state',
                                      _rest(record)),
            'an operation failed; the object is on the cluster, and whether '
            'its data is whole is not known: see its id in the log of '
            'cinder-volume')

    @staticmethod
    def _note(record, text, cure, cause):
        return findings.problem(record.kind + '-error', text, cure, cause,
                                record.id)

    # Sizes ----------------------------------------------------------------

    def _size(self, record, there):
        return findings.problem(
            'size-differs', '%s has %d GiB in Cinder and %d MiB on the '
            'cluster' % (_named(record), record.size, there.size),
            self._extended(record, there) if record.kind == 'volume' else
            'none is needed for what is made from it; delete the snapshot '
            'when it is not needed any more',
            'it was changed on the cluster, or Cinder did not note the end '
            'of an extension', record.id)

    def _extended(self, record, there):
        rest = '' if record.status == _rest(record) else _type(
            record, 'set', '--state', _rest(record))
        size = -(-there.size // models.MIB_PER_GIB)
        if size > record.size:
            # What has that size already is a success for the driver.
            return ', then '.join(filter(None, (rest, findings.command(
                'openstack', '--os-volume-api-version', '3.42', 'volume',
                'set', '--size', str(size), record.id))))
        if there.size < record.size * models.MIB_PER_GIB:
            grow = self.cluster.command(
                'expandVolume', volName=record.on_cluster,
                volSize=record.size * models.MIB_PER_GIB)
            return ', then '.join(filter(None, (grow, rest)))
        return rest


def _state(record):
    if record.kind == 'volume' and record.migration_status in _MOVING and (
            not record.status.startswith('error')):
        return 'migrating'
    return record.status or ''


def _is_over(record, state, there):
    """Tell whether the cluster shows that the work is over."""
    evidence = _EVIDENCE[record.kind][state]
    return (evidence == _READY and there is not None and there.ready
            or evidence == _GONE and there is None)


def _rest(record):
    if record.kind == 'volume' and record.attach_status == 'attached':
        return 'in-use'
    return 'available'


def _was_there(record):
    """Tell whether an object in error had been complete, with its data.

    Nobody can tell that of snapshots.
    """
    return (record.kind == 'volume' and record.launched_at is not None
            and record.status != 'error_deleting')


def _same_size(record, there):
    if record.kind == 'snapshot':
        # One that was taken over stays as it is.
        return -(-there.size // models.MIB_PER_GIB) == record.size
    return there.size == record.size * models.MIB_PER_GIB


def _named(record):
    text = '%s %s' % (record.kind, record.id)
    if record.id not in record.on_cluster:
        text += ' (%s on the cluster)' % record.on_cluster
    return text


def _minutes(age):
    minutes = int(age.total_seconds() // 60)
    return findings.counted(minutes, 'minute') if minutes < 120 else (
        '%d hours' % (minutes // 60))


def _type(record, verb, *options):
    return findings.command(*_COMMANDS[record.kind], verb, *options,
                            record.id)


def _missing(record, state):
    cure = 'see whether san_ip and dsware_agents lead to the right cluster; '
    if record.kind == 'volume':
        cure += 'look for a backup: %s; ' % findings.command(
            'openstack', 'volume', 'backup', 'list', '--all-projects',
            '--volume', record.id)
    if not record.status.startswith('error'):
        cure += 'so that nobody uses it: %s; ' % _type(
            record, 'set', '--state', 'error')
    return findings.problem(
        record.kind + '-missing',
        '%s, %d GiB and %s in Cinder, is not on the cluster' % (
            _named(record), record.size, state),
        '%sif it is given up, delete it, which succeeds: %s' % (
            cure, _type(record, 'delete')),
        'it was there once, and was deleted or renamed on the cluster, not '
        'through Cinder, or this is another cluster', record.id)


def _why(record, state, there, alive):
    if alive:
        return ('its object is gone' if there is None else
                'its object is ready on the cluster') + (
                    ', so nobody works on it: a service ended at the wrong '
                    'moment, or an answer to Cinder was lost')
    return 'the service that worked on it, %s, does not report' % (
        'cinder-backup' if state in _BY_BACKUP else
        'cinder-volume on %s' % (record.cluster_name or record.host))


def _cure(record, state, there, alive):
    rest = _type(record, 'set', '--state', _rest(record))
    failed = _type(record, 'set', '--state', 'error')
    if not alive and state in _BY_BACKUP:
        return 'start cinder-backup, which clears up; if it stays: ' + rest
    start = '' if alive else _start(record)
    if state in ('creating', 'downloading'):
        return ('%s%s, then delete it and create it again: whether its data '
                'is whole is not known' % (start, failed))
    if state == 'deleting':
        return '%s%s, then delete it again: %s' % (
            start, failed, _type(record, 'delete'))
    if state in ('migrating', 'retyping') and record.kind == 'volume':
        return start + findings.command(
            'cinder', 'reset-state', '--state', _rest(record),
            '--reset-migration-status', record.id)
    if state in ('attaching', 'detaching'):
        return ('%sunless Nova still works on it (%s): %s' % (
            start, findings.command(
                'openstack', '--os-volume-api-version', '3.27', 'volume',
                'attachment', 'list', '--volume-id', record.id), rest))
    if state == 'extending' and there is not None:
        return '%s%s, and extend it again' % (start, rest)
    return start + rest


def _start(record):
    """Say how Cinder's own clean-up is had."""
    if record.cluster_name:
        return ('have another service of the cluster clear up: %s; if that '
                'does not help: ' % findings.command(
                    'cinder', '--os-volume-api-version', '3.24',
                    'work-cleanup', '--cluster', record.cluster_name
                    .partition('#')[0]))
    return ('start cinder-volume, which clears up; if it stays as it is: ')
