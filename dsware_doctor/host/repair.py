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

"""Removes what is left on this host by users who are gone."""

from collections.abc import Collection
import os

from dsware_doctor import findings
from dsware_doctor.host import cluster
from dsware_doctor.host import directory
from dsware_doctor.host import inventory
from dsware_doctor.host import settings
from os_brick_dsware import connector
from os_brick_dsware import devices
from os_brick_dsware import exceptions
from os_brick_dsware import host_volume
from os_brick_dsware import ledger as ledgers
from os_brick_dsware import programs
from os_brick_dsware import sds_connector
from os_brick_dsware import waiting

_LOCK_TIMEOUT = 10
_DONE = {
    host_volume.DETACHED: '%s: detached, and its record removed',
    host_volume.FORGOTTEN: '%s: the record of who is gone removed; others '
                           'still use it',
    '': '%s: nothing is left to do',
}


class Repairer:
    """Repairs the volumes of one ledger."""

    def __init__(self, used: settings.Settings, ledger: ledgers.Ledger,
                 host: devices.Devices, waits: waiting.Waits | None = None,
                 instances_gone: Collection[str] = ()):
        """Nothing is done yet.

        :param used: the settings of a service that uses the ledger
        :param ledger: who uses which volume
        :param host: the devices of this host
        :param waits: how long to wait for what, None for the defaults
        :param instances_gone: ids of instances that the operator knows not
            to be on this host
        """
        self._instances_gone = instances_gone
        self._conf = used.conf.os_brick
        self._ledger = ledger
        self._host = host
        self._waits = waits or waiting.Waits(
            command=self._conf.dsware_cli_timeout, lock=_LOCK_TIMEOUT)
        self._leftovers = host_volume.Leftovers(
            ledger, host, cluster.execute, self._waits, self._program,
            self._gone)

    def plan(self) -> list[findings.Finding]:
        """Tell what repair() would do.

        :returns: one finding for each step
        """
        steps = []
        for name, target in self._left():
            steps.append('detach %s from agent %s, unless it is in use, and '
                         'remove the record of who is gone'
                         % (name, target.agent_ip))
        for _name, link in self._dangling():
            steps.append('remove link %s' % link)
        for path in self._earlier_boots():
            steps.append('remove %s' % path)
        return [findings.note('would ' + step) for step in steps]

    def repair(self) -> list[findings.Finding]:
        """Remove what is left.

        :returns: what was done, and problems for what could not be
        """
        done = [self._clear(name, target) for name, target in self._left()]
        done += [self._unlink(*one) for one in self._dangling()]
        boots = self._earlier_boots()
        if boots:
            directory.forget(self._ledger, boots)
        return done + [findings.note('removed %s' % path) for path in boots]

    # What there is ----------------------------------------------------------

    def _left(self) -> list[tuple[str, programs.Target]]:
        return self._leftovers.found()

    def _gone(self, user: ledgers.User) -> bool:
        return (user.instance in self._instances_gone
                or self._ledger.gone(user))

    def _dangling(self) -> list[tuple[str, str]]:
        looked = inventory.Inventory(self._ledger, self._host)
        return list(dict.fromkeys(
            (name, link) for name, user in self._ledger.everybody()
            for link in looked.dangling([user])))

    def _earlier_boots(self) -> list[str]:
        return [path for path, host
                in directory.other_boots(self._ledger).items()
                if host == os.uname().nodename]

    # What is done -----------------------------------------------------------

    def _clear(self, name, target) -> findings.Finding:
        try:
            done = self._leftovers.clear(name, target)
        except exceptions.DSWareError as exc:
            return findings.problem('repair-failed',
                                    '%s was not repaired: %s' % (name, exc),
                                    self._by_hand(name, target))
        return findings.note(_DONE[done] % name)

    def _program(self, target: programs.Target):
        if target.agent_ip == programs.THIS_HOST:
            return sds_connector.program_of(self._conf, target,
                                            cluster.execute)
        return connector.program_of(self._conf, target, cluster.execute)

    def _by_hand(self, name, target) -> str:
        if target.agent_ip == programs.THIS_HOST:
            return 'see why, and run it again'
        target = programs.Target(
            self._conf.dsware_manager_ip or target.manager_ip,
            target.agent_ip, target.agent_port)
        return 'see why, and run it again; when it is certain that nobody ' \
            'uses it: ' + cluster.detach_command(
                self._conf.dsware_fsc_cli, target, name)

    def _unlink(self, name: str, link: str) -> findings.Finding:
        try:
            with self._ledger.lock(name, self._waits.lock):
                if os.path.islink(link) and not os.path.exists(link):
                    os.unlink(link)
            return findings.note('removed link %s, which led nowhere' % link)
        except (OSError, exceptions.DSWareError) as exc:
            return findings.problem(
                'repair-failed', 'link %s was not removed: %s' % (link, exc),
                'remove it')
