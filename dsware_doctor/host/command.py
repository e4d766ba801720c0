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

"""The command line of the check of a host, which also repairs."""

import argparse
from collections.abc import Iterable
import platform

from oslo_config import cfg

from dsware_doctor import command_line
from dsware_doctor import findings
from dsware_doctor.host import cluster
from dsware_doctor.host import directory
from dsware_doctor.host import installation
from dsware_doctor.host import instances
from dsware_doctor.host import inventory
from dsware_doctor.host import repair
from dsware_doctor.host import settings
from dsware_doctor.host import states
from dsware_doctor import report as reports
from os_brick_dsware import devices
from os_brick_dsware import simulated


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='dsware-doctor host',
        description='Check what this host needs to attach Dsware volumes, '
        'and what is attached. Run it as root, with the Python that the '
        'services run with.',
        epilog=command_line.EPILOG)
    parser.add_argument(
        '--config-file', action='append', metavar='FILE',
        help='read this file instead of those that nova-compute, '
        'cinder-volume and glance-api find; may be repeated')
    parser.add_argument(
        '--repair', action='store_true',
        help='detach volumes whose users are gone, if nobody has them open, '
        'and remove what else is left of them')
    parser.add_argument(
        '--dry-run', action='store_true',
        help='with --repair, only tell what would be done')
    parser.add_argument(
        '--instance-gone', action='append', metavar='ID', default=[],
        help='with --repair, take it that this instance is not on this host; '
        'may be repeated')
    parser.add_argument(
        '--search', action='store_true',
        help='list the volumes of the cluster, to find devices that have no '
        'record; this may take a while')
    command_line.add_output(parser)
    return parser


class HostCheck:
    """One run of the check."""

    def __init__(self, all_settings: list[settings.Settings],
                 host: devices.Devices | None = None):
        """Nothing is looked at yet.

        :param all_settings: the settings of all services
        :param host: the devices of this host, None for the real ones
        """
        self._settings = all_settings
        self._host = host or simulated.devices_of_host(any(
            one.value('dsware_simulated_devices') for one in all_settings))
        self._instances = instances.ask(instances.uri(all_settings))
        # Services that share their records are looked at once.
        self._ledgers = {
            ledger.directory: (one, ledger) for one in reversed(all_settings)
            for ledger in [one.ledger()] if ledger}

    def _inventories(self) -> list[inventory.Inventory]:
        return [inventory.Inventory(ledger, self._host, self._instances)
                for _settings, ledger in self._ledgers.values()]

    def report(self, search: bool = False,
               repairs: Iterable[findings.Finding] = ()) -> reports.Report:
        """Look at everything.

        :param search: whether to look for devices without a record
        :param repairs: what was repaired before
        :returns: what was found
        """
        report = reports.Report('host', platform.node())
        users = [user for one in self._inventories() for user in one.users()]
        report.add('Installation', installation.check(self._settings))
        report.add('Options', settings.check(self._settings))
        report.add('Cluster', cluster.check(self._settings, users))
        report.add('Records', (
            one for _settings, ledger in self._ledgers.values()
            for one in directory.check(ledger, self._accounts(ledger))))
        report.add('Instances', self._instances.check(users))
        volumes = [volume for one in self._inventories()
                   for volume in one.volumes()]
        report.add('Attached volumes', (one for volume in volumes
                                        for one in volume.findings))
        if search:
            report.add('Devices without a record', self._search(
                users, {volume.name for volume in volumes}))
        report.add('Repairs', repairs)
        report.details['Attached volumes'] = states.volume_lines(volumes)
        report.extra['volumes'] = [volume.as_dict() for volume in volumes]
        return report

    def _accounts(self, ledger) -> list[directory.Account]:
        used = (one for one in self._settings if one.ledger()
                and one.ledger().directory == ledger.directory)
        return list(filter(None, (one.account() for one in used)))

    def _search(self, users, known) -> list[findings.Finding]:
        conf = self._settings[0].conf.os_brick
        targets = {target.manager_ip: target
                   for target in cluster.targets(conf, users)}
        if not targets or not cluster.is_root():
            return [findings.problem(
                'search-failed', 'devices without a record were not searched',
                'run this check as root, and set dsware_manager_ip and '
                'dsware_agent_ip in group os_brick')]
        return [one for target in targets.values() for one in cluster.search(
            conf, target, self._host, known)]

    def repair(self, dry_run: bool,
               instances_gone: list[str]) -> list[findings.Finding]:
        """Remove what is left.

        :param dry_run: only tell what would be done
        :param instances_gone: ids of instances that are not on this host
        :returns: what was done
        """
        here = (self._instances.known or frozenset()) & set(instances_gone)
        done = [findings.problem(
            'instance-present',
            'instance %s is on this host, as libvirt says: nothing of it was '
            'touched' % instance, 'detach its volumes in Nova')
            for instance in sorted(here)]
        for used, ledger in self._ledgers.values():
            repairer = repair.Repairer(
                used, ledger, self._host,
                instances_gone=set(instances_gone) - here - {''})
            done += repairer.plan() if dry_run else repairer.repair()
        return done or [findings.note('there is nothing to repair')]


def _run(args: argparse.Namespace) -> reports.Report:
    check = HostCheck(settings.load(args.config_file))
    repairs = (check.repair(args.dry_run, args.instance_gone)
               if args.repair else [])
    return check.report(args.search, repairs)


def main(argv: list[str] | None = None) -> int:
    """Be the program.

    :param argv: the arguments, None for those of this process
    :returns: exit status
    """
    parser = _parser()
    args = parser.parse_args(argv)
    command_line.log(args.debug)
    if args.dry_run and not args.repair:
        parser.error('--dry-run goes with --repair')
    if args.instance_gone and not args.repair:
        parser.error('--instance-gone goes with --repair')
    if args.repair and not args.dry_run and not cluster.is_root():
        parser.error('--repair needs root')
    if (args.repair and not args.dry_run
            and not cluster.sees_all_processes()):
        parser.error('--repair cannot see here who has a device open: run it '
                     'outside of the container, or in one that shares the '
                     "process ids of the host (with docker, --pid=host)")
    try:
        report = _run(args)
    except (cfg.Error, ValueError) as exc:
        command_line.refuse(parser, exc)
    return command_line.show(report, args)
