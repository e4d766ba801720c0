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

"""Operations that move volumes and change types; see matrix."""

from cinder import context
from cinder import exception
from cinder import objects
from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.tests.unit.volume.drivers.dsware.integration import cases
from cinder.tests.unit.volume.drivers.dsware.integration import cases_qos
from cinder.volume import volume_types


class Migrate(cases.Operation):
    """A move to another pool; what the cluster refuses, Cinder copies."""

    steps = ('deleteQoS', 'migrateVolumeCold')
    empty_steps = ('deleteQoS',)
    copy_seconds = 0.3
    needs_room = True

    def prepare(self):
        self.host.create(self.new.name, 1)
        self.host.write(self.new.name, 0, cases.NEW)

    def run(self, dsware):
        moved, update = dsware.migrate_volume(
            context.get_admin_context(), self.new, {
                'host': f'{dsware.host}#1', 'capabilities': {
                    'location_info': 'dsware:' + base.MANAGER}})
        if not moved or update:
            raise exception.VolumeBackendAPIException(data='not moved')

    def changes(self):
        (item,) = self.made()
        return {item}, {(*item[:3], 1, item[4])}

    def data(self):
        return {**super().data(), self.new.name: cases.NEW}


class Retype(cases_qos.ExtendLimited):
    """The volume gets other limits and another pool."""

    steps = ('setQoS', 'migrateVolumeCold')
    # When the cluster cannot be reached the limits cannot be taken back.
    halfway = ('migrateVolumeCold',)
    copy_seconds = 0.3
    pool = 1

    def prepare(self):
        super().prepare()
        self.host.write(self.new.name, 0, cases.NEW)

    def run(self, dsware):
        admin = context.get_admin_context()
        new_type = objects.VolumeType.get_by_id(admin, base.make_limited_type(
            **{**self.spec, 'total_iops_sec_per_gb': '20'}))
        diff, _equal = volume_types.volume_types_diff(
            admin, self.new.volume_type_id, new_type.id)
        if not dsware.retype(admin, self.new, new_type, diff, {
                'host': f'{dsware.host}#{self.pool}', 'capabilities': {
                    'location_info': 'dsware:' + base.MANAGER}}):
            raise exception.VolumeBackendAPIException(data='not retyped')

    def changes(self):
        (item,) = self.made()
        return (self.made() | self.policy(),
                {(*item[:3], 1, item[4])} | self.policy(20))

    def data(self):
        return {**super().data(), self.new.name: cases.NEW}


class RetypeLimits(Retype):
    """The volume gets other limits, and stays where it is."""

    steps = ('setQoS',)
    halfway = ()
    needs_room = False
    pool = 0

    def changes(self):
        return self.policy(), self.policy(20)


class RetypeThinness(cases.Operation):
    """Cinder has to copy it; the cluster is not even asked."""

    def run(self, dsware):
        admin = context.get_admin_context()
        thick = objects.VolumeType.get_by_id(admin, base.make_limited_type())
        thick.extra_specs = {'provisioning:type': 'thick'}
        assert not dsware.retype(admin, self.source, thick, {}, {
            'host': f'{dsware.host}#0', 'capabilities': {}})


OPERATIONS = (Migrate, Retype, RetypeLimits, RetypeThinness)
