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

"""The volumes that are recorded on this host."""

import os

from dsware_doctor import findings
from dsware_doctor.host import instances
from dsware_doctor.host import states
from os_brick_dsware import devices
from os_brick_dsware import exceptions
from os_brick_dsware import ledger as ledgers

_REPAIR = 'run this check with --repair'
_NOT_KNOWN = instances.Instances(None)


class Inventory:
    """Looks at the volumes of one ledger; changes nothing."""

    def __init__(self, ledger: ledgers.Ledger, host: devices.Devices,
                 present: instances.Instances = _NOT_KNOWN):
        """Nothing is read yet.

        :param ledger: who uses which volume
        :param host: the devices of this host
        :param present: the instances of this host
        """
        self._ledger = ledger
        self._host = host
        self._present = present

    def volumes(self) -> list[states.VolumeState]:
        """Look at every volume that has a record.

        :returns: their states, by name
        """
        return [self.volume(name) for name in self._ledger.volumes()]

    def users(self) -> list[ledgers.User]:
        """List all users of all volumes, as far as they can be read.

        :returns: the users
        """
        return [user for _name, user in self._ledger.everybody()]

    def volume(self, name: str) -> states.VolumeState:
        """Look at one volume.

        :param name: its name
        :returns: its state
        """
        record = ''
        try:
            record = self._ledger.record(name)
            users = self._ledger.users(name)
        except exceptions.DSWareError as exc:
            return states.VolumeState(name, record, findings=(
                findings.problem('record-unreadable', str(exc),
                                 'see that nobody uses the volume on this '
                                 'host, then remove the file'),))
        device = next((user.device for user in users
                       if user.has_device(self._host)), '')
        return states.VolumeState(
            name, record, device=device,
            path=next((user.path for user in users if user.path), ''),
            size=self._host.size(device) if device else None,
            users=tuple(map(self._user, users)),
            findings=tuple(self._judge(name, record, users, device)))

    def _user(self, user: ledgers.User) -> states.UserState:
        return states.UserState(
            token=user.token, kind=user.kind, pid=user.process.pid,
            command=_command(user.process), agent=user.agent,
            alive=user.process.alive(),
            gone=self._ledger.gone(user), instance=user.instance)

    # Judging ----------------------------------------------------------------

    def _judge(self, name, record, users, device):
        gone = list(filter(self._ledger.gone, users))
        here = [user for user in users if user not in gone]
        if gone:
            yield self._left(name, gone, here, device)
        for user in here:
            if self._present.lacks(user):
                yield _of_no_instance(name, user)
            elif not user.has_device(self._host):
                yield _without_device(name, record, user)
        if device:
            yield from self._link(name, users, device)
        else:
            yield from self._dangling(name, users)

    def _left(self, name, gone, here, device) -> findings.Finding:
        who = ', '.join(map(_who, gone))
        if here:
            return findings.problem(
                'volume-left',
                '%s is recorded for %s, which is gone; others still use it'
                % (name, who), _REPAIR)
        text = '%s is left by %s, which is gone; nobody else uses it' % (
            name, who)
        holders = self._host.holders(device) if device else []
        if holders:
            return findings.problem(
                'volume-left', '%s, but its device %s is open: %s' % (
                    text, device, ', '.join(holders)),
                'end what has it open, then ' + _REPAIR)
        return findings.problem('volume-left', text, _REPAIR)

    def _link(self, name, users, device):
        """Compare the stable name with the device."""
        for link in self._links(users):
            if not self._host.is_block(device):
                continue
            if not self._host.exists(link):
                yield findings.problem(
                    'link-wrong', '%s: %s does not lead to %s: it is %s' % (
                        name, link, device, 'dangling'
                        if os.path.islink(link) else 'missing'),
                    _trigger(device))
            elif os.path.realpath(link) not in _devices(users):
                yield findings.problem(
                    'link-wrong',
                    '%s: %s leads to %s, which is not its device %s' % (
                        name, link, os.path.realpath(link), device),
                    '%s; until it is right nothing is attached by this name'
                    % _trigger(device))

    def _dangling(self, name, users):
        for link in self.dangling(users):
            yield findings.problem(
                'link-wrong', '%s: %s leads nowhere' % (name, link), _REPAIR)

    def _links(self, users) -> list[str]:
        return [self._host.link(wwn) for wwn in sorted(
            {user.wwn for user in users if user.wwn})]

    def dangling(self, users: list[ledgers.User]) -> list[str]:
        """Find stable names of a volume that lead nowhere.

        :param users: all users of the volume
        :returns: paths of links
        """
        return [link for link in self._links(users)
                if os.path.islink(link) and not os.path.exists(link)]


def _command(process: ledgers.Process) -> str:
    """Name the program of a process; empty if it cannot be seen."""
    if (process.namespace != ledgers.this_process().namespace
            or not process.alive()):
        return ''
    try:
        with open('/proc/%d/comm' % process.pid) as stream:
            return stream.read().strip()
    except OSError:
        return ''


def _devices(users) -> set[str]:
    return {os.path.realpath(user.device) for user in users if user.device}


def _who(user: ledgers.User) -> str:
    if user.kind == ledgers.LEFTOVER:
        return 'a forced detach'
    token = user.token or 'without a name'
    if user.kind == ledgers.INSTANCE:
        return 'instance %s' % (user.instance or token)
    if user.kind == ledgers.LOCAL:
        return 'local use %s' % token
    return 'process %d (%s)' % (user.process.pid, token)


def _trigger(device: str) -> str:
    return findings.command('udevadm', 'trigger', '--settle',
                            '--name-match=' + device)


def _repair_of(instance: str) -> str:
    return 'run this check with %s' % findings.command(
        '--repair', '--instance-gone', instance)


def _of_no_instance(name, user) -> findings.Finding:
    return findings.problem(
        'instance-unknown',
        '%s is recorded for %s, which libvirt does not have on this host' % (
            name, _who(user)),
        'unless Nova is just building it, or moving it here: %s'
        % _repair_of(user.instance))


def _without_device(name, record, user) -> findings.Finding:
    if not user.path:
        return findings.note('%s is being attached by process %d'
                             % (name, user.process.pid))
    text = '%s is recorded for %s, but its device %s is gone' % (
        name, _who(user), user.device)
    if user.kind == ledgers.INSTANCE:
        return findings.problem(
            'device-gone',
            text, 'detach it from the instance in Nova and attach it again; '
            'if there is no such instance on this host any more, %s'
            % (_repair_of(user.instance) if user.instance
               else findings.command('rm', record)))
    if user.kind == ledgers.LOCAL:
        return findings.problem(
            'device-gone',
            text, 'detach it with "cinder local-detach", or what attached '
            'it; if that is impossible: %s' % findings.command('rm', record))
    return findings.problem(
        'device-gone', text, 'restart the service that process %d is of, '
        'then %s' % (user.process.pid, _REPAIR))
