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

"""The os-brick connector for volumes of SDSHypervisor."""

import os

from oslo_config import cfg
from oslo_utils import importutils

from os_brick_dsware import connector
from os_brick_dsware import options
from os_brick_dsware import programs
from os_brick_dsware import properties
from os_brick_dsware import registry
from os_brick_dsware import sds_cli

options.register()

#: What SDSHypervisor's volume driver calls the volume's name.
VOLUME_ID = 'volume_id'


def sds_program(configured: str | None) -> str:
    """Choose the SDSHypervisor command line program of this host.

    :param configured: value of option dsware_sds_cli
    :returns: its name or path
    """
    return (configured or os.environ.get(sds_cli.PROGRAM_VARIABLE)
            or sds_cli.DEFAULT_PROGRAM)


def program_of(conf, target: programs.Target, as_user) -> sds_cli.SDSCli:
    """Give access to the program that attaches on this host.

    :param conf: group os_brick of a service
    :param target: this host
    :param as_user: runs a command as the service's user
    :returns: the program
    """
    return sds_cli.SDSCli(as_user, sds_program(conf.dsware_sds_cli),
                          conf.dsware_cli_timeout, target)


def sds_hypervisor(*args, **kwargs):
    """Make the connector for SDSHypervisor that the operator asks for.

    :param args: what os-brick gives to a connector
    :param kwargs: the same
    :returns: ours if option dsware_replace_sdshypervisor is set, else
        os-brick's own
    """
    if cfg.CONF.os_brick.dsware_replace_sdshypervisor:
        return SDSHypervisorConnector(*args, **kwargs)
    return importutils.import_object(registry.SDS_REPLACED, *args, **kwargs)


class SDSHypervisorConnector(connector.BaseConnector):
    """Attaches SDSHypervisor's volumes with ``sds_cli``.

    It understands the connection properties that are made for os-brick's
    HuaweiStorHyperConnector: ``volume_id`` is the volume's name.
    """

    def _understood(self, connection_properties) -> dict:
        found = dict(connection_properties)
        # What connect returned has it where ours is.
        found[properties.VOLUME_NAME] = (found.get(VOLUME_ID)
                                         or found.get(properties.VOLUME_NAME))
        return found

    def _target(self, connection: properties.Connection) -> programs.Target:
        """Choose this host, which is all that ``sds_cli`` knows."""
        return programs.Target('', programs.THIS_HOST)

    def _program(self, target: programs.Target) -> sds_cli.SDSCli:
        return program_of(cfg.CONF.os_brick, target, self._run_as_user)

    def _run_as_user(self, *argv, **kwargs):
        return self._execute(*argv, run_as_root=False,
                             root_helper=self._root_helper, **kwargs)

    def _serves(self, target: programs.Target) -> bool:
        return target.agent_ip == programs.THIS_HOST

    @staticmethod
    def get_connector_properties(root_helper, *args, **kwargs):
        """Tell the volume driver nothing, like os-brick's own connector.

        :returns: an empty dict
        """
        return {}
