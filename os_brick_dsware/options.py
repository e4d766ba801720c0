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

"""All options of this package, those for SDSHypervisor and the simulator too.
"""

from oslo_config import cfg

from os_brick_dsware import opts

GROUP = 'os_brick'

dsware_opts = opts.dsware_opts + [
    cfg.BoolOpt(
        'dsware_simulated_devices',
        default=False,
        help='Whether the devices of this host are those of the Dsware '
             'simulator: plain files, or block devices that do not tell '
             'their World Wide Name. For tests and demonstrations only: who '
             'controls the agent can then have any file of the right size '
             'written.'),
    cfg.StrOpt(
        'dsware_sds_cli',
        help='Name or absolute path of the SDSHypervisor command line '
             'program on this host. It is run as the user of the service. '
             'When not set, the environment variable '
             'HUAWEISDSHYPERVISORCLI_PATH names it, and without that it is '
             '/usr/local/bin/sds/sds_cli.'),
    cfg.BoolOpt(
        'dsware_replace_sdshypervisor',
        default=False,
        help='Whether volumes of SDSHypervisor (type huaweisdshypervisor) '
             'are attached by cinder-dsware instead of os-brick\'s own '
             'connector, and by nova-compute, which has no volume driver '
             'for them. Change it while no such volume is attached.'),
]


def list_opts():
    """Tell the options to oslo.config's sample generator.

    :returns: the options with their group
    """
    return [(GROUP, dsware_opts)]


def register(conf=cfg.CONF):
    """Make the options known.

    :param conf: the configuration to add them to
    :returns: the options' group, with their values
    """
    conf.register_opts(dsware_opts, group=GROUP)
    return conf[GROUP]
