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

"""A simulated Dsware cluster, and what its users have configured."""

import os
import subprocess
import sys

from dsware_sim.front import control
from dsware_sim.host import devices
from dsware_sim.tests import certificates

from functional.services import http
from functional.services import process
from functional.services import programs
from tools import secret_marks

START_SECONDS = 60

DRIVER = 'cinder.volume.drivers.dsware.driver.DSWareDriver'
AGENTS = (('127.0.0.11', 0), ('127.0.0.12', 0))
# Where nobody is told who may sign in, anybody may.
ANY_PASSWORD = secret_marks.secret('anybody')


class Simulator(object):
    """A cluster in a process of its own, in a session of its own.

    Attributes: ``agents``, a list of (host, port); ``control``, a
    :class:`dsware_sim.front.control.Control`; ``bin``, the directory of
    fsc_cli, and ``fsc_cli``, its path; ``devices``, loop or file.
    """

    def __init__(self, directory, agents=AGENTS, pools=None, devices='auto',
                 single_pool=False, outlive=False, tls=(), credentials=None,
                 rest=True):
        """Describe a cluster; start() starts it.

        :param directory: path of its state directory
        :param agents: loopback address and port of each agent; for port 0
                       a free one is chosen
        :param pools: a dict of sizes in GiB by number
        :param devices: auto, loop or file
        :param single_pool: whether to be an older cluster
        :param outlive: whether it goes on when this process ends
        :param tls: paths of the agents' certificate and of its key
        :param credentials: name and password of who has to sign in
        :param rest: whether to serve the manager's REST interface, too
        """
        self.directory = directory.resolve()
        self.agents = list(agents)
        self.pools = dict(pools or {0: 1024, 1: 1024})
        self.devices = devices
        self.control = control.Control(self.directory)
        self.bin = self.directory / 'bin'
        self.fsc_cli = self.bin / 'fsc_cli'
        self.log_path = self.directory / 'simulator.log'
        self._single_pool = single_pool
        self._outlive = outlive
        self._tls = tls
        self.manager = None
        self._credentials = credentials
        self._rest = rest and not single_pool
        self._authority = None
        self.process = None

    def start(self):
        """Start the cluster and wait until it answers.

        The second time it has the same addresses and what it had before.

        :raises functional.services.process.ProcessFailed: it does not
        """
        self.directory.mkdir(0o700, parents=True, exist_ok=True)
        if self._rest and not self._tls:
            self._tls = self._certificate()
        (self.directory / control.READY).unlink(missing_ok=True)
        self.process = process.Process(
            'simulator', self._command(), self.log_path,
            dict(os.environ, PYTHONPATH=str(programs.project_root())),
            self._outlive)
        self.process.start()
        self.process.wait_until(self._answers, START_SECONDS,
                                'An answer of the simulator')
        status = self.control.status()
        self.agents = [(agent['address'], agent['port'])
                       for agent in status['agents']]
        if status['rest']:
            self.manager = status['rest']['address'], status['rest']['port']

    def _certificate(self):
        self._authority = certificates.Authority(self.directory, 'authority')
        return self._authority.issue('manager', [self.agents[0][0]])

    def stop(self):
        """Stop the cluster and take its devices away from this machine.

        A cluster that is not running is fine, also one that was killed.
        """
        if self.process:
            self.process.stop()
        self._remove_devices()

    def kill(self):
        """End the cluster as a power failure does; devices stay."""
        self.process.kill()

    def run(self, op, agent=0, **arguments):
        """Do something on the cluster that Cinder does not know of.

        :param op: the operation
        :param agent: the number of the agent that is asked
        :param arguments: the operation's arguments
        :returns: what was printed
        :raises functional.services.process.ProcessFailed: it failed
        """
        address, port = self.agents[agent]
        command = [str(self.fsc_cli), '--manage_ip', self.agents[0][0],
                   '--ip', address, '--port', str(port), '--op', op]
        for key, value in arguments.items():
            command += ['--' + key, str(value)]
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode or 'result=0' not in done.stdout:
            raise process.ProcessFailed('fsc_cli failed at %s %s: %s' % (
                op, arguments, done.stdout))
        return done.stdout

    def backend(self, name, **options):
        """Tell the options of a backend of this cluster.

        :param name: the backend's name
        :param options: options to add or to change
        :returns: a dict of options, in the order in which they are shown
        """
        if options.get('dsware_transport') != 'rest':
            return backend(name, self.agents, **options)
        options = {'driver_ssl_cert_path': self.authority,
                   'san_login': 'cinder', 'san_password': ANY_PASSWORD,
                   **options}
        if options.get('dsware_attach_by') == 'manager':
            options.setdefault('dsware_host_networks', '127.0.0.0/8')
        return backend(name, [self.manager], **options)

    @property
    def authority(self):
        """Path of the certificate of who signed the manager's."""
        return self._authority.path

    def _answers(self):
        try:
            return self.control.status()
        except control.ControlError as exc:
            raise http.NoAnswer(exc)

    def _command(self):
        command = [sys.executable, '-m', 'dsware_sim', 'serve',
                   '--state', str(self.directory), '--devices', self.devices]
        if not self._outlive:
            command.append('--stop-on-eof')
        if self._single_pool:
            command.append('--single-pool')
        for agent in self.agents:
            command += ['--agent', '%s:%d' % agent]
        for pool in self.pools.items():
            command += ['--pool', '%d:%d' % pool]
        for option, path in zip(('--tls-cert', '--tls-key'), self._tls):
            command += [option, path]
        if self._rest:
            command += ['--rest', '%s:%d' % (
                self.manager or (self.agents[0][0], 0))]
        if self._authority:
            command.append('--tls-only-rest')
        if self._credentials:
            command += ['--user', self._credentials[0],
                        '--password-file', self._password_file()]
        return command

    def _password_file(self):
        path = self.directory / 'password'
        path.touch(0o600)
        path.write_text(self._credentials[1] + '\n')
        return str(path)

    def _remove_devices(self):
        """What a cluster does when it stops, for one that was killed."""
        loops = devices.LoopDevices()
        left = dict(devices.loops_below(str(self.directory / 'data')))
        for device in left:
            loops.detach(device, force=True)
        devices_by_id = '/dev/disk/by-id'
        if not left or not os.path.isdir(devices_by_id):
            return
        for name in os.listdir(devices_by_id):
            link = os.path.join(devices_by_id, name)
            if os.path.islink(link) and os.readlink(link) in left:
                os.unlink(link)


def backend(name, agents, **options):
    """The options of one Dsware backend.

    :param name: the backend's name
    :param agents: (host, port) of each Dsware agent; the first one is the
                   manager
    :param options: options to add or to change
    :returns: a dict of options, in the order in which they are shown
    """
    manager, port = agents[0]
    section = {
        'volume_driver': DRIVER,
        'volume_backend_name': name,
        'san_ip': manager,
        'san_api_port': port,
        'dsware_agents': ['%s:%d' % agent for agent in agents],
        'dsware_transport': 'socket',
        'san_thin_provision': True,
    }
    section.update(options)
    return section


def brick_options(agent, fsc_cli):
    """The options of the connector on the host of an agent.

    :param agent: (host, port) of the Dsware agent
    :param fsc_cli: path of the command line program
    :returns: a dict of options for the section [os_brick]
    """
    address, port = agent
    return {'dsware_agent_ip': address, 'dsware_agent_port': port,
            'dsware_fsc_cli': fsc_cli, 'dsware_simulated_devices': True}
