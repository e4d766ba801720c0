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

"""A cluster and a host that live in a directory, behind an executor."""

import os
import shutil

from oslo_concurrency import processutils
from oslo_config import cfg
from oslo_config import fixture as config_fixture
import testtools

import fixtures

from os_brick_dsware import addresses
from os_brick_dsware import connector
from os_brick_dsware import devices
from os_brick_dsware import programs
from os_brick_dsware import waiting

MIB = 1024 * 1024
WWN = '6888603000000001'
NAME = 'volume-1'
AGENT = '127.0.1.1'
#: More than a test asks for, even where sleeping takes no time.
FOR_EVER = 100_000


def limits(seconds=60):
    """What stands before every command: limits of its time and its text."""
    return ('timeout', '-s', 'KILL', str(seconds), 'sh', '-c',
            programs.BOUNDED, 'sh', '1048577', '65536')


class Died(BaseException):
    """Stands for whatever ends a thread at an arbitrary line."""


class FakeDevices(devices.Devices):
    """Devices of a host below a directory; a file can play a block device.

    A file dev/NAME is a block device if there is a directory
    sys/dev/block/NAME.
    """

    def __init__(self, root):
        super().__init__(links=root + '/by-id', sys=root + '/sys',
                         proc=root + '/proc', dev=root + '/dev')
        self.root = root
        self.have_names = False
        self.busy = []

    def _sysfs(self, path):
        directory = '%s/sys/dev/block/%s' % (
            self.root, os.path.basename(os.path.realpath(path)))
        there = os.path.exists(path) and os.path.isdir(directory)
        return directory if there else ''

    def allow_files(self, allowed):
        """Say whether a file that plays no block device is one."""
        self.have_names = not allowed

    def exists(self, path):
        return self.is_block(path) or (
            not self.have_names and os.path.isfile(path))

    def size(self, path):
        if self.is_block(path) or not self.exists(path):
            return super().size(path)
        return os.path.getsize(path)

    def holders(self, path):
        return self.busy.pop(0) if self.busy else []


class FakeCluster:
    """What fsc_cli reaches: volumes, and who has attached them.

    ``script`` holds, by operation, what happens instead of or around the
    next calls: an int is a result code; 'lost' carries the call out and ends
    without a word; 'hang' does neither; 'garbage' prints nonsense; 'failed'
    carries out, prints the result and exits with 1; any exception is raised.
    """

    as_root = True

    def __init__(self, root):
        self.root = root
        self.volumes = {}
        self.wwns = {}
        self.attached = {}
        self.links = True
        self.nodes = True
        self.keep_nodes = False
        self.tells_device = False
        self.block = False
        self.script = {}
        self.calls = []
        self.commands = []
        self._made = 0
        self._numbers = {}
        for name in ('dev', 'by-id', 'sys/dev/block', 'sys/block', 'proc'):
            os.makedirs(os.path.join(root, name))

    def add(self, name=NAME, size=1, wwn=WWN):
        self.volumes[name] = size
        self.wwns[name] = wwn

    def ops(self):
        """List what was asked for; of where a device is, see calls."""
        return [op for op, _agent, _name in self.calls if op != 'querydev']

    def flushed(self):
        """List the devices that were flushed."""
        return [cmd[2] for cmd, _kwargs in self.commands
                if cmd[0] == 'blockdev']

    # The executor -----------------------------------------------------------

    def execute(self, *cmd, **kwargs):
        assert kwargs['timeout']
        assert kwargs['run_as_root'] == (self.as_root or cmd[0] != 'timeout')
        self.commands.append((cmd, kwargs))
        if cmd[0] != 'timeout':
            return self.tool(*cmd, **kwargs)
        assert cmd[:3] == ('timeout', '-s', 'KILL'), cmd
        assert cmd[4:8] == ('sh', '-c', programs.BOUNDED, 'sh'), cmd
        cmd = cmd[10:]
        return self.program(cmd)

    def program(self, cmd):
        assert cmd[0] == 'fsc_cli', cmd
        args = dict(zip(cmd[1::2], cmd[2::2]))
        op = args['--op']
        name = args['--volName']
        self.calls.append((op, args['--ip'], name))
        return self.run(op, addresses.canonical(args['--ip']), name), ''

    def tool(self, *cmd, **kwargs):
        scripted = self.script.get(cmd[0], [])
        if scripted:
            raise scripted.pop(0)
        return '', ''

    def run(self, op, agent, name):
        scripted = self.script.get(op, [])
        event = scripted.pop(0) if scripted else None
        if isinstance(event, BaseException):
            raise event
        if event == 'hang':
            raise processutils.ProcessExecutionError(exit_code=124)
        if event == 'garbage':
            return 'Segmentation fault\n'
        if isinstance(event, int):
            return 'result=%d\n' % event
        text = getattr(self, op)(agent, name)
        if event == 'lost':
            raise processutils.ProcessExecutionError(exit_code=137)
        if event == 'failed':
            raise processutils.ProcessExecutionError(
                stdout=text, stderr='java.io.IOException', exit_code=1)
        return text

    # Operations -------------------------------------------------------------

    def queryVolume(self, agent, name):
        if name not in self.volumes:
            return 'result=50150005\n'
        return ('result=0\nvol_name=%s,father_name=,status=0,vol_size=%d,'
                'real_size=0,pool_id=0,create_time=1%s\n' % (
                    name, self.volumes[name],
                    ',wwn=' + self.wwns[name] if self.wwns[name] else ''))

    def attachVolume(self, agent, name):
        if name not in self.volumes:
            return 'result=50151404\ndesc=no such volume\n'
        if (agent, name) in self.attached:
            device = self.attached[agent, name]
            return 'result=50151401\n' + (
                'DSwareAttachResult [result=50151401, devName=%s]\n' % device
                if self.tells_device else '')
        device = self.attached[agent, name] = self.new_device()
        if self.nodes:
            self.make_node(device, name)
        return ('DSwareAttachResult [result=0, devName=%s]\nresult=0\n'
                % device)

    def detachVolume(self, agent, name):
        device = self.attached.pop((agent, name), None)
        if device is None:
            return 'result=50151601\n'
        if not self.keep_nodes:
            self.remove_node(device)
        return 'result=0\ndesc=success\n'

    # Devices ----------------------------------------------------------------

    def path(self, *names):
        return os.path.join(self.root, *names)

    def new_device(self):
        self._made += 1
        return self.path('dev', 'sd%s' % (
            chr(ord('a') + self._made) if self._made < 26 else self._made))

    def make_node(self, device, name):
        with open(device, 'wb') as stream:
            stream.truncate(self.volumes[name] * MIB)
        if self.block:
            self.make_block(device, self.volumes[name] * MIB)
        if self.links and self.wwns[name]:
            self.make_link(self.wwns[name], device)

    def make_block(self, device, size, **attributes):
        directory = self.path('sys/dev/block', os.path.basename(device))
        os.makedirs(os.path.join(directory, 'device'), exist_ok=True)
        if not os.path.lexists(self._disk(device)):
            os.symlink(directory, self._disk(device))
        number = self._numbers.setdefault(device, len(self._numbers) + 1)
        attributes.update({'size': size // 512, 'diskseq': number,
                           'dev': '8:%d' % number})
        for key, value in attributes.items():
            with open(os.path.join(directory, key.replace('__', '/')),
                      'w') as stream:
                stream.write('%s\n' % value)

    def _disk(self, device):
        return self.path('sys/block', os.path.basename(device))

    def make_link(self, wwn, device):
        link = self.path('by-id', 'wwn-0x' + wwn)
        if os.path.lexists(link):
            os.unlink(link)
        os.symlink(device, link)

    def remove_node(self, device):
        if os.path.exists(device):
            os.unlink(device)
        if os.path.lexists(self._disk(device)):
            shutil.rmtree(os.path.realpath(self._disk(device)))
            os.unlink(self._disk(device))
        for name in os.listdir(self.path('by-id')):
            link = self.path('by-id', name)
            if os.readlink(link) == device:
                os.unlink(link)


class Quick:
    """Makes a connector one of a fake host, which does not wait long."""

    cluster: FakeCluster
    host: FakeDevices
    waits = waiting.Waits(device=0.3, link=0.1, busy=0.2, removal=0.2,
                          growth=0.2, command=0.3, lock=5)

    def _host(self):
        return self.host

    def _waits(self):
        return self.waits


class QuickConnector(Quick, connector.DSWareConnector):
    """Runs fsc_cli."""


class ConnectorTestCase(testtools.TestCase):
    """Gives each test a cluster, a host and a connector of its own."""

    cluster_class: type = FakeCluster
    connector_class: type = QuickConnector
    #: How the ledger calls the agent, and errors call who was asked.
    agent = AGENT
    asked = AGENT
    option = 'dsware_fsc_cli'
    #: What asks for a volume and changes nothing.
    query = 'queryVolume'

    def setUp(self):
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.conf = self.useFixture(config_fixture.Config(cfg.CONF))
        self.conf.config(group='os_brick',
                         lock_path=os.path.join(self.directory, 'lock'))
        os.mkdir(os.path.join(self.directory, 'lock'))
        self.cluster = self.cluster_class(os.path.join(self.directory, 'host'))
        self.host = FakeDevices(self.cluster.root)
        self.cluster.add()
        self.connector = self.new_connector()

    def new_connector(self):
        """Make a connector, as each service and each call may."""
        made = self.connector_class('sudo', execute=self.cluster.execute)
        made.cluster = self.cluster
        made.host = self.host
        return made

    def properties(self, token='token-1', **changes):
        """Make connection properties as the volume driver does."""
        found = {'format_version': 1, 'volume_name': NAME, 'wwn': WWN,
                 'attachment': token, 'manager_ip': '10.0.0.1',
                 'agent_ip': '127.0.1.1', 'agent_port': None,
                 'access_mode': 'rw', 'encrypted': False, 'qos_specs': None}
        found.update(changes)
        return {key: value for key, value in found.items()
                if value != 'missing'}

    def add_process(self, *arguments, program=None):
        """Let a process run on the host.

        :param arguments: what the program was given
        :param program: its path; None for that of the connector
        :returns: path of what stands for the process while it runs
        """
        path = self.cluster.path('proc/4711')
        os.makedirs(path)
        program = program or (
            '/opt/bin/' + self.option.removeprefix('dsware_'))
        with open(path + '/cmdline', 'w') as stream:
            stream.write('\0'.join(('python', program, *arguments, '')))
        return path

    @property
    def link(self):
        return self.cluster.path('by-id', 'wwn-0x' + WWN)

    def users(self, name=NAME):
        return self.connector._ledger().users(name)
