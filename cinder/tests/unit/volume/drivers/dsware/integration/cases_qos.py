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

"""Which operations on the limits of volumes meet faults; see cases."""

from cinder.tests.unit.volume.drivers.dsware.integration import base
from cinder.tests.unit.volume.drivers.dsware.integration import cases


class Limited(cases.Operation):
    """What is done with the QoS of a volume.

    :ivar spec: what the qos spec of the volume's type says
    """

    spec = {'total_iops_sec_per_gb': '10', 'maxMBPS': '7'}

    def prepare(self):
        self.new = base.make_volume(
            volume_type_id=base.make_limited_type(**self.spec))

    def give(self, name):
        """Make a volume and give it a QoS."""
        self.host.create(self.new.name, 1)
        self.host.run('createQoS', qosName=name, maxIOPS=10, maxMBPS=7)
        self.host.run('associateQoSWithVolume', qosName=name,
                      volName=self.new.name)

    def policy(self, iops=10, name=None, volumes=None):
        return {(name or self.new.name + '.qos',
                 (('maxIOPS', iops), ('maxMBPS', 7)),
                 (self.new.name,) if volumes is None else volumes)}


class CreateLimited(Limited):
    steps = ('createVolume', 'createQoS', 'associateQoSWithVolume')
    about = 'nothing'
    needs_room = True

    def run(self, dsware):
        dsware.create_volume(self.new)

    def changes(self):
        return set(), self.made() | self.policy()

    def recover(self, dsware):
        dsware.delete_volume(self.new)


class DeleteLimited(Limited):
    steps = ('deleteSnapshot', 'deleteVolume', 'deleteQoS')
    empty_steps = ('deleteSnapshot',)
    halfway = ('deleteQoS',)
    plain_steps = ('deleteQoS',)

    def prepare(self):
        super().prepare()
        self.give(self.new.name + '.qos')

    def run(self, dsware):
        dsware.delete_volume(self.new)

    def changes(self):
        return self.made() | self.policy(), set()


class ExtendLimited(DeleteLimited):
    steps = ('expandVolume', 'setQoS')
    empty_steps = ()
    halfway = ('setQoS',)
    needs_room = True

    def run(self, dsware):
        dsware.extend_volume(self.new, 2)

    def changes(self):
        return (self.made() | self.policy(),
                self.made(2) | self.policy(20))


class TakeLimits(DeleteLimited):
    """The volume gets a type without limits."""

    steps = ('disassociateQoSWithVolume', 'deleteQoS')
    empty_steps = plain_steps = ()
    halfway = ('deleteQoS',)

    def run(self, dsware):
        dsware._limiter.apply(self.new, dsware._limiter.wanted(
            self.new, volume_type_id=base.make_limited_type()))

    def changes(self):
        return self.policy(), set()


class ReplaceLimits(Limited):
    """The volume had a QoS that the driver did not give it."""

    steps = ('createQoS', 'disassociateQoSWithVolume',
             'associateQoSWithVolume')
    # Associating what it had may meet the fault, too.
    halfway = ('associateQoSWithVolume',)

    def own(self):
        return [self.new.name, 'gold']

    def prepare(self):
        super().prepare()
        self.give('gold')

    def run(self, dsware):
        dsware._limiter.apply(self.new, dsware._limiter.wanted(self.new))

    def changes(self):
        return (self.policy(name='gold'),
                self.policy() | self.policy(name='gold', volumes=()))


OPERATIONS = (CreateLimited, DeleteLimited, ExtendLimited, TakeLimits,
              ReplaceLimits)
