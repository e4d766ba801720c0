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

"""Whether the command line programs are there and the cluster answers."""

import glob
import os
import shutil

from os_brick.privileged import rootwrap

from dsware_doctor import findings
from dsware_doctor.host import settings
from os_brick_dsware import addresses
from os_brick_dsware import connector
from os_brick_dsware import devices
from os_brick_dsware import exceptions
from os_brick_dsware import fsc_cli
from os_brick_dsware import ledger as ledgers
from os_brick_dsware import programs
from os_brick_dsware import result_codes
from os_brick_dsware import sds_connector

#: Seconds to wait for an answer, if less than dsware_cli_timeout.
PATIENCE = 10
_NO_ANSWER = (result_codes.RETRY, result_codes.UNKNOWN, result_codes.DENIED)


def execute(*cmd, run_as_root=False, root_helper=None, **kwargs):
    """Run a command as the user of this process.

    :param cmd: the command
    :param run_as_root: not used: see is_root()
    :param root_helper: not used
    :param kwargs: as for os-brick's executors
    :returns: (standard output, standard error)
    """
    return rootwrap.custom_execute(*cmd, **kwargs)


def is_root() -> bool:
    """Tell whether this process runs as root.

    :returns: True if it does
    """
    return os.geteuid() == 0


def sees_all_processes() -> bool:
    """Tell whether this process sees who has devices open.

    :returns: False in a container that has process ids of its own
    """
    return ledgers.this_process().namespace == ledgers.INITIAL_NAMESPACE


def targets(conf, users: list[ledgers.User]) -> list[programs.Target]:
    """Choose whom to ask: this host's settings, and what records say.

    :param conf: group os_brick of a service
    :param users: all recorded users
    :returns: addresses, without repetition
    """
    found = [(conf.dsware_manager_ip,
              addresses.canonical(conf.dsware_agent_ip or ''),
              conf.dsware_agent_port)]
    found += [(conf.dsware_manager_ip or user.manager, user.agent, user.port)
              for user in users if user.agent != programs.THIS_HOST]
    return [programs.Target(*one) for one in dict.fromkeys(found)
            if one[0] and one[1]]


def find(program: str) -> str:
    """Look for a program where root would find it.

    :param program: its name or path
    :returns: its path, empty if it is not there
    """
    return (shutil.which(program)
            or shutil.which(program, path=connector.SYSTEM_PATH) or '')


def check(all_settings: list[settings.Settings],
          users: list[ledgers.User]) -> list[findings.Finding]:
    """Look for the programs, and ask the cluster.

    :param all_settings: the settings of all services
    :param users: all recorded users
    :returns: what was found
    """
    found = [] if is_root() else [findings.problem(
        'not-root',
        'this check does not run as root: fsc_cli was not run, and records '
        'and processes of others may not be seen',
        'run it as root, with the same Python')]
    for program in dict.fromkeys(one.value('dsware_fsc_cli')
                                 for one in all_settings):
        conf = next(one.conf.os_brick for one in all_settings
                    if one.value('dsware_fsc_cli') == program)
        found += _fsc_cli(conf, users)
    return found + _sds_cli(all_settings[0].conf.os_brick, users)


def _fsc_cli(conf, users) -> list[findings.Finding]:
    program = conf.dsware_fsc_cli
    path = find(program)
    if not path:
        return [findings.problem(
            'fsc-cli-missing',
            '%s was not found, or cannot be executed' % program,
            'install the Dsware client on this host, or set dsware_fsc_cli '
            'in group os_brick to the path of its command line program')]
    found = [findings.ok('%s is %s' % (program, path))]
    asked = targets(conf, users)
    if not asked:
        missing = [name for name in ('dsware_manager_ip', 'dsware_agent_ip')
                   if not conf[name]]
        found.append(findings.note(
            'no address to ask: no volume is attached, and this host has no '
            '%s; the volume driver sends addresses with each attachment'
            % ' and no '.join(missing)))
    if is_root():
        found += [_ask(conf, target) for target in asked]
    return found


def _ask(conf, target: programs.Target) -> findings.Finding:
    program = programs.FSCCli(
        execute, conf.dsware_fsc_cli,
        min(PATIENCE, conf.dsware_cli_timeout), target)
    where = 'manager %s, agent %s' % (target.manager_ip, target.agent_ip)
    if target.agent_port:
        where += ' port %d' % target.agent_port
    try:
        reply, version = _version(program)
    except exceptions.DSWareError as exc:
        return findings.problem('fsc-cli-missing', '%s: %s' % (where, exc),
                                'make the program that dsware_fsc_cli names '
                                'executable for root')
    if reply.kind in _NO_ANSWER:
        return findings.problem(
            'host-agent-down', '%s: no answer: %s' % (where, reply.text),
            'see whether the agent and the VBS of this host run and reach '
            'the manager, and whether the addresses are right; when the '
            'agent has another one, set dsware_agent_ip in group os_brick')
    return findings.ok('%s: answers%s' % (
        where, ', version %s' % fsc_cli.printable(version)
        if version else
        ', an older cluster with one pool'))


def _version(program: programs.FSCCli) -> tuple[programs.Reply, str]:
    """Ask for the cluster's version, which an older one does not tell."""
    reply, records = program.call('getDSwareIdentifier')
    return reply, ''.join(record['version'] for record in records)


def _sds_cli(conf, users) -> list[findings.Finding]:
    program = sds_connector.sds_program(conf.dsware_sds_cli)
    path = find(program)
    if path:
        return [findings.ok('sds_cli is %s' % path)]
    if not any(user.agent == programs.THIS_HOST for user in users):
        return []
    return [findings.problem(
        'sds-cli-missing',
        '%s was not found, but volumes of SDSHypervisor are attached'
        % program, 'set dsware_sds_cli in group os_brick')]


def search(conf, target: programs.Target, host: devices.Devices,
           known: set[str]) -> list[findings.Finding]:
    """Look for devices of the cluster's volumes that have no record.

    :param conf: group os_brick of a service
    :param target: whom to ask
    :param host: the devices of this host
    :param known: names of the volumes that have a record
    :returns: what was found
    """
    local = _wwns_of_host(host)
    try:
        reply, wwns = _wwns_of_cluster(programs.FSCCli(
            execute, conf.dsware_fsc_cli, conf.dsware_cli_timeout, target))
    except exceptions.DSWareError as exc:
        return [_not_searched(str(exc), 'see why, and run the check again')]
    if reply.kind == result_codes.INVALID:
        return [findings.note('devices without a record cannot be searched '
                              'with an older cluster')]
    if reply.kind != result_codes.OK:
        return [_not_searched(
            reply.text, 'run the check again when the cluster answers')]
    found = [_unrecorded(host, target, conf, wwns[wwn], local[wwn])
             for wwn in sorted(local.keys() & wwns.keys())
             if wwns[wwn] not in known]
    return found or [findings.ok(
        'every device of a volume of %s has a record' % target.manager_ip)]


def _not_searched(why: str, cure: str) -> findings.Finding:
    return findings.problem(
        'search-failed',
        'devices without a record were not searched: %s' % why, cure)


def _wwns_of_cluster(program: programs.FSCCli
                     ) -> tuple[programs.Reply, dict[str, str]]:
    """Map the World Wide Names of all volumes to their names."""
    reply, pools = program.call('queryAllPoolInfo')
    found: dict[str, str] = {}
    for pool in pools:
        if reply.kind == result_codes.OK:
            reply, records = program.call(
                'queryAllVolume', poolId=pool['pool_id'])
            found.update((devices.normal_wwn(record.get('wwn')),
                          record['vol_name']) for record in records)
    found.pop('', None)
    return reply, found


def _wwns_of_host(host: devices.Devices) -> dict[str, str]:
    """Map the World Wide Names of this host's devices to their nodes."""
    found = {}
    for link in glob.glob(glob.escape(host.links) + '/wwn-*'):
        wwn = devices.normal_wwn(os.path.basename(link))
        # A link may be of a device that is gone.
        if wwn and host.exists(link) and wwn in (
                host.own_names(link) or {wwn}):
            found[wwn] = os.path.realpath(link)
    for node in host.disks():
        found.update((wwn, node) for wwn in map(
            devices.normal_wwn, host.own_names(node)) if wwn)
    return found


def _unrecorded(host, target, conf, volume, device) -> findings.Finding:
    text = 'device %s of volume %s has no record' % (device, volume)
    holders = host.holders(device)
    if holders:
        return findings.note('%s; it is used by %s' % (
            text, ', '.join(holders)))
    return findings.problem(
        'device-unrecorded', text + ' and nobody has it open',
        'if neither dsware_attach_by = manager nor anybody by hand attached '
        'it, detach it: %s' % detach_command(conf.dsware_fsc_cli, target,
                                             volume))


def detach_command(program: str, target: programs.Target,
                   volume: str) -> str:
    """Write the command that detaches a volume by hand.

    :param program: name or path of ``fsc_cli``
    :param target: where the command goes
    :param volume: name of the volume
    :returns: the command, as findings.command()
    """
    port = ('--port', str(target.agent_port)) if target.agent_port else ()
    return findings.command(
        program, '--manage_ip', target.manager_ip or 'MANAGER',
        '--ip', target.agent_ip, *port, '--op', 'detachVolume',
        '--volName', volume)
