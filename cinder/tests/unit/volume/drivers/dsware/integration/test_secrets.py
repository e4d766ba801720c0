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

"""Where the password is not, while all goes well and when it does not."""

import json
import pathlib
import traceback

from cinder import exception
from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.tests.unit.volume.drivers.dsware.integration import test_security
from cinder.volume.drivers.dsware.client import login
from cinder.volume.drivers.dsware import driver
from tools import secret_marks

MARK = secret_marks.MARK
WRONG = secret_marks.secret('wrong')


def reachable(root):
    """Find all objects of the driver that can be reached from one.

    :param root: where to begin
    :returns: a list of objects
    """
    found, waiting = {}, [root]
    while waiting:
        item = waiting.pop()
        if id(item) in found or isinstance(item, (type, str, bytes)):
            continue
        if isinstance(item, dict):
            inner = [*item, *item.values()]
        elif isinstance(item, (list, tuple, set, frozenset)):
            inner = list(item)
        elif type(item).__module__.startswith(driver.__package__):
            inner = [*getattr(item, '__dict__', {}).values()]
        else:
            continue
        found[id(item)] = item
        waiting += inner
    return list(found.values())


def command_lines():
    """Give the command line and environment of every process.

    :returns: an iterator of bytes
    """
    for process in pathlib.Path('/proc').glob('[0-9]*'):
        for name in ('cmdline', 'environ'):
            try:
                yield (process / name).read_bytes()
            except OSError:
                # Ended in the meantime, or somebody else's.
                continue


class SecretsTestCase(test_security.SignedInTestCase):

    def test_objects_do_not_show_it(self):
        dsware = self.secure_driver()
        self.assertWorks(dsware)
        found = reachable(dsware)
        # It is among them, or nothing would be shown.
        self.assertIn(login.Credentials, {type(item) for item in found})
        for item in found:
            if type(item).__module__.startswith(driver.__package__):
                self.assertNotIn(MARK, repr(item) + str(item))

    def test_exceptions_and_their_causes(self):
        self.control.add_fault(kind='drop_after', op='login')
        dsware = self.raw_driver(**self.options(dsware_request_timeout=1))
        dsware.do_setup(None)
        errors = [self.assertRaises(exception.VolumeBackendAPIException,
                                    dsware.create_volume,
                                    base.make_volume())]
        self.control.clear_faults()
        errors.append(self.assertRaises(
            exception.VolumeBackendAPIException, self.secure_driver,
            san_password=WRONG))
        errors.append(self.assertRaises(
            exception.InvalidConfigurationValue, self.secure_driver,
            driver_use_ssl=False, driver_ssl_cert_path=None))
        for error in errors:
            text = ''.join(traceback.format_exception(error))
            self.assertNotIn(MARK, text + repr(error) + repr(vars(error)))

    def test_processes(self):
        dsware = self.secure_driver()
        self.assertWorks(dsware)
        lines = list(command_lines())
        # The simulator, which has it too, is among them.
        self.assertTrue(any(b'dsware_sim' in line for line in lines))
        for line in lines:
            self.assertNotIn(MARK.encode(), line)

    CONNECTOR = {'host': 'h', 'ip': test_security.ADDRESSES[0],
                 'multipath': False, 'dsware_cli': True}

    def assertHidden(self, what):
        self.assertNotIn(MARK, json.dumps(what, default=repr))

    def test_what_cinder_and_nova_keep(self):
        dsware = self.secure_driver()
        self.assertHidden(dsware.get_volume_stats(refresh=True))
        volume = base.make_volume()
        self.assertHidden(dsware.create_volume(volume))
        self.assertHidden(dsware.initialize_connection(volume,
                                                       self.CONNECTOR))
        dsware.terminate_connection(volume, self.CONNECTOR)
        self.assertHidden([vars(opt) for opt in dsware.get_driver_options()])
        self.assertHidden(volume.obj_to_primitive())
