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
"""The command line ``dsware-sim``."""

import argparse
import asyncio
import json
import os
import sys

from dsware_sim.front import control
from dsware_sim.front import faults
from dsware_sim.front import settings
from dsware_sim import report

_EPILOG = '''examples:
  dsware-sim serve --state ~/dsware --agent 127.0.0.11 --agent 127.0.0.12 \\
      --pool 0:1024 --pool 1:512
  dsware-sim status --state ~/dsware
  dsware-sim fault add drop_after --state ~/dsware --op createVolume --count 1
  dsware-sim stop --state ~/dsware
'''


class _Version(argparse.Action):
    """Look the version up when it is asked for, and not at each start."""

    def __call__(self, parser, namespace, values, option_string=None):
        """Print it and end; part of argparse's interface."""
        from importlib import metadata

        try:
            version = metadata.version('cinder-dsware')
        except metadata.PackageNotFoundError:
            version = 'of a source tree that is not installed'
        print('dsware-sim (cinder-dsware) %s' % version)
        parser.exit()


def _setting(parser):
    """Let argparse show a setting's own message."""
    def parse(text):
        try:
            return parser(text)
        except settings.SettingError as error:
            raise argparse.ArgumentTypeError(str(error))
    return parse


def _add_serve(commands):
    parser = commands.add_parser(
        'serve', help='run a cluster until it is stopped',
        description='Run a simulated cluster in the foreground. When it '
        'answers requests it prints one line of JSON that says where '
        'everything is; the same is in DIR/ready.json.')
    _add_state(parser, help='directory that holds the cluster; it is made '
               'when missing, and must be closed to other users')
    parser.add_argument(
        '--agent', action='append', type=_setting(settings.parse_agent),
        metavar='HOST[:PORT]', help='an agent, which is a host with that '
        'IP address; port 0 chooses a free one; may be repeated (default '
        '127.0.0.1:10519)')
    parser.add_argument(
        '--pool', action='append', type=_setting(settings.parse_pool),
        metavar='ID:SIZE_GIB', help='a pool; may be repeated (default '
        '0:1024)')
    speed = parser.add_mutually_exclusive_group()
    speed.add_argument('--copy-rate', type=float, metavar='MIB_PER_S',
                       help='how fast copies are (default: as fast as the '
                       'bytes are copied)')
    speed.add_argument('--copy-seconds', type=float, metavar='S',
                       help='how long each copy takes')
    parser.add_argument('--devices', choices=('auto', 'loop', 'file'),
                        default='auto', help='loop devices (needs root), '
                        'plain files, or what is possible (default)')
    parser.add_argument('--single-pool', action='store_true',
                        help='be an older cluster: pool 0 only, no '
                        'getDSwareIdentifier, neither lun_id nor wwn')
    _add_security(parser)
    parser.add_argument(
        '--rest', type=_setting(settings.parse_rest), metavar='HOST[:PORT]',
        help='serve the REST interface of the manager at that IP address '
        'too, with TLS if there is a certificate (default port 28443; 0 '
        'chooses a free one); needs the extra "rest" of this package')
    parser.add_argument('--ready-fd', type=int, metavar='FD',
                        help='write the ready line to this file descriptor '
                        'too')
    parser.add_argument('--stop-on-eof', action='store_true',
                        help='stop when standard input is closed, as when '
                        'the parent process has died')
    parser.set_defaults(run=_serve)


def _add_security(parser):
    group = parser.add_argument_group('TLS and signing in')
    group.add_argument('--tls-cert', metavar='F',
                       help='certificate of the agents (PEM)')
    group.add_argument('--tls-key', metavar='F', help='its key')
    group.add_argument('--tls-client-ca', metavar='F', help='ask clients for '
                       'a certificate of this authority')
    group.add_argument('--tls-only-rest', action='store_true',
                       help='no TLS for agents, only for --rest')
    group.add_argument('--user', metavar='NAME',
                       help='clients have to sign in with this name')
    group.add_argument('--password-file', metavar='F',
                       help='file whose first line is the password')


def _add_state(parser, **kwargs):
    parser.add_argument('--state', metavar='DIR',
                        **{'help': 'directory that holds the cluster',
                           'required': True, **kwargs})


def _add_simple(commands):
    status = commands.add_parser(
        'status', help='show agents, pools, volumes, snapshots, attachments, '
        'copies and faults',
        description='Show what the running cluster consists of.')
    _add_state(status)
    status.add_argument('--json', action='store_true',
                        help='print JSON, for programs')
    status.set_defaults(run=_status)
    reset = commands.add_parser(
        'reset', help='empty the cluster',
        description='Delete all volumes, snapshots and QoS, remove all '
        'devices, clear all faults, counts and the log. Pools and agents '
        'stay.')
    _add_state(reset)
    reset.set_defaults(run=lambda options: _control(options).reset())
    stop = commands.add_parser(
        'stop', help='stop the cluster',
        description='Stop the running cluster. Its state stays, and so do '
        'attachments: their devices come back with the next serve.')
    _add_state(stop)
    stop.set_defaults(run=lambda options: _control(options).stop())


def _add_fault(commands):
    kinds = '\n'.join('  %-18s%s' % item for item in faults.KINDS.items())
    parser = commands.add_parser(
        'fault', help='switch faults on and off',
        description='Add, list and clear faults while the cluster runs.')
    # Before the action, as it once had to be, or after it.
    _add_state(parser, required=False, help=argparse.SUPPRESS)
    actions = parser.add_subparsers(dest='action', required=True,
                                    metavar='ACTION')
    add = actions.add_parser(
        'add', help='switch a fault on; prints its number',
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description='Switch a fault on, for all requests unless selected '
        'otherwise.\n\nkinds:\n' + kinds)
    _add_fault_state(add)
    add.add_argument('kind', choices=list(faults.KINDS), metavar='KIND')
    add.add_argument('--op', default='*', help='only this operation')
    add.add_argument('--agent', help='only the agent with this address, '
                     'or "rest"')
    add.add_argument('--count', type=int, metavar='N',
                     help='only the next N (default: until cleared)')
    add.add_argument('--skip', type=int, default=0, metavar='N',
                     help='let N pass first')
    add.add_argument('--seconds', type=float, metavar='S',
                     help='of a delay, and between the bytes of a drip')
    add.add_argument('--code', type=int, help='of result and result_after; '
                     'the status of http_status and http_status_after')
    add.add_argument('--pool', type=int, metavar='ID', help='of pool_full')
    add.set_defaults(run=_fault_add)
    show = actions.add_parser('list', help='show the faults')
    _add_fault_state(show)
    show.set_defaults(run=_fault_list)
    clear = actions.add_parser('clear', help='switch faults off')
    _add_fault_state(clear)
    clear.add_argument('number', type=int, nargs='*',
                       help='of a fault (default: all)')
    clear.set_defaults(run=lambda options: _control(options).clear_faults(
        *options.number))


def _add_fault_state(parser):
    _add_state(parser, required=False, default=argparse.SUPPRESS)


def make_parser():
    """Make the parser of the command line.

    :returns: an ArgumentParser
    """
    parser = argparse.ArgumentParser(
        prog='dsware-sim', epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description='A simulated Dsware cluster, to develop, demonstrate and '
        'test against.')
    parser.add_argument('--version', action=_Version, nargs=0,
                        help='show the version and exit')
    commands = parser.add_subparsers(dest='command', required=True,
                                     metavar='COMMAND')
    _add_serve(commands)
    _add_simple(commands)
    _add_fault(commands)
    return parser


def _control(options):
    return control.Control(options.state)


def _status(options):
    status = _control(options).status()
    if options.json:
        print(json.dumps(status, indent=1))
    else:
        print(report.text(status))


def _fault_add(options):
    fault = {key: getattr(options, key)
             for key in ('kind', 'op', 'agent', 'count', 'seconds', 'code',
                         'pool', 'skip')}
    print(_control(options).add_fault(**fault))


def _fault_list(options):
    print(report.faults(_control(options).faults()))


def _credentials(options):
    if bool(options.user) != bool(options.password_file):
        raise settings.SettingError('--user and --password-file go together')
    if not options.user:
        return None
    with open(options.password_file) as password_file:
        return options.user, password_file.readline().rstrip('\n')


def _settings(options):
    chosen = settings.Settings(
        state=options.state, copy_rate=options.copy_rate,
        copy_seconds=options.copy_seconds, devices=options.devices,
        single_pool=options.single_pool, tls_cert=options.tls_cert,
        tls_key=options.tls_key, tls_client_ca=options.tls_client_ca,
        tls_only_rest=options.tls_only_rest,
        credentials=_credentials(options), rest=options.rest,
        agents=tuple(options.agent or settings.DEFAULT_AGENTS),
        pools=(settings.pools(options.pool) if options.pool
               else settings.default_pools()))
    chosen.tls_context()
    return chosen


def _announce(options):
    def announce(ready):
        line = json.dumps(ready) + '\n'
        sys.stdout.write(line)
        sys.stdout.flush()
        if options.ready_fd is not None:
            os.write(options.ready_fd, line.encode())
            os.close(options.ready_fd)
    return announce


def _serve(options):
    # Not needed by the other commands, which are to start fast.
    from dsware_sim.front import server
    running = server.Server(_settings(options))
    asyncio.run(running.run(_announce(options), options.stop_on_eof))


def main(argv=None):
    """Be the program.

    :param argv: the arguments, those of the process by default
    :returns: exit status
    """
    parser = make_parser()
    options = parser.parse_args(argv)
    if options.state is None:
        parser.error('fault %s: --state DIR is missing' % options.action)
    try:
        options.run(options)
    except (control.ControlError, settings.SettingError) as error:
        return _fail(error)
    except (OSError, RuntimeError) as error:
        return _fail(error)
    return 0


def _fail(error):
    print('dsware-sim: %s' % error, file=sys.stderr)
    return 1
