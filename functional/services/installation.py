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

"""Cinder as the README has an operator install it.

Its services run as a system user with Cinder's own rootwrap and privsep, and
real sudo; cinder.conf says what the README's does.
"""

import configparser
import os
import re
import shutil
import socket
import sys
import textwrap

from functional.services import cinder
from functional.services import host
from functional.services import machine as machine_
from functional.services import programs
from functional.services import stack

USER = 'cinder'
HOME = '/var/lib/cinder'
CONFIG = '/etc/cinder/cinder.conf'
ROOTWRAP = '/etc/cinder/rootwrap.conf'
SUDOERS = '/etc/sudoers.d/cinder'
SYSTEM_PATH = ':'.join(programs.SYSTEM_DIRECTORIES)
_PYTHON_PATH = os.path.dirname(sys.executable)
SECURE_PATH = '%s:%s' % (_PYTHON_PATH, SYSTEM_PATH)
# What is different on each machine.
_ADDRESSES = ('san_ip', 'dsware_agents')
_LITERAL_BLOCK = re.compile(r'::\n\n((?: +.*\n|\n)+)')


def readme():
    """The text of the README."""
    return (programs.project_root() / 'README.rst').read_text()


def _configuration():
    """What the README has in cinder.conf, by section name."""
    block = readme().split('.. code-block:: ini\n')[1]
    block = re.match(r'(?:\n| +.*\n)+', block)[0]
    parser = configparser.RawConfigParser(default_section='none')
    parser.read_string(textwrap.dedent(block))
    return {name: dict(parser[name]) for name in parser.sections()}


def brick_options():
    """What the README has in the section [os_brick].

    :returns: a dict of options
    """
    return _configuration()['os_brick']


def configuration(agents):
    """What the README has in cinder.conf.

    :param agents: (host, port) of each agent, to take the place of its own
    :returns: a dict of section name to a dict of options
    """
    sections = _configuration()
    backend = sections[sections['DEFAULT']['enabled_backends']]
    for name in _ADDRESSES:
        # One that the README does not have is not needed.
        assert name in backend, name
    backend['san_ip'] = agents[0][0]
    backend['dsware_agents'] = ['%s:%d' % agent for agent in agents]
    return sections


def commands(directory):
    """The README's commands for a host whose services are of one user.

    :param directory: the directory that they make
    :returns: a shell script
    """
    for block in _LITERAL_BLOCK.findall(readme()):
        if directory in block:
            return textwrap.dedent(block)
    raise AssertionError('README.rst has no command for ' + directory)


def install(machine, fsc_cli):
    """Make what Cinder needs on a machine, as the README says.

    :param machine: a Machine that was started
    :param fsc_cli: path of the command line program of the cluster
    """
    machine.add_user(USER, HOME)
    machine.run('sh', '-exc', commands(brick_options()['lock_path']))
    machine.write('/usr/local/bin/fsc_cli', '#!/bin/sh\nexec %s "$@"\n'
                  % fsc_cli, 0o755)


class Cinder(cinder.Cinder):
    """The Block Storage service of an installation."""

    def __init__(self, machine, *args, **kwargs):
        """Prepare Cinder; start() starts it.

        :param machine: the Machine that it is installed on
        :param args: see functional.services.cinder.Cinder
        :param kwargs: see there
        """
        super().__init__(*args, brick_options=brick_options(), **kwargs)
        self._machine = machine
        self.config_path = machine.path(CONFIG)

    def command(self):
        """What starts the services; see the base class."""
        return self._machine.command(
            sys.executable, '-m', 'functional.services.cinder_process',
            'all', '--config-file', CONFIG, user=USER)

    def environment(self):
        """What a system's service manager gives; see the base class."""
        env = {name: value for name, value in super().environment().items()
               if name.startswith(('PYTHON', 'OS_CINDER', 'EVENTLET', 'LC_',
                                   'DSWARE_'))}
        return dict(env, HOME=HOME, PATH=SECURE_PATH)

    def allow(self, path=SECURE_PATH):
        """Let the user have root's rights through rootwrap.

        :param path: sudo's secure_path
        """
        self._machine.write(SUDOERS, textwrap.dedent('''\
            Defaults:{user} secure_path="{path}"
            Defaults:{user} !requiretty
            Defaults:{user} env_keep += "DSWARE_CI_RUN"
            {user} ALL=(root) NOPASSWD: {rootwrap} {config} *
            ''').format(user=USER, path=path, config=ROOTWRAP,
                        rootwrap=_PYTHON_PATH + '/cinder-rootwrap'), 0o440)
        self._machine.run('visudo', '-cq')

    def _defaults(self):
        return dict(super()._defaults(), rootwrap_config=ROOTWRAP)

    def _write_files(self):
        for name in ('etc', 'state', 'conversion', 'locks'):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        self._write_paste()
        etc = self._machine.path('/etc/cinder')
        etc.mkdir(exist_ok=True)
        self._write_rootwrap()
        programs.write_config(self.config_path, self.configuration())
        self._create_database()
        self._machine.run('chown', 'root:' + USER, CONFIG)
        self._machine.run('chmod', '640', CONFIG)
        self.own(self.directory)

    def own(self, path):
        """Give a directory and what is in it to the services' user."""
        self._machine.run('chown', '-R', '%s:%s' % (USER, USER), str(path))

    def _write_rootwrap(self):
        """Cinder's own, with the directory of Python for privsep's helper."""
        text = (programs.data_directory('cinder', 'etc/cinder')
                / 'rootwrap.conf').read_text()
        self._machine.write(ROOTWRAP, text.replace(
            'exec_dirs=', 'exec_dirs=%s,' % _PYTHON_PATH))
        filters = self._machine.path('/etc/cinder/rootwrap.d')
        shutil.copytree(
            programs.data_directory('cinder', 'etc/cinder/rootwrap.d'),
            filters, dirs_exist_ok=True)


class ReadmeCinder(Cinder):
    """The same, with the backend that the README has."""

    def __init__(self, machine, directory, glance_url, agents, **kwargs):
        """Prepare Cinder; start() starts it.

        :param machine: the Machine that it is installed on
        :param directory: path of a directory for its files
        :param glance_url: where Glance answers
        :param agents: (host, port) of each Dsware agent
        :param kwargs: see functional.services.cinder.Cinder
        """
        self._readme = configuration(agents)
        enabled = self._readme['DEFAULT']['enabled_backends']
        super().__init__(machine, directory, glance_url,
                         {enabled: self._readme[enabled]}, **kwargs)

    def _defaults(self):
        return {**super()._defaults(), **self._readme['DEFAULT']}


class RootService(host.Service):
    """A service of root's on the host of the installation."""

    def __init__(self, machine, *args, **kwargs):
        """Describe a service; start() starts it.

        :param machine: the Machine
        :param args: see functional.services.host.Service
        :param kwargs: see there
        """
        super().__init__(*args, **kwargs)
        self._machine = machine

    def start_process(self, command, env):
        """Start the process on that machine; see calls.Served."""
        super().start_process(self._machine.command(*command), env)


class InstalledStack(stack.Stack):
    """One cluster, and Cinder installed as the README says."""

    def __init__(self, directory, simulator, options):
        """Prepare the services; start() starts them.

        :param directory: path of a directory for everything
        :param simulator: the Simulator
        :param options: a dict of options for cinder.conf's [DEFAULT]
        """
        super().__init__(directory, {'main': simulator}, {}, options=options)
        self.machine = machine_.Machine(directory / 'machine')
        self._options = options
        self.path = SECURE_PATH
        self.lock_path = brick_options()['lock_path']

    def start_cinder(self):
        """Install Cinder, and start it."""
        self.directory.chmod(0o711)
        self.machine.start()
        install(self.machine, self.simulator.fsc_cli)
        agents = self.simulator.agents
        self.cinder = ReadmeCinder(
            self.machine, self.directory / 'cinder', self.glance.url, agents,
            my_ip=agents[stack.MANAGER][0], options=self._options,
            reservation=self._cinder_port)
        self.cinder.allow(self.path)
        self.cinder.start()

    def start_root_service(self):
        """Start a service of root's on Cinder's host, unless it runs.

        :returns: a RootService
        """
        if 'root' not in self.services:
            service = RootService(
                self.machine, self.cloud, self.directory / 'root',
                self.simulator.agents[stack.MANAGER][0], brick_options(),
                self.directory / 'root', hostname=socket.gethostname())
            self.services['root'] = service
            service.start()
        return self.services['root']

    def stop(self):
        """Stop all that was started: the machine last."""
        try:
            super().stop()
        finally:
            self.machine.stop()
