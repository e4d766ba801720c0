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

"""Sections of cinder.conf for Dsware backends on the simulator."""

DRIVER = 'cinder.volume.drivers.dsware.driver.DSWareDriver'


def dsware(name, agents, **options):
    """The options of one Dsware backend.

    :param name: the backend's name
    :param agents: (host, port) of each Dsware agent; the first one is the
                   manager
    :param options: options to add or to change
    :returns: a dict of options, in the order in which they are shown
    """
    manager, port = agents[0]
    section = {
        'volume_driver': DRIVER,
        'volume_backend_name': name,
        'san_ip': manager,
        'san_api_port': port,
        'dsware_agents': ['%s:%d' % agent for agent in agents],
        'dsware_transport': 'socket',
        'san_thin_provision': True,
    }
    section.update(options)
    return section


def brick(agent, fsc_cli):
    """The options of the connector on the host of an agent.

    :param agent: (host, port) of the Dsware agent
    :param fsc_cli: path of the command line program
    :returns: a dict of options for the section [os_brick]
    """
    address, port = agent
    return {'dsware_agent_ip': address, 'dsware_agent_port': port,
            'dsware_fsc_cli': fsc_cli, 'dsware_simulated_devices': True}
