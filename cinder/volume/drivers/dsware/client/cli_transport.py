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

It is the published route to a real cluster. Each request is a process, which
Cinder's privileged daemon runs as root, so it is slower than a socket.
"""

from collections.abc import Iterator
import time

from oslo_concurrency import lockutils
from oslo_privsep import comm
from oslo_privsep import daemon

from cinder.i18n import _
import cinder.privsep
from cinder.privsep import dsware as privileged
from cinder.volume.drivers.dsware.client import endpoints
from cinder.volume.drivers.dsware.client import protocol
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import waiting
from os_brick_dsware import fsc_cli

# Seconds that the daemon has to answer when the time is over.
_MARGIN = 5
# Records that are read at a time, so that a long listing takes little memory.
_PART = 256
# Characters of what a program printed that may be told.
_TOLD = 1000

_INSTALL = _('Install fsc_cli in a directory that is on PATH for root: in '
             'secure_path in sudoers')
_PRIVILEGES = _(
    'See what the log says of privsep before this. The user of cinder-volume '
    'needs a line in sudoers: `cinder ALL = (root) NOPASSWD: '
    'PATH/cinder-rootwrap /etc/cinder/rootwrap.conf *`, with PATH in '
    'secure_path there, and privsep-helper has to be in a directory of '
    "rootwrap.conf's exec_dirs")
_SAME_PYTHON = _('Install the driver and its connector with the Python '
                 'that privsep-helper runs with')
_POOL = _('Raise thread_pool_size in [cinder_sys_admin]')
_NOT_STARTED = _('%(program)s was not started: %(desc)s')
_WORDS = {
    exceptions.CommandUnavailable: _NOT_STARTED,
    exceptions.TryAgain: _NOT_STARTED,
    exceptions.OutcomeUnknown: _('%(program)s gave no valid answer: '
                                 '%(desc)s'),
}
# What a run ends with that has no exit code: what that means, and the cure.
_FAILURES = {
    fsc_cli.ArgumentError: (exceptions.InvalidRequest, ''),
    # Text that no encoding has: it was not sent.
    UnicodeError: (exceptions.InvalidRequest, ''),
    daemon.FailedToDropPrivileges: (exceptions.CommandUnavailable,
                                    _PRIVILEGES),
    privileged.NotStarted: (exceptions.CommandUnavailable, _INSTALL),
    privileged.TooLate: (exceptions.TryAgain, _POOL),
    privileged.Killed: (exceptions.OutcomeUnknown, ''),
    # The daemon does not know the function.
    ImportError: (exceptions.CommandUnavailable, _SAME_PYTHON),
    NameError: (exceptions.CommandUnavailable, _SAME_PYTHON),
    # It hangs, or died.
    comm.PrivsepTimeout: (exceptions.OutcomeUnknown, ''),
    OSError: (exceptions.OutcomeUnknown, ''),
}


def parallel_runs() -> int:
    """Tell how many programs run at a time at most, all agents together."""
    return cinder.privsep.sys_admin_pctxt.conf.thread_pool_size


def run(*args, **kwargs) -> tuple[int, bytes, bytes]:
    """Call :func:`privileged.run` in the daemon, and start that if need be.

    :raises FailedToDropPrivileges: it cannot be started
    :raises OSError: it died
    """
    context = cinder.privsep.sys_admin_pctxt
    if _is_down(context):
        # Two threads that did this at once would stop each other's.
        with lockutils.lock('dsware-privileged-daemon'):
            if _is_down(context):
                _start(context)
    return privileged.run(*args, **kwargs)


def _is_down(context):
    return context.client_mode and not (
        context.channel is not None and context.channel.running)


def _start(context):
    try:
        context.stop()
        context.start()
    except OSError as error:
        raise daemon.FailedToDropPrivileges(str(error)) from error


class CLITransport:
    """Carries requests to one endpoint with fsc_cli.

    :param endpoint: the agent, a :class:`endpoints.Endpoint`
    :param manage_ip: address of the manager
    :param run: runs the program, like :func:`run`
    """

    def __init__(self, endpoint, manage_ip, run=run):
        self.endpoint = endpoint
        self._manage_ip = manage_ip
        self._run_program = run

    def exchange(self, request: endpoints.Request,
                 deadline: waiting.Deadline) -> Iterator[protocol.Frame]:
        """Carry one request and give its reply.

        :param request: the request
        :param deadline: when to give up
        :returns: an iterator of :class:`protocol.Frame`, one at least
        :raises CommandUnavailable: fsc_cli cannot be started
        :raises TryAgain: other requests left no time to start it
        :raises OutcomeUnknown: it may or may not have been carried out
        :raises InvalidRequest: the command line cannot carry it
        """
        yield from self._frames(request, self._run(request, deadline))

    def _run(self, request, deadline):
        seconds = max(deadline.remaining, 1)
        try:
            code, printed, complained = self._run_program(
                request.op, self._manage_ip, self.endpoint.host,
                self.endpoint.port, dict(request.args),
                time.monotonic() + seconds, _wrap_timeout=seconds + _MARGIN)
        except tuple(_FAILURES) as error:
            kind, advice = next(
                meaning for failure, meaning in _FAILURES.items()
                if isinstance(error, failure))
            raise self._error(kind, request, str(error) or _(
                "Cinder's privileged daemon does not answer"),
                advice) from error
        if code == 0:
            return printed
        said = (complained.strip() or printed.strip())[:_TOLD]
        raise self._error(
            exceptions.OutcomeUnknown, request,
            _('exit code %(code)s: %(said)s') % {
                'code': code, 'said': said.decode(errors='replace')})

    def _frames(self, request, printed):
        try:
            for part in fsc_cli.parse_in_parts(request.op, printed, _PART):
                yield protocol.Frame(
                    seq=0, result=part.result, desc=part.desc, more=False,
                    records=list(part.records))
        except fsc_cli.OutputError as error:
            raise self._error(exceptions.OutcomeUnknown, request,
                              str(error)) from error

    def _error(self, kind, request, desc, advice=''):
        return kind(op=request.op, name=request.name,
                    endpoint=str(self.endpoint), advice=advice,
                    desc=_WORDS.get(kind, '%(desc)s') % {
                        'program': privileged.PROGRAM, 'desc': desc})

    def close(self) -> None:
        """Do nothing: no connection is kept."""
