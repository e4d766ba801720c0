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

"""Operations for images that meet faults; see matrix."""

from oslo_utils import units

from cinder import context
from cinder import exception
from cinder.tests.unit.volume.drivers.dsware.fakes import database
from cinder.tests.unit.volume.drivers.dsware.integration import cases

_OWNER = 'project of the image'


class CloneImage(cases.LinkedClone):
    """An image that is a volume; what cannot be cloned, Cinder copies."""

    # Whatever went wrong, Cinder is told that it was not cloned.
    about = 'nothing'

    def prepare(self):
        self.test.flags(allowed_direct_url_schemes=['cinder'])
        self.new.encryption_key_id = None

    def run(self, dsware):
        self.source.host = dsware.host + '#0'
        database.add_volume(self.source, status='available',
                            project_id=_OWNER)
        url = 'cinder://' + self.source.id
        _update, cloned = dsware.clone_image(
            context.get_admin_context(), self.new, (url, []),
            {'id': 'image', 'owner': _OWNER, 'size': units.Gi,
             'disk_format': 'raw', 'container_format': 'bare'}, None)
        if not cloned:
            raise exception.VolumeBackendAPIException(data='not cloned')


OPERATIONS = (CloneImage,)
