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

"""Options of the connector, in group ``os_brick`` of each service's file."""

from oslo_config import cfg

dsware_opts = [
    cfg.HostAddressOpt(
        'dsware_manager_ip',
        help='Address of the Dsware cluster\'s management service, as '
             'fsc_cli on this host is to be told it. When not set, the '
             'address that the volume driver sends with each attachment is '
             'used.'),
    cfg.HostAddressOpt(
        'dsware_agent_ip',
        help='Address of the Dsware agent of this host, as fsc_cli on this '
             'host is to be told it. When not set, the address that the '
             'volume driver sends with each attachment is used, provided '
             'that it is one of this host; any other is refused.'),
    cfg.PortOpt(
        'dsware_agent_port',
        help='Port of the Dsware agent of this host. When not set, the port '
             'that the volume driver sends with each attachment is used if '
             'the agent has an address of this host, and else the default of '
             'fsc_cli.'),
    cfg.StrOpt(
        'dsware_fsc_cli',
        default='fsc_cli',
        help='Name or absolute path of the Dsware command line program on '
             'this host. It is run as root.'),
    cfg.IntOpt(
        'dsware_cli_timeout',
        default=60,
        min=1,
        max=3600,
        help='Seconds that one run of a command line program may '
             'take. A run that takes longer is ended, and what it did is '
             'found out by asking the cluster.'),
]

cfg.CONF.register_opts(dsware_opts, group='os_brick')
