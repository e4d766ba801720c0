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

"""Guests with volumes."""

from functional.box.scenarios import base


class GuestsTest(base.ScenarioTestCase):

    def test_volume(self):
        plain, _multiattach = self.plane.volume_types
        made = self.volumes.create_volume(size=1, volume_type=plain)
        self.wait_for(lambda: self.volumes.get_volume(made).status
                      == 'available', 'The volume')
        self.volumes.delete_volume(made)
