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

"""The plugin for DevStack, its phases run in bash with stubs of DevStack's."""

import configparser
import json
import os
import pathlib
import subprocess
import sys

import ddt
import fixtures
import testtools
import yaml

ROOT = pathlib.Path(__file__).parents[2]
_STUBS = pathlib.Path(__file__).with_name('devstack_functions.sh')
# As stack.sh does it, with configure_cinder before the plugin's own phases.
_STACK = """
set -eu
source {stubs}
source {root}/devstack/override-defaults
source {root}/devstack/settings
source {root}/devstack/plugin.sh source
for each in ${{CINDER_ENABLED_BACKENDS//,/ }}; do
    configure_cinder_backend_${{each%%:*}} ${{each##*:}}
done
for phase in pre-install install post-config extra test-config; do
    source {root}/devstack/plugin.sh stack $phase
done
"""
_END = """
source {root}/devstack/plugin.sh unstack
source {root}/devstack/plugin.sh clean
cleanup_cinder_backend_dsware dsware
"""
_CLEAN = """
source {stubs}
source {root}/devstack/override-defaults
source {root}/devstack/settings
source {root}/devstack/plugin.sh source
source {root}/devstack/plugin.sh clean
"""
# Where there is no sudo.
_CHECK = """
iniset $CINDER_CONF DEFAULT enabled_backends dsware
iniset $CINDER_CONF cinder_sys_admin helper_command \\
    "$(dirname $PYTHON)/privsep-helper --config-file $CINDER_CONF"
if [[ $EUID != 0 ]]; then
    iniset $CINDER_CONF cinder_sys_admin capabilities ''
fi
PATH=$DSWARE_SIMULATOR_DIR/bin:$PATH "$PYTHON" -m dsware_doctor backend \\
    --config-file $CINDER_CONF --no-listing --json > $DATA_DIR/report || true
"""
_CLUSTER = {'DSWARE_MANAGER': '192.0.2.10', 'DSWARE_USER': 'cinder',
            'DSWARE_PASSWORD': 'secret', 'DSWARE_CA_FILE': '/ca.pem'}


@ddt.ddt
class DevStackTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        self.data = self.directory / 'data'
        self.data.mkdir()

    def bash(self, script, **settings):
        """Run a script with the settings of local.conf.

        :returns: its exit status and what it printed
        """
        done = subprocess.run(
            ['bash', '-c', script.format(stubs=_STUBS, root=ROOT)], env={
                'PATH': os.environ['PATH'], 'PYTHON': sys.executable,
                'PYTHONPATH': str(ROOT), 'PYTHONWARNINGS': 'ignore',
                'DATA_DIR': str(self.data), 'STACK_USER': 'stack',
                'CALLS': str(self.directory / 'calls'),
                'CINDER_CONF': str(self.directory / 'cinder.conf'),
                'NOVA_CPU_CONF': str(self.directory / 'nova-cpu.conf'),
                'TEMPEST_CONFIG': str(self.directory / 'tempest.conf'),
                'SERVICE_PASSWORD': 'any',
                'ENABLED_SERVICES': 'c-api,c-vol,n-cpu,tempest', **settings},
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=120)
        return done.returncode, done.stdout

    def stack(self, then='', **settings):
        status, printed = self.bash(_STACK + then, **settings)
        self.assertEqual(0, status, printed)
        return printed

    def section(self, name='dsware', file='cinder.conf'):
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(self.directory / file)
        return dict(parser[name])

    def calls(self):
        return (self.directory / 'calls').read_text().splitlines()

    def test_a_real_cluster_over_rest(self):
        self.stack(**_CLUSTER, DSWARE_POOLS='0,1',
                   DSWARE_HOST_NETWORKS='192.0.2.0/24')
        self.assertEqual({
            'volume_backend_name': 'dsware',
            'volume_driver':
                'cinder.volume.drivers.dsware.driver.DSWareDriver',
            'san_ip': '192.0.2.10', 'dsware_transport': 'rest',
            'dsware_attach_by': 'host', 'dsware_pools': '0,1',
            'dsware_host_networks': '192.0.2.0/24',
            'driver_ssl_cert_path': '/ca.pem', 'san_login': 'cinder',
            'san_password': 'secret'}, self.section())
        for file in ('cinder.conf', 'nova-cpu.conf'):
            self.assertEqual(str(self.data / 'os-brick-locks'),
                             self.section('os_brick', file)['lock_path'])
        self.assertEqual(['setup_install %s rest' % ROOT], self.calls())
        self.assertEqual('True', self.section(
            'volume-feature-enabled', 'tempest.conf')['manage_volume'])

    def test_a_real_cluster_by_its_command_line(self):
        self.stack(**_CLUSTER, DSWARE_TRANSPORT='cli',
                   DSWARE_AGENTS='192.0.2.21')
        found = self.section()
        self.assertEqual('192.0.2.21', found['dsware_agents'])
        # Which would be refused.
        self.assertEqual(set(), set(found) & {
            'san_password', 'driver_ssl_cert_path', 'driver_use_ssl'})

    def test_two_backends(self):
        self.stack(**_CLUSTER, CINDER_ENABLED_BACKENDS='dsware:a,dsware:b')
        self.assertEqual(['a', 'b'], [
            self.section(name)['volume_backend_name'] for name in 'ab'])

    def test_no_cluster(self):
        status, printed = self.bash(_STACK)
        self.assertNotEqual(0, status)
        self.assertIn('Set DSWARE_MANAGER', printed)

    @ddt.data('rest', 'socket', 'cli')
    def test_a_simulated_cluster(self, transport):
        """The check says of what was written and started that it works."""
        net = '127.0.%d.' % (78 + len(transport))
        self.stack(then=_CHECK + _END, DSWARE_SIMULATOR='True',
                   DSWARE_TRANSPORT=transport, DSWARE_MANAGER=net + '1',
                   DSWARE_SIMULATOR_AGENTS=f'{net}2,{net}3')
        report = json.loads((self.data / 'report').read_text())
        self.assertEqual({1}, {one['value'] for one in report['metrics']
                               if one['name'] == 'agent_up'}, report)
        self.assertEqual([], [one for one in report['findings']
                              if one['backend'] == 'dsware'])
        self.assertEqual(['setup_install %s rest' % ROOT,
                          'run_process dsware-sim as root'], self.calls()[:2])
        # Nothing is left but the log.
        self.assertEqual({'dsware-sim.log', 'dsware-sim.pid', 'report'},
                         set(os.listdir(self.data)))

    def test_cleaning_keeps_an_authority_that_was_there_before(self):
        authority = self.directory / 'ca.pem'
        authority.write_text('')
        status, printed = self.bash(_CLEAN, DSWARE_SIMULATOR='True',
                                    DSWARE_CA_FILE=str(authority))
        self.assertEqual(0, status, printed)
        self.assertTrue(authority.exists())


class ZuulTestCase(testtools.TestCase):

    def test_each_transport_has_a_job(self):
        jobs = self.jobs()
        self.assertEqual(
            {'socket', 'rest', 'cli'},
            {job['vars']['devstack_localrc'].get('DSWARE_TRANSPORT')
             for job in jobs} - {None})

    def test_settings_are_known(self):
        known = (ROOT / 'devstack/settings').read_text()
        for job in self.jobs():
            for name in job['vars']['devstack_localrc']:
                if name.startswith('DSWARE_'):
                    self.assertIn('\n%s=' % name, known.replace(' ', ''))

    def test_all_jobs_run(self):
        names = {job['name'] for job in self.jobs() if not job.get('abstract')}
        project, = (one['project'] for one in self.entries()
                    if 'project' in one)
        self.assertLessEqual(names, set(project['check']['jobs']))

    def entries(self):
        return yaml.safe_load((ROOT / '.zuul.yaml').read_text())

    def jobs(self):
        return [one['job'] for one in self.entries() if 'job' in one]
