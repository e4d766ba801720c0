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


"""Snapshots that a backup reads, whatever goes wrong.

Whether attaching or letting go fails or not: once the cluster answers again
and Cinder does what it does after a backup, nothing is left but the volume
and the snapshot, as they were.
"""

import ddt

from cinder import context
from cinder import exception
from cinder import objects
from cinder.tests.unit.volume.drivers.dsware.integration import base

OLD, NEW = b'old data', b'new data'
MODES = ('host', 'manager')
# Each of the requests that change something, met by some faults.
STEPS = ('attachVolume', 'detachVolume', 'createVolumeFromSnap',
         'detachVolumeByIp', 'deleteVolume')
FAULTS = ({'kind': 'drop_before', 'count': 1},
          {'kind': 'drop_after', 'count': 1},
          {'kind': 'garbage', 'count': 2},
          {'kind': 'result', 'code': 50150012, 'count': 2},
          {'kind': 'result', 'code': 50150010},
          {'kind': 'result', 'code': 50150017},
          {'kind': 'result_after', 'code': 50000001})


@ddt.ddt
class BackupTests:

    def setUp(self):
        super().setUp()
        self.host = base.Host(self.simulator)
        self.connector = {'host': 'backup', 'ip': self.host.address,
                          'dsware_agent_port': self.simulator.agents[0][1]}
        self.volume = base.make_volume()
        self.snapshot = base.make_snapshot(self.volume)
        # Its record is not in the database.
        self.mock_object(objects.Snapshot, 'save')
        self.mock_object(objects.BackupList, 'get_all', return_value=[])
        self.host.create(self.volume.name, 1)
        self.host.write(self.volume.name, 0, OLD)
        self.host.run('createSnapshot', volName=self.volume.name,
                      snapName=self.snapshot.name)
        self.host.write(self.volume.name, 0, NEW)

    def started(self, mode, **options):
        dsware = self.raw_driver(dsware_attach_by=mode,
                                 dsware_request_timeout=1, **options)
        dsware.do_setup(None)
        return dsware

    def attach(self, dsware):
        """Do what the manager does; give the connection_info."""
        admin = context.get_admin_context()
        self.snapshot.update(dsware.create_export_snapshot(
            admin, self.snapshot, self.connector))
        try:
            return dsware.initialize_connection_snapshot(self.snapshot,
                                                         self.connector)
        except Exception:
            dsware.remove_export_snapshot(admin, self.snapshot)
            raise

    def read(self, info):
        """Read as the host does; give the first bytes."""
        data = info['data']
        if info['driver_volume_type'] == 'dsware':
            return self.host.read(data['volume_name'], 0, len(OLD))
        with open(data['device_path'], 'rb') as device:
            return device.read(len(OLD))

    def let_go(self, dsware):
        dsware.terminate_connection_snapshot(self.snapshot, self.connector)
        dsware.remove_export_snapshot(context.get_admin_context(),
                                      self.snapshot)

    @ddt.data(*MODES)
    def test_snapshot(self, mode):
        dsware = self.started(mode)

        info = self.attach(dsware)

        self.assertEqual(self.snapshot.name, info['data']['volume_name'])
        self.assertEqual(OLD, self.read(info))
        self.let_go(dsware)
        self.assertHolds(self.volume, self.snapshot)
        self.assertNotIn('createVolumeFromSnap', self.ops())

    @ddt.data(*MODES)
    def test_clone(self, mode):
        dsware = self.started(mode)
        self.control.add_fault(kind='result', code=50150010,
                               op='attachVolume', count=1)

        info = self.attach(dsware)

        self.assertEqual(self.snapshot.name + '.read',
                         info['data']['volume_name'])
        self.assertEqual(OLD, self.read(info))
        self.let_go(dsware)
        self.assertHolds(self.volume, self.snapshot)


@ddt.ddt
class SocketBackupTestCase(BackupTests, base.SocketTestCase):
    """With the socket transport, and all that can go wrong."""

    @ddt.data(*((mode, step, fault) for mode in MODES for step in STEPS
                for fault in FAULTS))
    @ddt.unpack
    def test_fault(self, mode, step, fault):
        dsware = self.started(mode)
        if step == 'createVolumeFromSnap':
            self.control.add_fault(kind='result', code=50150010,
                                   op='attachVolume', count=1)
        self.control.add_fault(op=step, **fault)
        try:
            self.attach(dsware)
        except exception.CinderException as error:
            self.assertIn(self.snapshot.name, error.msg)
        self.let_go(dsware)
        self.control.clear_faults()

        dsware.delete_snapshot(self.snapshot)

        self.assertHolds(self.volume)
        self.assertIsNone(self.snapshot.provider_location)
        self.assertEqual(NEW, self.host.read(self.volume.name, 0, len(NEW)))


class CLIBackupTestCase(BackupTests, base.CLITestCase):
    """With the command line transport."""
