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

"""Tempest and cinder-tempest-plugin on a control plane."""

import importlib.util
import os
import pathlib
import re
import subprocess

from functional.box import keystone
from functional.services import process
from functional.services import programs

EXCLUDED = pathlib.Path(__file__).with_name('exclude.txt')
# All tests of volumes, and all of instances that have volumes.
SUITE = (r'^(tempest\.api\.volume\.|tempest\.api\.compute\.volumes\.'
         r'|tempest\.api\.compute\.admin\.test_volume'
         r'|tempest\.api\.compute\.servers\..*[Vv]olume'
         r'|tempest\.scenario\..*[Vv]olume|tempest\.scenario\.test_snapshot'
         r'|tempest\.scenario\.test_stamp|cinder_tempest_plugin\.)')
# A test or two of each thing that the driver does.
SMOKE = (r'^(tempest\.api\.volume\.test_volumes_(get|clone|extend|actions)\.'
         r'|tempest\.api\.volume\.test_(volumes_snapshots|volume_transfers)\.'
         r'|tempest\.api\.volume\.test_volumes_backup\.VolumesBackupsTest'
         r'\.test_(backup_create_attached|volume_backup_create)'
         r'|tempest\.api\.volume\.admin\.test_(snapshot_manage'
         r'|volume_manage|multi_backend|groups)\.'
         r'|tempest\.api\.compute\.volumes\.test_attach_volume\.Attach'
         r'VolumeTestJSON'
         r'|cinder_tempest_plugin\.api\.volume\.test_volume_revert)')
# {0} NAME [1.234567s] ... ok, and for a test that could not be set up: FAILED
_LINE = re.compile(r'^\{\d+\} (.+?)(?: \[[\d.]+s\])? \.\.\. (\w+)', re.M)


class Stale(Exception):
    """A test that is left out does not exist."""


def excluded(text):
    """Read a list of tests that are left out.

    :param text: lines of a regular expression, #, and the reason
    :returns: a list of pairs
    """
    return [tuple(part.strip() for part in line.partition('#')[::2])
            for line in text.splitlines()
            if line.strip() and not line.startswith('#')]


def stale(pairs, names):
    """Find what is left out although there is no such test.

    :param pairs: what excluded() returned
    :param names: the names of all tests
    :returns: a list of regular expressions
    """
    return [pattern for pattern, _reason in pairs
            if not any(re.search(pattern, name) for name in names)]


def outcomes(printed):
    """Read what Tempest prints when a test has ended.

    :param printed: all that it has printed so far
    :returns: a list of pairs of name and outcome, which is "ok" for a test
              that passed
    """
    # A last line may not have been printed to its end.
    return _LINE.findall(printed[:printed.rfind('\n') + 1])


def configuration(plane, directory):
    """Tell Tempest what there is, and what the driver can do.

    :param plane: a control_plane.ControlPlane that runs
    :param directory: path of a directory for Tempest's files
    :returns: a dict of section name to a dict of options
    """
    plain, multiattach = plane.volume_types
    return {
        'DEFAULT': {'log_file': directory / 'tempest.log', 'debug': True},
        'oslo_concurrency': {'lock_path': directory / 'locks'},
        'auth': {'use_dynamic_credentials': True, 'admin_system': 'all',
                 'admin_username': keystone.ADMIN,
                 'admin_password': plane.keystone.password,
                 'admin_project_name': keystone.ADMIN,
                 'admin_domain_name': 'Default',
                 'create_isolated_networks': False},
        'identity': {'uri_v3': plane.keystone.url, 'auth_version': 'v3',
                     'region': keystone.REGION,
                     'v3_endpoint_type': 'publicURL'},
        # Without neutron all that need an instance would be skipped.
        'service_available': {'cinder': True, 'glance': True, 'nova': True,
                              'neutron': True, 'swift': False},
        'enforce_scope': dict.fromkeys(
            ('cinder', 'glance', 'keystone', 'nova'), True),
        # Nothing reaches into a guest without networks.
        'validation': {'run_validation': False},
        'compute': {'image_ref': plane.images[0],
                    'image_ref_alt': plane.images[1],
                    'flavor_ref': plane.flavors[0],
                    'flavor_ref_alt': plane.flavors[1],
                    'max_microversion': 'latest'},
        'compute-feature-enabled': {
            # One host; no dm-crypt; a guest that only boots.
            'cold_migration': False, 'live_migration': False,
            'interface_attach': False, 'metadata_service': False,
            'rescue': False, 'resize': True, 'attach_encrypted_volume': False,
            'ide_bus': False, 'volume_multiattach': True,
            'swap_volume': True},
        'volume': {
            'catalog_type': 'block-storage',
            'backend_names': plane.backends, 'volume_type': plain,
            'volume_type_multiattach': multiattach,
            'storage_protocol': plane.capabilities['storage_protocol'],
            'vendor_name': plane.capabilities['vendor_name'],
            'disk_format': ['raw', 'qcow2'], 'backup_driver': 'posix',
            'manage_volume_ref': 'source-name,volume-%s',
            'manage_snapshot_ref': 'source-name,snapshot-%s',
            'min_microversion': '3.0', 'max_microversion': 'latest'},
        'volume-feature-enabled': {
            'multi_backend': True, 'backup': True, 'snapshot': True,
            'clone': True, 'manage_volume': True, 'manage_snapshot': True,
            'extend_attached_volume': True,
            'extend_volume_with_snapshot': True,
            'consistency_group': True, 'volume_revert': True,
            'concurrency_tests': True, 'volume_image_dep_tests': True,
            'enable_volume_image_dep_tests': True}}


class Tempest(object):
    """Runs of Tempest, with all their files in one directory."""

    def __init__(self, directory):
        """Describe the runs; nothing is written.

        :param directory: path of a directory for the files
        """
        self.directory = directory
        self.config_path = directory / 'etc' / 'tempest.conf'
        self.output_path = directory / 'output.log'
        self.process = None
        self._environment = dict(
            os.environ, PYTHONWARNINGS='ignore',
            PYTHONPATH=str(programs.project_root()),
            TEMPEST_CONFIG_DIR=str(self.config_path.parent))

    def prepare(self, plane):
        """Write the configuration.

        :param plane: a control_plane.ControlPlane that runs
        """
        self.config_path.parent.mkdir(parents=True)
        programs.write_config(self.config_path,
                              configuration(plane, self.directory))
        package = pathlib.Path(_package_directory())
        (self.directory / '.stestr.conf').write_text(
            '[DEFAULT]\ntest_path=%s\ntop_dir=%s\n'
            'group_regex=([^\\.]*\\.)*\n'
            % (package / 'test_discover', package.parent))
        self._run('stestr', 'init')

    def check(self):
        """Make sure that exclude.txt is about the tests that there are.

        :raises Stale: it is not
        """
        names = self._run('stestr', 'list').decode().split()
        found = stale(excluded(EXCLUDED.read_text()), names)
        if found:
            raise Stale('%s has what is the name of no test: %s'
                        % (EXCLUDED, ', '.join(found)))

    def run(self, regex, workers, tell):
        """Run tests until the last one has ended.

        :param regex: which ones, but for those of the file exclude.txt
        :param workers: how many at a time
        :param tell: called with name and outcome of each test that ends
        """
        self.process = process.Process(
            'tempest', ['sh', '-c', 'cd "$1" && shift && exec "$@"', 'sh',
                        str(self.directory),
                        programs.beside_python('tempest'), 'run',
                        '--regex', regex, '--exclude-list', str(EXCLUDED),
                        '--concurrency', str(workers)],
            self.output_path, self._environment)
        self.process.start()
        told = 0
        while self.process.is_running():
            self.process.join(1)
            found = outcomes(self.output_path.read_text())
            for name, outcome in found[told:]:
                tell(name, outcome)
            told = len(found)

    def results(self):
        """What came of the last run.

        :returns: bytes of a stream of subunit
        """
        return self._run('stestr', 'last', '--subunit')

    def stop(self):
        """End a run; one that has ended is fine."""
        if self.process:
            self.process.stop()

    def _run(self, program, *arguments):
        # "last" tells of failures by its status, too.
        done = subprocess.run(
            [programs.beside_python(program), *arguments], cwd=self.directory,
            env=self._environment, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        if done.stderr:
            with open(self.output_path, 'ab') as log:
                log.write(done.stderr)
        return done.stdout


def _package_directory():
    # Not imported, since it would read a configuration then.
    return os.path.dirname(importlib.util.find_spec('tempest').origin)
