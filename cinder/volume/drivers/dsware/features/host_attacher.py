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

"""Hosts attach: their os-brick connector runs fsc_cli."""

import uuid

from cinder import exception
from cinder.i18n import _
from cinder import utils
from cinder.volume.drivers.dsware import config
from cinder.volume.drivers.dsware.features import connectors
from cinder.volume.drivers.dsware import naming
from os_brick_dsware import connector as brick

DRIVER_VOLUME_TYPE = 'dsware'
# Nova keeps connection_info for years: readers must know what they read.
FORMAT_VERSION = 1


class HostAttacher:
    """The os-brick connector of each host attaches, with fsc_cli.

    :param agents: the :class:`connectors.HostAgents`
    :param configuration: the backend's configuration
    """

    online_extend = True

    def __init__(self, agents, configuration):
        self._manage_ip = config.manager_address(configuration)
        self._agents = agents

    def check(self, connector):
        """Refuse a host that cannot attach Dsware volumes.

        :param connector: the host's connector properties
        :raises InvalidInput: it cannot, or a field is malformed
        """
        connectors.check(connector)
        if not connector.get('dsware_cli'):
            raise exception.InvalidInput(reason=_(
                'host %s has no fsc_cli, or its os-brick no connector for '
                'Dsware; install what is missing, or set dsware_fsc_cli in '
                'group os_brick of its services, or dsware_attach_by = '
                'manager for this backend')
                % connector['host'])

    def attach(self, _volume, found, connector, discard):
        """Tell the host how to attach a volume.

        :param found: the :class:`models.Volume`
        :param connector: the host's connector properties
        :param discard: whether the volume gives back discarded space
        :returns: connection_info
        """
        agent = self._agents.hint_for(connector)
        hints = {'manager_ip': self._manage_ip}
        if agent:
            hints.update(agent_ip=agent.host, agent_port=agent.port)
        return {
            'driver_volume_type': DRIVER_VOLUME_TYPE,
            'data': {
                'format_version': FORMAT_VERSION,
                'volume_name': found.name,
                'wwn': found.wwn,
                # Tells apart the uses of one volume on one host.
                'attachment': str(uuid.uuid4()),
                'discard': discard,
                **hints,
            },
        }

    def detach(self, _volume, _connector):
        """Do nothing: the host's connector has detached it.

        Only the host knows whether another of its users still needs it.
        """
        return False

    def release_abandoned(self, volume=None):
        """Detach what processes of this host that were killed have left.

        :param volume: a Cinder volume that is deleted; None for all
        """
        brick.DSWareConnector(utils.get_root_helper()).release_abandoned(
            volume and naming.volume_name(volume))

    def detach_from_here(self, _volume):
        """Do nothing: it has been released already."""
        return False
