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

"""Services that go on when the demonstration has ended, and their end."""

import json
import os
import pathlib
import shlex
import shutil
import signal
import sys

from functional.services import http
from functional.services import programs
from functional.services import waiting

_FILE = 'session.json'
_STOP_SECONDS = 30

_RC = '''# Read by a shell: . %(directory)s/openrc
export OS_CLIENT_CONFIG_FILE=%(directory)s/clouds.yaml
export OS_CLOUD=dsware
export PATH=%(bin)s:%(sim_bin)s:$PATH
'''

_STOP = '''#!/bin/sh
# Stops the services and removes this directory.
cd %(root)s && exec %(python)s -m functional.demo --stop %(directory)s
'''

_HELP = '''Everything is still running. In any terminal:

    . %(directory)s/openrc

    openstack volume service list
    openstack volume backend pool list
    openstack volume list
    openstack image list
    openstack volume create --size 1 mine
    dsware-sim status --state %(state)s

Block Storage API: %(cinder)s, Image API: %(glance)s
(no Keystone: any token will do, such as "X-Auth-Token: %(token)s")

To stop it all and remove its files, from any terminal:

    %(directory)s/stop
'''


class NoSession(Exception):
    """There is no demonstration that was kept."""


def _start_time(pid):
    """When a process was started, which tells it from a later namesake.

    :param pid: the process's id
    :returns: text, or None when there is no such process or it has ended
    """
    try:
        with open('/proc/%d/stat' % pid) as opened:
            fields = opened.read().rpartition(')')[2].split()
    except OSError:
        return None
    return None if fields[0] == 'Z' else fields[19]


def keep(stack):
    """Write down what is running and how to stop it.

    :param stack: the running services
    :returns: text that tells a person how to talk to them
    """
    directory = stack.directory
    names = {
        'directory': shlex.quote(str(directory)),
        'root': shlex.quote(str(programs.project_root())),
        'python': shlex.quote(sys.executable),
        'bin': shlex.quote(os.path.dirname(sys.executable)),
        'sim_bin': shlex.quote(str(stack.simulator.bin)),
        'state': shlex.quote(str(stack.simulator.directory)),
        'cinder': stack.cinder.url, 'glance': stack.glance.url,
        'token': http.TOKEN}
    (directory / 'openrc').write_text(_RC % names)
    stop = directory / 'stop'
    stop.write_text(_STOP % names)
    stop.chmod(0o755)
    running = [(process.name, process.pid, _start_time(process.pid))
               for process in stack.processes()]
    (directory / _FILE).write_text(json.dumps(running))
    return _HELP % names


def stop(directory, output):
    """Stop what keep() left running, and remove its files.

    :param directory: the directory that keep() named
    :param output: where to say what was done
    :raises NoSession: nothing was kept there
    """
    directory = pathlib.Path(directory).resolve()
    try:
        running = json.loads((directory / _FILE).read_text())
    except (OSError, ValueError) as exc:
        raise NoSession('No demonstration was left running in %s (%s).'
                        % (directory, exc))
    for name, pid, start_time in running:
        if start_time is not None and _start_time(pid) == start_time:
            _stop_process(pid, start_time)
            output.line('stopped %s (process %d)' % (name, pid))
        else:
            output.line('%s (process %d) had already ended' % (name, pid))
    shutil.rmtree(directory)
    output.line('removed %s' % directory)


def _stop_process(pid, start_time):
    """End a process that leads a group, and the rest of the group."""
    os.kill(pid, signal.SIGTERM)
    try:
        waiting.wait_for(lambda: _start_time(pid) != start_time,
                         _STOP_SECONDS, 'The end of process %d' % pid)
    except waiting.TimedOut:
        pass
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
