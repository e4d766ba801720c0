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

"""Which instances this host has, as libvirt knows them."""

from collections.abc import Iterable
import dataclasses
import importlib

from oslo_config import cfg

from dsware_doctor import findings
from dsware_doctor.host import settings
from os_brick_dsware import ledger as ledgers

#: As Nova has it.
_OPTS = [cfg.StrOpt('connection_uri', default='')]
_URI = 'qemu:///system'


@dataclasses.dataclass(frozen=True)
class Instances:
    """What libvirt said.

    :param known: ids of the instances that this host has, None if that
        cannot be told
    :param why: why it cannot be told
    """

    known: frozenset[str] | None
    why: str = ''

    def lacks(self, user: ledgers.User) -> bool:
        """Tell whether a user is an instance that this host does not have.

        :param user: a user of a volume
        :returns: True only if it is certain; an instance that was recorded
            without its id never is
        """
        return (self.known is not None and bool(user.instance)
                and user.kind == ledgers.INSTANCE
                and user.instance not in self.known)

    def check(self, users: Iterable[ledgers.User]
              ) -> list[findings.Finding]:
        """Say when instances are recorded and nobody can tell which live.

        :param users: all users of all volumes
        :returns: what was found
        """
        count = sum(user.kind == ledgers.INSTANCE for user in users)
        if not count:
            return []
        if self.known is None:
            return [findings.note(
                'instances are recorded as users of volumes (%d); whether '
                'they are still on this host cannot be told: %s'
                % (count, self.why))]
        return [findings.ok('libvirt has %s on this host' % findings.counted(
            len(self.known), 'instance'))]


def uri(all_settings: list[settings.Settings]) -> str:
    """Find where nova-compute's libvirt answers.

    :param all_settings: the settings of all services
    :returns: its URI
    """
    for one in all_settings:
        one.conf.register_opts(_OPTS, group='libvirt')
        if one.conf.libvirt.connection_uri:
            return one.conf.libvirt.connection_uri
    return _URI


def ask(where: str) -> Instances:
    """Ask libvirt for all instances of this host, running or not.

    :param where: URI of libvirt
    :returns: what it said
    """
    try:
        # Nova needs it, so it is there where the check should be run.
        libvirt = importlib.import_module('libvirt')
    except ImportError:
        return Instances(None, 'this Python has no libvirt-python; run this '
                               'check with that of nova-compute')
    # It would print its errors.
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    try:
        connection = libvirt.openReadOnly(where)
        try:
            return Instances(frozenset(
                domain.UUIDString() for domain
                in connection.listAllDomains()))
        finally:
            connection.close()
    except libvirt.libvirtError as exc:
        return Instances(None, 'libvirt does not answer at %s: %s'
                         % (where, exc))
