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

"""Commands of the documentation, as the programs themselves take them.

Every command on every page for openstack, cinder, cinder-manage and
dsware-doctor is given to that program's own parser. Those of the runbook are
run besides, on volumes that are stuck as the page says, except for those in
NOT_RUN.
"""

import argparse
import functools
import importlib
import json
import multiprocessing
import os
import re
import shlex
import sqlite3
import subprocess
import sys

from cinderclient import api_versions
from cinderclient import client
from cinderclient import shell as cinder_shell
import ddt
from openstack import exceptions
from openstackclient import shell as openstack_shell
import testtools

from cinder.cmd import manage
from functional.services import cloud
from functional.services import http
from functional.services import programs
from functional.services import waiting
from functional.tests import base

ROOT = programs.project_root()
PAGES = sorted((ROOT / 'doc/source').rglob('*.rst'))
RUNBOOK = ROOT / 'doc/source/operator/runbook.rst'
_GROUPS = ('openstack.volume.v3', 'openstack.compute.v2',
           'openstack.image.v2')
_NEWEST = '3.64'
SECONDS = 300
# What is neither parsed nor run: programs of the system.
OTHERS = {'./tools/tox', '/opt/openstack/bin/pip',
          '/opt/openstack/bin/python', 'DSWARE_TEST_CRASHES=all', 'curl',
          'export', 'grep', 'groupadd', 'install', 'printf', 'rm', 'sed',
          'ssh', 'umask', 'usermod'}
# Who only looks need do so once.
_LOOKS = re.compile(
    r'dsware-doctor \w+$|grep| show| list|get-pools|--op query')
# Those of the runbook that are parsed only, and why.
NOT_RUN = (
    ('openstack server', 'Nova runs in other tests only'),
    (r'openstack .*volume attachment delete', 'needs an instance'),
    ('openstack volume backup (delete|restore)', 'no cinder-backup runs'),
    ('cinder unmanage', 'would leave the volume on the cluster'),
    ('cinder snapshot-unmanage', 'would leave the snapshot on the cluster'),
    ('cinder .*group-delete', 'there is no group'),
    ('cinder reset-state --type group', 'there is no group'),
    ('cinder .*work-cleanup', 'the services are in no cluster'),
    ('curl|printf|rm|sed|umask', "the doctor's own tests run them"),
    ('fsc_cli .*detachVolumeByIp', 'the volume is attached nowhere'))
_BLOCK = re.compile(r'^( *)\.\. code-block:: console\n\n((?:\1 +.*\n|\n)+)',
                    re.MULTILINE)
_SECTION = re.compile(r'^(.+)\n(?:~{4,}|-{4,})\n', re.MULTILINE)


def blocks(text):
    """Find the commands of a page, or a part of one.

    :param text: its text
    :returns: for each block a list of commands
    """
    found = []
    for _indent, block in _BLOCK.findall(text):
        lines = block.replace('\\\n', ' ').splitlines()
        found.append([re.sub(' +', ' ', line.strip()[2:]) for line in lines
                      if re.match(r' *[$#] ', line)])
    return found


def sections(text):
    """Split a page at its titles.

    :param text: its text
    :returns: a dict of title to text
    """
    parts = _SECTION.split(text)
    return dict(zip(parts[1::2], parts[2::2]))


@functools.cache
def _openstack():
    shell = openstack_shell.OpenStackShell()
    for group in _GROUPS:
        shell.command_manager.add_command_group(group)
    return shell


def parse_openstack(argv):
    """Take a command line as openstack does."""
    shell = _openstack()
    if argv[0] == '--os-volume-api-version':
        argv = argv[2:]
    factory, name, rest = shell.command_manager.find_command(argv)
    factory(shell, None).get_parser(name).parse_args(rest)


def parse_cinder(argv):
    """Take a command line as cinder does."""
    shell = cinder_shell.OpenStackCinderShell()
    shell.extensions = client.discover_extensions('3')
    version = (argv[1] if argv[0] == '--os-volume-api-version' else _NEWEST)
    shell.get_subcommand_parser(
        api_versions.APIVersion(version), False, argv).parse_args(argv)


def parse_cinder_manage(argv):
    """Take a command line as cinder-manage does."""
    parser = argparse.ArgumentParser()
    manage.add_command_parsers(parser.add_subparsers(dest='category'))
    parser.parse_args(argv)


def parse_doctor(argv):
    """Take a command line as dsware-doctor does."""
    command = importlib.import_module('dsware_doctor.%s.command' % argv[0])
    command._parser().parse_args(argv[1:])


PARSERS = {'openstack': parse_openstack, 'cinder': parse_cinder,
           'cinder-manage': parse_cinder_manage,
           'dsware-doctor': parse_doctor}


MAINS = {'openstack': openstack_shell.main, 'cinder': cinder_shell.main}
# What the clients import takes them seconds: that is done once.
_PROCESSES = multiprocessing.get_context('forkserver')
_PROCESSES.set_forkserver_preload([__name__])


def _run_client(name, argv, environment, output):
    """Be a client, in a process of its own."""
    os.environ.clear()
    os.environ.update(environment)
    with open(output, 'w') as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = [name, *argv]
    # Which says what it returns, or exits by itself.
    sys.exit(MAINS[name](argv) if name == 'openstack' else MAINS[name]())


@ddt.ddt
class ParsedTestCase(testtools.TestCase):
    """No services are needed."""

    @ddt.data(*(str(page.relative_to(ROOT)) for page in PAGES
                if blocks(page.read_text())))
    def test_commands_of_a_page(self, page):
        for block in blocks((ROOT / page).read_text()):
            for command in block:
                name, *argv = shlex.split(command.replace('SIZE', '2'))
                if name in PARSERS:
                    try:
                        PARSERS[name](argv)
                    except SystemExit:
                        self.fail('%s is refused' % command)
                elif name not in ('dsware-sim', 'fsc_cli'):
                    self.assertIn(name, OTHERS)

    def test_a_wrong_command_is_refused(self):
        for command in ('openstack volume set --state', 'cinder reset V',
                        'cinder-manage service vanish',
                        'dsware-doctor host --mend'):
            name, *argv = shlex.split(command)
            self.assertRaises(SystemExit, PARSERS[name], argv)

    def test_each_exception_is_needed(self):
        commands = [one for block in blocks(RUNBOOK.read_text())
                    for one in block]
        for pattern, _why in NOT_RUN:
            self.assertTrue(any(re.match(pattern, one) for one in commands),
                            pattern)


class RunTest(base.FunctionalTestCase):
    """Objects are stuck, and what the runbook says is typed."""

    #: What was looked at, by any of these tests.
    seen = set()

    def setUp(self):
        super().setUp()
        self.clouds = self.directory / 'clouds.yaml'
        cloud.write_clouds(self.clouds, self.stack.cinder.url,
                           self.stack.glance.url)
        self.words = {}

    def stick(self, table, identifier, status):
        """Leave an object in a state, as a service that died does.

        :param table: the table of Cinder's database
        :param identifier: id of the object
        :param status: the state
        """
        self.addCleanup(self.set_status, table, identifier, 'available',
                        but_only=status)
        self.set_status(table, identifier, status)

    def set_status(self, table, identifier, status, but_only=None):
        """Write a state into Cinder's database.

        :param table: the table
        :param identifier: id of the object
        :param status: the state
        :param but_only: leave an object alone that is in another state
        """
        database = sqlite3.connect(
            self.stack.cinder.directory / 'cinder.sqlite', timeout=60)
        with database:
            database.execute(
                'UPDATE %s SET status = ? WHERE id = ? AND status = '
                'COALESCE(?, status)' % table, (status, identifier, but_only))
        database.close()

    def word(self, name):
        """Make what a word in capitals stands for, once for each block."""
        if name not in self.words:
            self.words[name] = getattr(self, '_make_' + name.lower())()
        return self.words[name]

    def _make_volume(self):
        return self.create_volume().id

    _make_copy = _make_volume

    def _make_snapshot(self):
        return self.create_snapshot(
            self.volumes.get_volume(self.word('VOLUME'))).id

    _make_safety_snapshot = _make_snapshot

    def _make_image(self):
        path = self.directory / 'image'
        path.write_bytes(bytes(base.MIB))
        made = self.images.create_image(
            self.id(), filename=str(path), container_format='bare',
            disk_format='raw', wait=True, validate_checksum=False)
        return made.id

    def _make_type(self):
        return self.volume_type('runbook')

    def _make_size(self):
        return '2'

    def _make_pool(self):
        volume = self.volumes.get_volume(self.word('VOLUME'))
        here = volume.host.partition('#')[2]
        return next(pool for pool in self.pools() if pool != here)

    def _make_host(self):
        return self._host().partition('@')[0]

    def _make_backend(self):
        return self.backend

    def _make_manager(self):
        return '127.0.0.1'

    def _make_agent(self):
        return self.simulator.agents[0][0]

    def _host(self):
        return next(pool['name'] for pool in self.stack.cinder.pools()
                    if '@%s#' % self.backend in pool['name'])

    def arguments(self, command):
        """Make a command of the page one that can be run."""
        command = re.sub(r'\b[A-Z_]{4,}\b', lambda word: self.word(word[0]),
                         command)
        command = command.replace('/var/log/cinder/cinder-volume.log',
                                  str(self.stack.cinder.log_path))
        name, *argv = shlex.split(command)
        if name == 'openstack':
            return [name, '--os-cloud', 'dsware', *argv]
        if name == 'cinder':
            user, _colon, project = http.TOKEN.partition(':')
            return [name, '--os-auth-type', 'noauth', '--os-user-id', user,
                    '--os-project-id', project, '--os-endpoint',
                    self.stack.cinder.url, *argv]
        if name == 'dsware-doctor':
            return [programs.beside_python(name), *argv, '--config-file',
                    str(self.stack.cinder.config_path)]
        if name == 'fsc_cli':
            return [str(self.simulator.fsc_cli), *argv]
        return [name, *argv]

    def run_command(self, argv):
        """Run a program.

        :param argv: its arguments
        :returns: its exit status and what it printed
        """
        environment = dict(self.stack.cinder.environment(),
                           OS_CLIENT_CONFIG_FILE=str(self.clouds),
                           PYTHONWARNINGS='ignore')
        if argv[0] not in MAINS:
            done = subprocess.run(
                argv, text=True, stdout=subprocess.PIPE, timeout=SECONDS,
                stderr=subprocess.STDOUT, env=environment)
            return done.returncode, done.stdout
        output = self.directory / 'output'
        process = _PROCESSES.Process(target=_run_client, args=(
            argv[0], argv[1:], environment, output))
        process.start()
        process.join(SECONDS)
        process.kill()
        process.join()
        return process.exitcode, output.read_text()

    def type(self, command):
        """Run a command, and wait until its objects are at rest."""
        status, printed = self.run_command(self.arguments(command))
        # The doctor's status is what it found, grep's whether it found any.
        found = command.startswith(('dsware-doctor', 'grep'))
        self.assertTrue(status == 0 or found and 'usage:' not in printed,
                        '%s: %s' % (command, printed))
        if not (_LOOKS.search(command) or 'state' in command):
            self.wait_for_rest()

    def wait_for_rest(self):
        """Wait until nothing is done any more to the block's objects."""
        kinds = {'VOLUME': self.volumes.get_volume,
                 'COPY': self.volumes.get_volume,
                 'SNAPSHOT': self.volumes.get_snapshot,
                 'SAFETY_SNAPSHOT': self.volumes.get_snapshot}

        def found(name, get):
            try:
                return [get(self.words[name])]
            except (KeyError, exceptions.NotFoundException):
                return []

        def at_rest():
            return all(
                one.status in ('available', 'in-use', 'error')
                and getattr(one, 'migration_status', None)
                in (None, 'success') for name, get in kinds.items()
                for one in found(name, get))

        waiting.wait_for(at_rest, base.SOON, 'The end of a command')

    def follow(self, block, state=None):
        """Type a block, on objects that are stuck.

        :param block: its commands
        :param state: the volume's, None for one that is not stuck
        """
        self.words = {}
        runnable = [one for one in block if one not in self.seen and not any(
            re.match(pattern, one) for pattern, _why in NOT_RUN)]
        self.seen.update(filter(_LOOKS.search, runnable))
        # All of it is there before the volume is stuck.
        for command in runnable:
            self.prepare(command)
        if 'in-use' in ' '.join(block):
            self.attach(self.volumes.get_volume(self.word('VOLUME')))
        if state and 'VOLUME' in self.words:
            self.stick('volumes', self.words['VOLUME'], state)
            if 'SNAPSHOT' in self.words:
                self.stick('snapshots', self.words['SNAPSHOT'], 'restoring')
        for command in runnable:
            self.type(command)

    def prepare(self, command):
        for word in re.findall(r'\b[A-Z_]{4,}\b', command):
            self.word(word)

    def follow_section(self, title, *states):
        parts = sections(RUNBOOK.read_text())
        for state in states:
            for block in blocks(parts[title]):
                self.follow(block, state)

    def assert_usable(self):
        """Check that the last volume that is left is one like any other."""
        volume = self.volumes.find_volume(self.words['VOLUME'])
        self.assertIn(volume.status, ('available', 'in-use'))

    def test_first(self):
        self.follow_section('First', None)

    def test_creating(self):
        self.follow_section('creating, downloading', 'creating')
        self.assertIsNone(self.volumes.find_volume(self.words['VOLUME']))

    def test_attaching(self):
        self.follow_section('attaching', 'attaching')
        self.assert_usable()

    def test_detaching(self):
        self.follow_section('detaching', 'detaching')

    def test_deleting(self):
        self.follow_section('deleting, error_deleting', 'error_deleting')

    def test_extending(self):
        self.follow_section('extending, error_extending', 'error_extending')
        self.assertEqual(2, self.volumes.get_volume(
            self.words['VOLUME']).size)
        self.assert_usable()

    def test_uploading(self):
        self.follow_section('uploading', 'uploading')

    def test_migrating(self):
        self.follow_section('retyping, migrating', 'retyping')
        self.assert_usable()
        self.assertEqual('runbook', self.volumes.get_volume(
            self.words['VOLUME']).volume_type)

    def test_backing_up(self):
        self.follow_section('backing-up', 'backing-up')

    def test_restoring(self):
        self.follow_section('restoring', 'error_restoring')
        self.assert_usable()

    def test_reverting(self):
        self.follow_section('reverting', 'reverting')
        self.assert_usable()

    def test_managing(self):
        self.follow_section('managing, unmanaging', 'managing')

    def test_snapshots(self):
        self.follow_section('A snapshot or a group is stuck', None)

    def test_backend_and_pools(self):
        for title in ('A backend is down', 'An instance does not start',
                      'A pool is full'):
            self.follow_section(title, None)

    def test_volume_that_is_missing(self):
        self.follow_section('A volume is not on the cluster', None)

    def test_no_section_is_left_out(self):
        with open(__file__) as file:
            source = file.read()
        for title, text in sections(RUNBOOK.read_text()).items():
            if any(not any(re.match(pattern, one) for pattern, _why in NOT_RUN)
                   for block in blocks(text) for one in block):
                self.assertIn(json.dumps(title).replace('"', "'"), source)
