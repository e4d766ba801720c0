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

"""The os-brick connector for volumes of a Dsware cluster.

BaseConnector has all that does not depend on the program that talks to the
cluster; a connector for another program gives it another.

A host without a setting of its own believes only in addresses of its own.
Nova disconnects volumes with the connection information of another host at
times: on a host whose instances were evacuated with that of the new host, and
after a live migration that failed, on the destination with that of the source.
Whoever followed its hint would take the device from the host that needs it.
"""

import abc
import dataclasses
import os
import shutil

from os_brick.initiator.connectors import base
from os_brick import utils
from oslo_config import cfg
from oslo_log import log as logging
from oslo_privsep import daemon

from os_brick_dsware import addresses
from os_brick_dsware import devices
from os_brick_dsware import exceptions
from os_brick_dsware import fsc_cli
from os_brick_dsware import host_volume
from os_brick_dsware import identify
from os_brick_dsware import ledger as ledgers
from os_brick_dsware import logs
from os_brick_dsware import opts  # noqa: F401
from os_brick_dsware import programs
from os_brick_dsware import properties
from os_brick_dsware import simulated
from os_brick_dsware import waiting

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

#: Below os-brick's lock_path: who uses which volume on this host.
LEDGER_DIRECTORY = 'dsware'
#: Where root finds programs that the service's own PATH may not have.
SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'


def ledger_directory(conf) -> str:
    """Name the directory that all services of the host share.

    :param conf: the configuration of a service
    :returns: its path
    :raises ConfigurationError: if no lock_path is configured
    """
    # A service that has not called os_brick.setup() has only the latter.
    path = conf.os_brick.lock_path or conf.oslo_concurrency.lock_path
    if not path:
        raise exceptions.ConfigurationError(
            "option lock_path, in group os_brick or oslo_concurrency, is not "
            "set: it must name a directory that is the same for all services "
            "of this host that attach volumes")
    return os.path.join(path, LEDGER_DIRECTORY)


def program_of(conf, target: programs.Target, as_root) -> programs.FSCCli:
    """Give access to the program that reaches an agent.

    :param conf: group os_brick of a service
    :param target: the agent
    :param as_root: runs a command as root
    :returns: the program
    :raises ConfigurationError: if the manager's address is not known
    """
    # The host's own setting wins over what was recorded.
    manager = conf.dsware_manager_ip or target.manager_ip
    if not manager:
        raise exceptions.ConfigurationError(
            "no address of the Dsware manager: set option dsware_manager_ip "
            "in group os_brick on this host")
    return programs.FSCCli(
        as_root, conf.dsware_fsc_cli, conf.dsware_cli_timeout,
        dataclasses.replace(target, manager_ip=manager))


def _program_found(program: str) -> bool:
    """Tell whether a program is there, as far as this user may look."""
    if shutil.which(program) or shutil.which(program, path=SYSTEM_PATH):
        return True
    try:
        os.stat(program)
    except PermissionError:
        # In a directory that only root may enter, which is who runs it.
        return True
    except (OSError, ValueError):
        pass
    return False


class BaseConnector(base.BaseLinuxConnector, metaclass=abc.ABCMeta):
    """Attaches volumes with a command line program of the Dsware family."""

    def __init__(self, root_helper, driver=None, execute=None, *args,
                 **kwargs):
        """Nothing is run yet.

        :param root_helper: runs commands as root
        :param driver: not used
        :param execute: runs commands; os-brick's own by default
        :param kwargs: what os-brick's callers say; do_local_attach says that
            a volume is attached for something that outlives this process,
            as python-brick-cinderclient-ext and cinderlib do
        """
        super().__init__(root_helper, driver, execute, *args, **kwargs)
        self._local = bool(kwargs.get('do_local_attach'))

    @abc.abstractmethod
    def _target(self, connection: properties.Connection) -> programs.Target:
        """Choose where commands for a volume go."""

    # What a service calls ---------------------------------------------------

    @utils.trace
    @utils.connect_volume_prepare_result
    def connect_volume(self, connection_properties):
        """Attach a volume to this host, or share its attachment.

        :param connection_properties: what the volume driver sent
        :returns: device info: type, path, and what disconnect needs
        :raises DSWareError: if it cannot be done; nothing is left behind
        """
        used = self._of(self._connection(connection_properties))
        path = used.connect()
        self._clear_in_passing(used)
        return properties.device_info(
            path, self._understood(connection_properties))

    @utils.trace
    @utils.connect_volume_undo_prepare_result(unlink_after=True)
    def disconnect_volume(self, connection_properties, device_info=None,
                          force=False, ignore_errors=False):
        """Leave a volume; the last user of this host detaches it.

        :param connection_properties: what the volume driver sent
        :param device_info: what connect_volume returned, if it is known
        :param force: carry on after errors, and although the device is open;
            an agent that is down is then only logged
        :param ignore_errors: with force, raise nothing
        :raises DSWareError: if it cannot be done; it then stays attached
        :raises ExceptionChainer: with force, what went wrong on the way
        """
        try:
            there = self._there(self._connection(
                connection_properties, device_info))
            if there:
                there.disconnect(force, ignore_errors)
                if not force:
                    self._clear_in_passing(there)
        except exceptions.DSWareError as exc:
            # With force only what comes before the detach ends up here: no
            # address, no lock, no record.
            if not (force and ignore_errors):
                raise
            logs.write(LOG, logging.ERROR, 'Forced detach failed: %s', exc)

    @utils.trace
    @utils.connect_volume_undo_prepare_result
    def extend_volume(self, connection_properties):
        """Wait until an attached volume's device has its new size.

        :param connection_properties: what the volume driver sent
        :returns: the size in bytes
        :raises DSWareError: if it is not attached here, or does not grow
        """
        connection = self._connection(connection_properties)
        there = self._there(connection)
        if not there:
            raise exceptions.DeviceNotFound(
                "volume %s is not attached to this host" % connection.volume)
        return there.extend()

    def get_volume_paths(self, connection_properties):
        """List the paths of a volume on this host.

        :param connection_properties: what the volume driver sent
        :returns: list of existing paths; empty if it is not attached
        """
        there = self._there(self._connection(connection_properties))
        return there.paths() if there else []

    def get_search_path(self):
        """Name the directory of the stable device names.

        :returns: its path
        """
        return self._host().links

    def get_all_available_volumes(self, connection_properties=None):
        """List the paths of all volumes that are attached to this host.

        :param connection_properties: what the volume driver sent, if only
            one volume is of interest
        :returns: list of existing paths
        """
        if connection_properties:
            return self.get_volume_paths(connection_properties)
        ledger, host = self._ledger(), self._host()
        return sorted({identify.path_of(user, host)
                       for _name, user in ledger.everybody()} - {''})

    def release_abandoned(self, volume_name=None):
        """Let go of what processes of this host that have ended left there.

        It takes a moment where nothing is left, and at most some seconds for
        each agent that answers. What is in use, or cannot be let go of for
        another reason, stays for the next time; nothing is raised.

        :param volume_name: name of the volume, None for all
        """
        self._release(lambda name, target: volume_name in (None, name))

    # Its parts --------------------------------------------------------------

    def _run_as_root(self, *argv, **kwargs):
        try:
            return self._execute(*argv, run_as_root=True,
                                 root_helper=self._root_helper, **kwargs)
        except daemon.FailedToDropPrivileges as exc:
            raise exceptions.ConfigurationError(
                "nothing can be run as root on this host (%s): see what the "
                "log says of privsep before this. The user of this service "
                "needs a line in sudoers for its rootwrap, and "
                "privsep-helper has to be where that looks for programs"
                % exc)

    def _ledger(self) -> ledgers.Ledger:
        return ledgers.Ledger(ledger_directory(CONF))

    def _host(self) -> devices.Devices:
        return simulated.devices_of_host(
            CONF.os_brick.dsware_simulated_devices)

    def _waits(self) -> waiting.Waits:
        timeout = CONF.os_brick.dsware_cli_timeout
        return waiting.Waits(command=2 * timeout,
                             lock=max(600, 10 * timeout))

    def _program(self, target: programs.Target):
        return program_of(CONF.os_brick, target, self._run_as_root)

    def _serves(self, target: programs.Target) -> bool:
        """Tell whether what was attached is for this program to detach."""
        return target.agent_ip != programs.THIS_HOST

    def _understood(self, connection_properties) -> dict:
        """Read what the volume driver sent, as our own driver sends it."""
        return connection_properties

    def _there(self, connection: properties.Connection
               ) -> host_volume.HostVolume | None:
        """Find a volume that is to be here; None if it is not."""
        return self._of(connection)

    def _connection(self, connection_properties,
                    device_info=None) -> properties.Connection:
        found = properties.Connection.from_dict(
            self._understood(connection_properties), device_info)
        if self._local and found.kind == ledgers.PROCESS:
            return dataclasses.replace(found, kind=ledgers.LOCAL)
        return found

    def _of(self, connection: properties.Connection,
            target: programs.Target | None = None) -> host_volume.HostVolume:
        return host_volume.HostVolume(
            connection, self._program(target or self._target(connection)),
            self._ledger(), self._host(), self._run_as_root, self._waits())

    # What others have left --------------------------------------------------

    def _clear_in_passing(self, used: host_volume.HostVolume) -> None:
        # Its agent has answered just now.
        self._release(lambda name, target: target.agent_ip == used.agent)

    def _release(self, wanted) -> None:
        try:
            ledger = self._ledger()
            host_volume.Leftovers(
                ledger, self._host(), self._run_as_root,
                host_volume.IN_PASSING, self._program,
                lambda user: not ledger.alive(user),
            ).clear_in_passing(
                lambda name, target: (wanted(name, target)
                                      and self._serves(target)))
        except exceptions.ConfigurationError as exc:
            LOG.debug('Nothing is recorded on this host: %s', exc)
        except Exception as exc:
            # Who attaches or detaches a volume, or starts, has no part in it.
            logs.write(LOG, logging.WARNING,
                       'Volumes may have been left attached to this host by '
                       'processes that have ended: %s', exc)


class DSWareConnector(BaseConnector):
    """Attaches volumes with Dsware's ``fsc_cli``."""

    def _target(self, connection: properties.Connection) -> programs.Target:
        """Choose the addresses: this host's own settings win."""
        conf = CONF.os_brick
        agent = conf.dsware_agent_ip or _own_agent(connection)
        if not agent:
            raise exceptions.ConfigurationError(
                "no agent with an address of this host is named for volume "
                "%s (%s): set option dsware_agent_ip in group os_brick on "
                "this host to the address of its agent" % (
                    connection.volume,
                    fsc_cli.printable(connection.agent_ip or 'none at all')))
        port = (connection.agent_port if connection.agent_port
                and addresses.is_local(agent) else None)
        return programs.Target(connection.manager_ip, agent,
                               conf.dsware_agent_port or port)

    def _there(self, connection: properties.Connection
               ) -> host_volume.HostVolume | None:
        """Find a volume through who attached it, unless a setting says."""
        if CONF.os_brick.dsware_agent_ip:
            return self._of(connection)
        user = _recorded(connection, self._ledger())
        if user:
            return self._of(connection, programs.Target(
                user.manager or connection.manager_ip, user.agent,
                CONF.os_brick.dsware_agent_port or user.port))
        if _own_agent(connection):
            return self._of(connection)
        _check_elsewhere(connection, self._host())
        return None

    @staticmethod
    def get_connector_properties(root_helper, *args, **kwargs):
        """Tell the volume driver what this host has.

        :param root_helper: not used: nothing is run
        :returns: dsware_cli, whether the command line program was found;
            dsware_agent_ip and dsware_agent_port, if they are configured;
            nothing on a host without Dsware, that has none of these
        """
        try:
            conf = CONF.os_brick
            found = {name: conf[name]
                     for name in ('dsware_agent_ip', 'dsware_agent_port')
                     if conf[name]}
            has_program = _program_found(conf.dsware_fsc_cli)
            if has_program or found:
                found['dsware_cli'] = has_program
            return found
        except Exception:
            # It is asked for every attachment of every kind of storage.
            LOG.exception('Cannot tell what this host has of Dsware')
            return {}


def _own_agent(connection: properties.Connection) -> str:
    """Find this host's agent in what the volume driver said.

    What it says may come from a user of the API, who must not choose where
    this host connects to as root.
    """
    agent = connection.agent_ip
    return agent if agent and addresses.is_local(agent) else ''


def _recorded(connection: properties.Connection,
              ledger: ledgers.Ledger) -> ledgers.User | None:
    """Find the user that a volume is left for: its token's, or instance's."""
    users = ledger.users(connection.volume)
    found = [user for user in users
             if connection.token and user.token == connection.token]
    found += [user for user in users
              if user.is_instance(connection.instance)]
    return found[0] if found else None


def _check_elsewhere(connection: properties.Connection,
                     host: devices.Devices) -> None:
    """See that a volume without a record is but another host's."""
    agent = fsc_cli.printable(connection.agent_ip or '(not named)')
    if connection.wwn and host.exists(host.link(connection.wwn)):
        raise exceptions.ConfigurationError(
            "volume %s has a device on this host but no record, and its agent "
            "%s is not known to be this host's: set option dsware_agent_ip "
            "in group os_brick on this host" % (connection.volume, agent))
    LOG.warning('Volume %s is not attached to this host by us, and agent %s '
                'is not known to be that of this host: nothing is detached',
                connection.volume, agent)
