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

"""The start-up hook, in interpreters of its own."""

import os
import pathlib
import re
import subprocess
import sys
import textwrap

import testtools

import fixtures

import os_brick_dsware

REGISTERED = """
from os_brick.initiator import connector
print(connector._connector_mapping_linux.get('DSWARE'),
      connector.unix_connector_list.count(
          'os_brick_dsware.connector.DSWareConnector'))
"""
ROOT = pathlib.Path(os_brick_dsware.__file__).parent.parent


def hook_line():
    """Read the line of the .pth file where it is made, or installed."""
    setup = ROOT / 'setup.py'
    if setup.exists():
        made = {}
        source = setup.read_text()
        exec(re.search(r'^HOOK_LINE = \(.*?\)\n\n', source,
                       re.S | re.M)[0], made)
        return made['HOOK_LINE']
    return (ROOT / 'cinder_dsware.pth').read_text()


class StartupTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.site = self.useFixture(fixtures.TempDir()).path
        self.path = [str(ROOT)]

    def python(self, code, arm=True, flags=(), **environment):
        """Run code the way an interpreter with the hook would.

        The hook of the development install, if there is one, is turned off;
        site.addsitedir() reads ours from a directory of its own.
        """
        with open(os.path.join(self.site, 'cinder_dsware.pth'), 'w') as pth:
            pth.write(hook_line() if arm else '')
        script = textwrap.dedent('''
            import os, site, sys
            sys.path[:0] = %r
            sys.meta_path[:] = [finder for finder in sys.meta_path if not
                type(finder).__module__.startswith('os_brick_dsware')]
            for name in [n for n in sys.modules if 'dsware' in n
                         and not n.startswith('__editable__')]:
                del sys.modules[name]
            os.environ.pop('OS_BRICK_DSWARE_DISABLE')
            os.environ.update(%r)
            site.addsitedir(%r)
        ''') % (self.path, environment, self.site) + textwrap.dedent(code)
        return subprocess.run(
            [sys.executable, *flags, '-c', script], text=True,
            capture_output=True, timeout=120, cwd=self.site,
            env={**os.environ, 'OS_BRICK_DSWARE_DISABLE': '1'})

    def assertPrints(self, expected, code, **kwargs):
        done = self.python(code, **kwargs)
        self.assertEqual((expected, 0), (done.stdout.strip(),
                                         done.returncode), done.stderr)
        return done.stderr

    def assertRegistered(self, expected, code='', **kwargs):
        self.assertPrints(expected, textwrap.dedent(code) + REGISTERED,
                          **kwargs)

    YES = 'os_brick_dsware.connector.DSWareConnector 1'
    NO = 'None 0'

    def test_registered(self):
        self.assertRegistered(self.YES)
        self.assertRegistered(self.YES, OS_BRICK_DSWARE_DISABLE='0')

    def test_sdshypervisor_is_chosen_once_files_have_been_read(self):
        """os-brick is imported before a service reads its files."""
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'x')
        for line, expected in (('', 'HuaweiStorHyperConnector'), (
                'dsware_replace_sdshypervisor = true',
                'SDSHypervisorConnector')):
            pathlib.Path(path).write_text('[os_brick]\n%s\n' % line)
            self.assertPrints(expected, '''
                from os_brick.initiator import connector
                from oslo_config import cfg
                cfg.CONF(['--config-file', %r])
                print(type(connector.InitiatorConnector.factory(
                    'huaweisdshypervisor', 'sudo')).__name__)
            ''' % path)

    def test_without_the_hook(self):
        self.assertRegistered(self.NO, arm=False)

    def test_turned_off(self):
        self.assertRegistered(self.NO, OS_BRICK_DSWARE_DISABLE='1')
        for value in ('1', 'true', 'no'):
            self.assertPrints('False', """
                print('os_brick_dsware._startup' in sys.modules)
            """, OS_BRICK_DSWARE_DISABLE=value)

    def test_turned_off_where_it_is_armed_by_hand(self):
        self.assertPrints('[]', '''
            from os_brick_dsware import _startup
            _startup.arm()
            print([f for f in sys.meta_path if 'dsware' in repr(f)
                   and 'editable' not in repr(f)])
        ''', OS_BRICK_DSWARE_DISABLE='1')

    def test_starts_without_importing_anything_of_weight(self):
        done = self.python('''
            print(sorted(name for name in sys.modules if name.startswith(
                ('os_brick', 'oslo', 'nova', 'cinder', 'eventlet'))))
        ''')
        self.assertEqual("['os_brick_dsware', 'os_brick_dsware._startup']",
                         done.stdout.strip(), done.stderr)

    def test_package_is_gone(self):
        self.path = []
        stderr = self.assertPrints('fine', '''
            print('fine')
        ''', flags=('-S',))
        self.assertEqual('', stderr)

    def test_package_is_broken(self):
        broken = self.useFixture(fixtures.TempDir()).path
        package = pathlib.Path(broken, 'os_brick_dsware')
        package.mkdir()
        (package / '__init__.py').touch()
        (package / '_startup.py').write_text('oops(')
        self.path = [broken]
        stderr = self.assertPrints('fine', 'print("fine")')
        self.assertEqual('', stderr)

    def test_module_looks_as_if_nothing_had_happened(self):
        self.assertPrints('SourceFileLoader SourceFileLoader True', '''
            import inspect
            from os_brick.initiator import connector
            print(type(connector.__loader__).__name__,
                  type(connector.__spec__.loader).__name__,
                  'unix_connector_list' in inspect.getsource(connector))
        ''')

    def test_found_but_not_executed(self):
        self.assertPrints('True True', '''
            import importlib.util
            spec = importlib.util.find_spec('os_brick.initiator.connector')
            print('unix_connector_list' in
                  spec.loader.get_source('os_brick.initiator.connector'),
                  'os_brick.initiator.connector' not in sys.modules)
        ''')

    def test_reload(self):
        self.assertRegistered(self.YES, '''
            import importlib
            from os_brick.initiator import connector
            connector._connector_mapping_linux.clear()
            importlib.reload(connector)
        ''')

    def test_lazy_loading(self):
        self.assertRegistered('False ' + self.YES, '''
            import importlib.util
            name = 'os_brick.initiator.connector'
            spec = importlib.util.find_spec(name)
            spec.loader = importlib.util.LazyLoader(spec.loader)
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
            print('os_brick_dsware.registry' in sys.modules, end=' ')
            connector = module
        ''')

    def test_armed_too_late_and_twice(self):
        self.assertRegistered(self.YES, '''
            from os_brick.initiator import connector
            from os_brick_dsware import _startup
            _startup.arm()
            _startup.arm()
        ''', arm=False)

    def test_under_eventlet(self):
        done = self.python('import eventlet')
        if done.returncode:
            self.skipTest('eventlet is not installed')
        self.assertRegistered(self.YES, '''
            import warnings
            warnings.simplefilter('ignore')
            import eventlet
            eventlet.monkey_patch()
            threads = [eventlet.spawn(
                __import__, 'os_brick.initiator.connector')
                for _number in range(3)]
            for thread in threads:
                thread.wait()
        ''')

    def fake_package(self, name, source):
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.path.insert(0, str(directory))
        for part in name.split('.')[:-1]:
            directory = directory / part
            directory.mkdir()
            (directory / '__init__.py').touch()
        (directory / (name.split('.')[-1] + '.py')).write_text(source)

    def test_shape_has_changed(self):
        stderr = self.assertPrints('started', '''
            import logging
            logging.basicConfig()
            import importlib
            from os_brick import initiator
            initiator.__path__.insert(0, os.environ['FAKE'])
            from os_brick.initiator import connector
            assert connector.plugins == ()
            print('started')
        ''', FAKE=self.fake_connector())
        self.assertEqual(1, stderr.count('cannot be attached'), stderr)
        self.assertIn('_connector_mapping_linux', stderr)

    def fake_connector(self):
        directory = self.useFixture(fixtures.TempDir()).path
        pathlib.Path(directory, 'connector.py').write_text('plugins = ()\n')
        return directory

    def test_failing_module_fails_as_ever(self):
        self.fake_package('nova.virt.libvirt.driver',
                          'raise ImportError("no libvirt")')
        self.assertPrints('no libvirt', '''
            try:
                import nova.virt.libvirt.driver
            except ImportError as exc:
                print(exc)
        ''')

    def test_nova(self):
        self.fake_package('nova.virt.libvirt.driver',
                          'VOLUME_DRIVERS = {"local": "nova.x.Y"}')
        for there in (True, False):
            self.assertPrints(str(there), '''
                from os_brick_dsware import registry
                registry.NOVA_MODULE = 'os_brick_dsware.%s'
                from nova.virt.libvirt import driver
                print('dsware' in driver.VOLUME_DRIVERS)
            ''' % ('connector' if there else 'none'))
