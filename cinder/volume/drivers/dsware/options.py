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

"""Configuration options of the driver.

Options that Cinder already has are reused (``san_ip``, ``san_api_port``,
``san_login``, ``san_password``, ``san_thin_provision``, ``driver_use_ssl``,
``driver_ssl_cert_verify``, ``driver_ssl_cert_path``); the ones here are what
only Dsware needs. None has the name of an option of Cinder's fusionstorage
driver, because both drivers can be loaded in one process.
"""

from oslo_config import cfg

from cinder.volume import configuration

DEFAULT_PORT = 10519
REST_PORT = 28443

DSWARE_OPTS = [
    cfg.StrOpt('dsware_transport',
               default='socket',
               choices=[('socket', 'talk to the agents over TCP or TLS'),
                        ('rest', 'talk to the manager over HTTPS'),
                        ('cli', "run the vendor's fsc_cli on this host")],
               help='How the driver talks to the Dsware agents.'),
    cfg.ListOpt('dsware_agents',
                default=[],
                help='Dsware agents that carry out requests, or managers '
                     'with dsware_transport = rest, as host or host:port (an '
                     'IPv6 address in brackets). The default port is '
                     'san_api_port, or 10519 (28443 for a manager) when that '
                     'is not set. When empty, requests go to san_ip.'),
    cfg.ListOpt('dsware_pools',
                default=[],
                item_type=cfg.types.Integer(min=0),
                help='Ids of the Dsware storage pools to use. When empty, '
                     'all pools of the cluster are used.'),
    cfg.IntOpt('dsware_connect_timeout',
               default=5,
               min=1,
               help='Seconds for one attempt to connect to an agent, TLS '
                    'handshake included.'),
    cfg.IntOpt('dsware_request_timeout',
               default=60,
               min=1,
               help='Seconds for one request to the cluster, all its '
                    'attempts on all agents together.'),
    cfg.IntOpt('dsware_max_connections',
               default=16,
               min=1,
               help='Connections to one agent at a time. With fsc_cli, all '
                    'agents together have thread_pool_size of '
                    '[cinder_sys_admin] at most.'),
    cfg.StrOpt('dsware_clone',
               default='linked',
               choices=[('linked', 'a clone shares unchanged data with its '
                                   'source and is ready at once'),
                        ('full', 'a clone is an independent copy')],
               help='How volumes are made from snapshots and other volumes. '
                    'The extra spec dsware:clone of a volume type overrides '
                    'it.'),
    cfg.IntOpt('dsware_copy_timeout',
               default=3600,
               min=1,
               help='Seconds that a full copy, a rollback or a migration '
                    'inside the cluster may take.'),
    cfg.StrOpt('dsware_attach_by',
               default='host',
               choices=[('host', 'the os-brick connector on the compute '
                                 'host attaches with fsc_cli'),
                        ('manager', 'the driver asks the agent of the '
                                    'compute host to attach; nothing is '
                                    'installed on the compute host')],
               help='Who attaches a volume to a host.'),
    cfg.DictOpt('dsware_host_agents',
                default={},
                help='Agents of hosts, by the name of the host: a '
                     'comma-separated list of host:agent pairs. For hosts '
                     'whose agent does not listen on the address in the '
                     "host's connector or on the default port, is in no "
                     'network of dsware_host_networks, or wants a password.'),
    cfg.ListOpt('dsware_host_networks',
                default=[],
                help='Networks of hosts, such as 192.0.2.0/24 or '
                     '2001:db8::/32. The driver asks the agent at the '
                     "address in a host's connector only if it is in one of "
                     'these or among dsware_agents, and without a password '
                     'unless the agent is listed by itself. When empty, the '
                     'driver asks no agents besides those of dsware_agents '
                     'and dsware_host_agents.'),
    cfg.StrOpt('dsware_client_cert',
               help='File with the client certificate, in PEM, for clusters '
                    'that ask for one.'),
    cfg.StrOpt('dsware_client_key',
               help='File with the private key of dsware_client_cert, when '
                    'it is not in the same file.'),
]

CONF = cfg.CONF
# On one line, as Cinder's generator of sample files reads it.
CONF.register_opts(DSWARE_OPTS, group=configuration.SHARED_CONF_GROUP)


def list_opts():
    """List the options for oslo.config's sample generator.

    :returns: pairs of group name and options
    """
    return [(configuration.SHARED_CONF_GROUP, DSWARE_OPTS)]
