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

"""Requests through the vendor's command line, ``fsc_cli``.

It is the published route to a real cluster. Each request is a process, run
as root through Cinder's rootwrap, so it is slower than a socket by far.
"""

from collections.abc import Iterator
import math
import os
import re
import shlex
import subprocess

from oslo_concurrency import processutils
from oslo_log import log as logging

from cinder.i18n import _
from cinder import utils
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import protocol
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import waiting
from os_brick_dsware import fsc_cli

LOG = logging.getLogger(__name__)

PROGRAM = 'fsc_cli'
_KILL_AFTER = 5
# Records that are read at a time, so that a long listing takes little memory.
_PART = 256
# Characters of what a program printed that may be told.
_TOLD = 1000

_FILTERS = _('Copy etc/cinder/rootwrap.d/dsware.filters to the directory that '
             'filters_path in rootwrap.conf names')
_INSTALL = _('Install fsc_cli in a directory that is on PATH for root: in '
             'secure_path in sudoers')
# What rootwrap, timeout(1) and the shell exit with when they did not start
# the program: what that means, and what to do.
_NOT_STARTED = {
    99: (_('rootwrap does not allow it'), _FILTERS),
    98: (_('rootwrap got no command'), _FILTERS),
    97: (_('rootwrap has a bad configuration'),
         _('Correct rootwrap.conf')),
    96: (_('rootwrap did not find the program'),
         _('Correct exec_dirs in rootwrap.conf')),
    127: (_('the program was not found'), _INSTALL),
    126: (_('the program cannot be run'), _INSTALL),
    125: (_('timeout(1) failed'), _INSTALL),
}
# What is said, in place of the program's output, when sudo runs nothing: by
# itself, with exit code 1, or by the shell. Its warnings do not count.
_REFUSED = (1, 127)
_SECURE_PATH = _('Add the directory of cinder-rootwrap, which is that of the '
                 'virtual environment if there is one, to secure_path in '
                 'sudoers')
# Also of a command that sudo is to run, but does not find: no line fits it.
_SUDOERS = _('Add a line to sudoers: `cinder ALL = (root) NOPASSWD: '
             'PATH/cinder-rootwrap /etc/cinder/rootwrap.conf *`, and that '
             'PATH to secure_path there')
_REFUSALS = (
    (r'.*: sudo: (command )?not found', _('Install sudo')),
    (r'sudo: .*: command not found', _SECURE_PATH),
    (r'sudo: unable to execute ', _SECURE_PATH),
    (r'.*No module named .?oslo_rootwrap', _SECURE_PATH),
    (r'sudo: (a (password|terminal) is required|no tty present|sorry, you '
     r'must have a tty)', _SUDOERS),
    (r'.* is not (in the sudoers file|allowed to run sudo)', _SUDOERS),
    (r'Sorry, user .* (is not allowed to execute|may not run sudo)',
     _SUDOERS),
    (r'sudo: .*(setuid bit|effective uid is not 0|no new privileges)',
     _('Let the service use sudo: no NoNewPrivileges in its unit, and no '
       'file system that is mounted with nosuid')),
    (r'sudo: (.* is (world|group) writable|no valid sudoers|.* syntax error)',
     _('Correct sudoers; `visudo -c` checks it')),
)


def execute_bounded(*argv, bound, timeout):
    """Run a command as root that may print only so much.

    Without a bound all that it prints would be collected in memory.

    :param argv: the command and its arguments
    :param bound: bytes of standard output that are let through
    :param timeout: seconds until it is given up
    :returns: standard output and error, both as bytes
    :raises ProcessExecutionError: it failed
    """
    helper = ([] if os.geteuid() == 0
              else shlex.split(utils.get_root_helper()))
    # What sudo says is read.
    return utils.execute('sh', '-c', fsc_cli.BOUNDED, 'sh', str(bound),
                         str(fsc_cli.MAX_MESSAGES), *helper, *argv,
                         timeout=timeout, binary=True,
                         env_variables={**os.environ, 'LANGUAGE': 'en'})


def _reason(exit_code, said):
    """Tell why nothing was started, and what to do.

    :param exit_code: what sudo, rootwrap, timeout(1) or the shell ended with
    :param said: what it complained
    :returns: the reason and the cure, both empty if the program may have run
    """
    for pattern, advice in _REFUSALS if exit_code in _REFUSED else ():
        line = re.search(f'^{pattern}.*', said, re.MULTILINE)
        if line:
            return line[0], advice
    if exit_code not in _NOT_STARTED:
        return '', ''
    reason, advice = _NOT_STARTED[exit_code]
    return (f'{reason}: {said}' if said else reason), advice


def _limited(command, seconds):
    return ['timeout', f'--kill-after={_KILL_AFTER}', str(seconds), *command]


class CLITransport:
    """Carries requests to one endpoint with fsc_cli.

    :param endpoint: the agent, a :class:`endpoints.Endpoint`
    :param manage_ip: address of the manager
    :param execute: runs a command, like :func:`execute_bounded`
    """

    def __init__(self, endpoint, manage_ip, execute=execute_bounded):
        self.endpoint = endpoint
        self._manage_ip = manage_ip
        self._execute = execute

    def exchange(self, request: endpoints.Request,
                 deadline: waiting.Deadline) -> Iterator[protocol.Frame]:
        """Carry one request and give its reply.

        :param request: the request
        :param deadline: when to give up
        :returns: an iterator of :class:`protocol.Frame`, one at least
        :raises CommandUnavailable: fsc_cli was not started
        :raises OutcomeUnknown: it may or may not have been carried out
        :raises InvalidRequest: the command line cannot carry it
        """
        output = self._run(request, self._command(request), deadline)
        yield from self._frames(request, output)

    def argv(self, request: endpoints.Request) -> list[str]:
        """Tell what rootwrap would be asked to run for a request.

        :param request: the request
        :returns: the command with its arguments
        :raises InvalidRequest: the command line cannot carry it
        """
        return _limited(self._command(request), 1)

    def _command(self, request):
        try:
            return fsc_cli.command(
                PROGRAM, request.op, self._manage_ip,
                self.endpoint.host, self.endpoint.port, request.args)
        except fsc_cli.ArgumentError as error:
            raise exceptions.InvalidRequest(
                op=request.op, name=request.name, desc=str(error),
                endpoint=str(self.endpoint)) from None

    def _run(self, request, command, deadline):
        # timeout(1) runs as root too, so it can end a hanging fsc_cli,
        # which this process may not be allowed to.
        limit = max(math.ceil(deadline.remaining), 1)
        bound = fsc_cli.bound(request.op)
        try:
            stdout, _stderr = self._execute(
                *_limited(command, limit), bound=bound + 1,
                timeout=limit + 2 * _KILL_AFTER)
        except processutils.ProcessExecutionError as error:
            # All that was printed, as it is, would be in its traceback.
            raise self._failed(request, error) from None
        except subprocess.TimeoutExpired as error:
            raise self._unknown(request, _('it hangs')) from error
        except OSError as error:
            raise self._not_started(request, str(error), _INSTALL) from error
        if len(stdout) > bound:
            raise self._unknown(
                request, _('it printed more than %d bytes') % bound)
        return stdout

    def _failed(self, request, error):
        # What printed something was started, whatever it ended with.
        printed = (error.stdout or '')[:_TOLD].strip()
        said = (error.stderr or '').strip()
        if not printed:
            desc, advice = _reason(error.exit_code, said)
            if advice:
                return self._not_started(request, desc, advice)
        return self._unknown(request, _('exit code %(code)s: %(said)s') % {
            'code': error.exit_code, 'said': said or printed})

    def _frames(self, request, output):
        try:
            for part in fsc_cli.parse_in_parts(request.op, output, _PART):
                yield protocol.Frame(
                    seq=0, result=part.result, desc=part.desc, more=False,
                    records=list(part.records))
        except fsc_cli.OutputError as error:
            raise self._unknown(request, str(error)) from error

    def _not_started(self, request, desc, advice):
        return exceptions.CommandUnavailable(
            op=request.op, name=request.name, endpoint=str(self.endpoint),
            desc=_('%(program)s was not started: %(desc)s') % {
                'program': PROGRAM, 'desc': desc}, advice=advice)

    def _unknown(self, request, desc):
        return exceptions.OutcomeUnknown(
            op=request.op, name=request.name, endpoint=str(self.endpoint),
            desc=_('%(program)s gave no valid answer: %(desc)s') % {
                'program': PROGRAM, 'desc': desc})

    def close(self) -> None:
        """Do nothing: no connection is kept."""
