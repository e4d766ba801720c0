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

"""The program ``sds_cli``: SDSHypervisor's way to the simulated cluster.

It has the same agents and attachments as ``fsc_cli``, and prints what is
published of the vendor's program: ``ret_code=``, ``ret_desc=`` and
``dev_addr=`` lines. The vendor's knows only its own host, so it takes no
address. Here its host is the first agent's, or that of the agent whose
address is in the environment variable ``DSWARE_SIM_AGENT``.

Like fsc_cli it is copied into the state directory and runs on its own. The
exit status is 0 when the cluster answered, whatever the result code, and 1
when there is no answer; then nothing is printed but a message on stderr.
"""

import posix
import sys

AGENT = b'DSWARE_SIM_AGENT'
_COMMAND_FORMAT_ERROR = 50150003
_OPERATIONS = {'attach': 'attachVolume', 'detach': 'detachVolume',
               'querydev': 'querydev'}
# What one program calls not attached has another number with the other.
_CODES = {'50151601': '50155007'}


class Malformed(Exception):
    """The command line is not well formed."""


def parse(argv):
    """Read the command line.

    :param argv: the arguments, without the program's name
    :returns: (operation of the agent, name of the volume)
    :raises Malformed: it is not ``-c COMMAND -v VOLUME``
    """
    options = dict(zip(argv[::2], argv[1::2]))
    if len(argv) != 4 or sorted(options) != ['-c', '-v']:
        raise Malformed('usage: sds_cli -c attach|detach|querydev -v VOLUME')
    if options['-c'] not in _OPERATIONS:
        raise Malformed('no command %s' % options['-c'])
    return _OPERATIONS[options['-c']], options['-v']


def show(operation, frames, out, decode):
    """Print a reply.

    :param operation: name of the agent's operation
    :param frames: iterator of what fsc_cli.replies() yields
    :param out: where to print
    :param decode: function that reads a value
    """
    for header, lines in frames:
        if 'cliGarbage' in header:
            out.write('ret_c\0de=\nSegmentation fault (core dumped)\n')
            return
        out.write('ret_code=%s\n' % _CODES.get(header['result'],
                                               header['result']))
        if 'desc' in header:
            out.write('ret_desc=%s\n'
                      % decode(header['desc']).replace('\n', ' '))
        for line in lines:
            if operation == 'querydev':
                out.write('dev_addr=%s\n' % decode(line.partition('=')[2]))


def main(argv, directory, agent, fsc_cli):
    """Be the program.

    :param argv: the arguments, without the program's name
    :param directory: where the agents' sockets are
    :param agent: address of the agent of its host
    :param fsc_cli: the module, which knows how to talk to an agent
    :returns: exit status
    """
    try:
        operation, volume = parse(argv)
    except Malformed as error:
        sys.stdout.write('ret_code=%d\nret_desc=%s\n'
                         % (_COMMAND_FORMAT_ERROR, error))
        return 0
    try:
        host = posix.environ.get(AGENT, agent.encode()).decode()
        frames = fsc_cli.ask(directory, host, host, operation,
                             {'volName': volume})
        show(operation, frames, sys.stdout, fsc_cli.decode)
        sys.stdout.flush()
    except (OSError, fsc_cli.NoAnswer, ValueError) as error:
        sys.stderr.write('sds_cli: no answer from the agent: %s\n' % error)
        return 1
    return 0
