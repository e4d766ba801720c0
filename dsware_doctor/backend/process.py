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

"""What a running cinder-volume of this host has not read, or may not do."""

import datetime
import os
import re
import shlex
import subprocess

from oslo_config import cfg
from oslo_privsep import daemon
import psutil

import cinder.privsep
from cinder import utils
from dsware_doctor import findings
from dsware_doctor.host import directory

_PROGRAM = 'cinder-volume'
# What it calls itself: in the list of processes, with native threads.
_TITLE = re.compile(r'cinder-volume: .*\[.*\bcinder-volume\b(.*)\]')
_FILES = re.compile(r'--config-(?:file|dir)[= ](\S+)')
_SECONDS = 10
_SUDO_CURE = (
    'add a line to sudoers: `cinder ALL = (root) NOPASSWD: '
    'PATH/cinder-rootwrap /etc/cinder/rootwrap.conf *`, with PATH in '
    'secure_path there; privsep-helper has to be in a directory of '
    "rootwrap.conf's exec_dirs")


# The configuration ----------------------------------------------------------

def check_configuration(files: list[str]) -> list[findings.Finding]:
    """See whether cinder-volume has read its files as they are now.

    What it did read is not known, only when it was started.

    :param files: the files that were read here
    :returns: what was found
    """
    running = _services(files)
    if not running:
        return [findings.note(
            'no cinder-volume with these files is seen on this host: it has '
            'ended, or it runs elsewhere. Cinder calls a service up for a '
            'minute (service_down_time) after its end')]
    changed = _newest(files)
    late = {pid: started for pid, started in running.items()
            if changed and started < changed[0]}
    if not late:
        return [findings.ok('cinder-volume (process %s) was started after '
                            'its files were changed' % ', '.join(
                                map(str, running)))]
    return [findings.problem(
        'configuration-changed',
        'cinder-volume (process %s) does not use %s as it is now' % (
            ', '.join(map(str, late)), changed[1]),
        'restart cinder-volume',
        'the file was changed at %s, the process was started at %s: new '
        'agents and other options that are shown here it has not read' % (
            _time(changed[0]), _time(min(late.values()))))]


def _newest(files):
    found = []
    for path in files:
        # A directory changes when a file comes or goes.
        inside = ([os.path.join(path, name) for name in os.listdir(path)]
                  if os.path.isdir(path) else [])
        found += [(os.stat(one).st_mtime, one) for one in [path, *inside]]
    return max(found, default=None)


def _time(seconds):
    return datetime.datetime.fromtimestamp(seconds).strftime(
        '%Y-%m-%d %H:%M:%S')


def _services(files):
    """Find the first process of each service with these files."""
    named = set(map(os.path.realpath, files))
    found, parents = {}, {}
    for process in psutil.process_iter(
            ['pid', 'ppid', 'cmdline', 'create_time', 'cwd']):
        arguments = _arguments(process.info['cmdline'] or [])
        if arguments is not None and named & _read_by(
                arguments, process.info['cwd'] or '/'):
            found[process.info['pid']] = process.info['create_time']
            parents[process.info['pid']] = process.info['ppid']
    # What a service starts has the configuration of its parent.
    return {pid: started for pid, started in found.items()
            if parents[pid] not in found}


def _arguments(argv):
    """Give the arguments of a cinder-volume, None for other programs."""
    title = _TITLE.match(' '.join(argv))
    if title:
        return title[1]
    # Itself, or after its interpreter and options of that.
    for number, word in enumerate(argv):
        if os.path.basename(word) == _PROGRAM:
            return ' '.join(argv[number + 1:])
        if number and not word.startswith('-'):
            return None
    return None


def _read_by(arguments, directory):
    given = [os.path.join(directory, path)
             for path in _FILES.findall(arguments)]
    return set(map(os.path.realpath, given or [
        *cfg.find_config_files('cinder', _PROGRAM),
        *cfg.find_config_dirs('cinder', _PROGRAM)]))


# Privileges -----------------------------------------------------------------

def check_privileges() -> list[findings.Finding]:
    """See whether cinder-volume can run programs as root.

    Its user has the privileged daemon started; root asks sudo for the user.

    :returns: what was found
    """
    context = cinder.privsep.sys_admin_pctxt
    if not context.client_mode:
        return _asked_by_root()
    try:
        context.start()
    except (daemon.FailedToDropPrivileges, OSError) as error:
        return [_unprivileged(
            'the privileged daemon of Cinder cannot be started',
            '%s: %s' % (utils.get_root_helper(), error))]
    return [findings.ok('the privileged daemon of Cinder can be started with '
                        '%s' % utils.get_root_helper())]


def _asked_by_root():
    account = directory.of_service('cinder')
    helper = shlex.split(utils.get_root_helper())
    if account is None or account.uid == 0 or helper[:1] != ['sudo']:
        return [findings.ok('cinder-volume needs no sudo on this host, as '
                            'far as it is seen here')]
    # As the user, who may have another secure_path than root.
    argv = ['sudo', '-n', '-l', *helper[1:], 'privsep-helper']
    try:
        done = subprocess.run(argv, capture_output=True, text=True,
                              timeout=_SECONDS, check=False,
                              user=account.uid, group=account.gid,
                              extra_groups=[])
    except (OSError, subprocess.TimeoutExpired) as error:
        return [_unprivileged('sudo cannot be run', str(error))]
    if done.returncode:
        return [_unprivileged(
            'sudo lets user %s not run %s' % (
                account.name, shlex.join(helper[1:])),
            done.stderr.strip() or 'no line of sudoers allows it')]
    return [findings.ok('sudo lets user %s run %s' % (
        account.name, done.stdout.strip() or shlex.join(helper[1:])))]


def _unprivileged(text, cause):
    return findings.problem(
        'privileged-helper', text + ': fsc_cli is not run, and no volume is '
        'attached to this host', _SUDO_CURE, cause)
