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

"""Operations that attach and detach, and meet faults; see matrix."""

import os
from unittest import mock

from os_brick import exception as brick_exception

from cinder import context
from cinder import exception
from cinder.tests.unit.volume.drivers.dsware.fakes import database
from cinder.tests.unit.volume.drivers.dsware.integration import cases
from cinder.volume import driver as volume_driver


class Connect(cases.Operation):
    """The host is told how to attach; its connector does that."""

    steps = ('queryVolume',)

    def run(self, dsware):
        info = dsware.initialize_connection(self.source, self.connector)
        assert info['data']['volume_name'] == self.source.name


class Disconnect(cases.Operation):
    """The connector of the host has detached it."""

    def run(self, dsware):
        dsware.terminate_connection(self.source, self.connector)


class DisconnectEverywhere(cases.Operation):
    """No connector does it, so the agent of the host is asked."""

    steps = ('detachVolume',)
    certain = False

    def prepare(self):
        self.host.attach(self.source.name)
        database.add_volume(self.source)
        database.add_attachment(self.source, self.connector)

    def own(self):
        return [self.source.name]

    def run(self, dsware):
        dsware.terminate_connection(self.source, None)

    def changes(self):
        return {(self.host.address, self.source.name)}, set()


class Attach(cases.Operation):
    steps = ('attachVolume',)
    certain = False
    options = {'dsware_attach_by': 'manager'}

    def prepare(self):
        database.add_volume(self.source)

    def run(self, dsware):
        dsware.initialize_connection(self.source, self.connector)

    def own(self):
        return [self.source.name]

    def changes(self):
        return set(), {(self.host.address, self.source.name)}

    def recover(self, dsware):
        dsware.terminate_connection(self.source, self.connector)


class Detach(cases.Operation):
    steps = ('detachVolume',)
    certain = False
    options = {'dsware_attach_by': 'manager'}

    def prepare(self):
        self.host.attach(self.source.name)
        database.add_volume(self.source)
        database.add_attachment(self.source, self.connector)

    def run(self, dsware):
        dsware.terminate_connection(self.source, self.connector)

    def own(self):
        return [self.source.name]

    def changes(self):
        return {(self.host.address, self.source.name)}, set()


class DetachEverywhere(Detach):

    def run(self, dsware):
        dsware.terminate_connection(self.source, None)


class DetachDeadHost(Detach):
    steps = ('detachVolumeByIp',)
    # The agent of the host is waited for first.
    timeout = 3

    def run(self, dsware):
        self.control.agent_down(self.host.address)
        try:
            super().run(dsware)
        finally:
            self.control.agent_up(self.host.address)


class _OwnUse(cases.Operation):
    """The volume service attaches the volume to its own host."""

    steps = plain_steps = ('attachVolume', 'detachVolume')
    # It may be attached when nobody says so.
    halfway = ('attachVolume',)
    certain = False
    options = {'dsware_attach_by': 'manager'}

    def prepare(self):
        self.source.encryption_key_id = None
        database.add_volume(self.source, status='downloading')
        self.test.patch(
            'cinder.volume.volume_utils.brick_get_connector_properties',
            return_value=self.connector)
        # What os-brick does here is tested with a real os-brick.
        self.test.mock_object(
            volume_driver.VolumeDriver, '_connect_device', lambda _, conn: {
                'conn': conn, 'connector': mock.Mock(),
                'device': {'path': self.find(conn['data']['device_path'])}})

    def find(self, path):
        """Find what stands for a device; it has links of its own."""
        if os.path.dirname(path) == '/dev/disk/by-id':
            return os.path.join(self.test.simulator.by_id,
                                os.path.basename(path))
        return path

    def own(self):
        return [self.source.name]

    def recover(self, dsware):
        # The end of the next use on that host.
        dsware.terminate_connection(self.source, self.connector)

    tidy = recover


class ImageToVolume(_OwnUse):

    def prepare(self):
        super().prepare()
        self.test.patch('cinder.image.image_utils.fetch_to_raw', self.fetch)

    @staticmethod
    def fetch(_context, _service, _image, path, *args, **kwargs):
        with open(path, 'r+b') as device:
            device.write(cases.OLD)

    def run(self, dsware):
        try:
            dsware.copy_image_to_volume(
                context.get_admin_context(), self.source,
                mock.sentinel.service, 'image')
        except brick_exception.ExceptionChainer as error:
            # As the caller in Cinder does.
            raise exception.VolumeBackendAPIException(data=str(error))

    def data(self):
        return {**super().data(), self.source.name: cases.OLD}


class VolumeToImage(_OwnUse):
    """That it cannot be detached does not spoil the image."""

    quiet_steps = ('detachVolume',)

    def prepare(self):
        super().prepare()
        # As in every record that is read from the database.
        self.source.updated_at = None
        self.test.patch('cinder.volume.volume_utils.upload_volume',
                        self.upload)

    @staticmethod
    def upload(_context, _service, _image, path, *args, **kwargs):
        with open(path, 'rb') as device:
            assert device.read(len(cases.NEW)) == cases.NEW

    def run(self, dsware):
        dsware.copy_volume_to_image(context.get_admin_context(), self.source,
                                    mock.sentinel.service, {'id': 'image'})


OPERATIONS = (Connect, Disconnect, DisconnectEverywhere, Attach, Detach,
              DetachEverywhere, DetachDeadHost, ImageToVolume, VolumeToImage)
