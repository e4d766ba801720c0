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

"""Each operation that the driver asks for, with arguments as it gives them."""

from cinder.volume.drivers.dsware.array import models

_LIMITS = {key: 100 for key in models.QOS_LIMITS}
# Each operation with its arguments as the driver gives them.
REQUESTS = (
    ('getDSwareIdentifier', {}),
    ('queryAllPoolInfo', {}),
    ('queryPoolInfo', {'poolId': 0}),
    ('queryVolume', {'volName': 'volume-1'}),
    ('querySnapshot', {'snapName': 'snapshot-1'}),
    ('queryAllVolume', {'poolId': 12}),
    ('queryAllSnapshot', {'poolId': 12}),
    ('querySnapOfVolume', {'volName': 'volume-1'}),
    ('createVolume', {'volName': 'volume-1', 'poolId': 0, 'volSize': 1024,
                      'thinFlag': 1}),
    ('deleteVolume', {'volName': 'volume-1'}),
    ('expandVolume', {'volName': 'volume-1', 'volSize': 2048}),
    ('createSnapshot', {'volName': 'volume-1', 'snapName': 'snapshot-1',
                        'smartFlag': 0}),
    ('activeSnapshots', {'volNameList': 'volume-1,volume-2',
                         'snapNameList': 'snapshot-1,snapshot-2'}),
    ('deleteSnapshot', {'snapName': 'snapshot-1'}),
    ('createVolumeFromSnap', {'volName': 'volume-2', 'volSize': 1024,
                              'snapNameSrc': 'snapshot-1'}),
    ('createFullVolumeFromSnap', {'volName': 'volume-2',
                                  'snapName': 'snapshot-1'}),
    ('migrateVolumeCold', {'volNameSrc': 'volume-1', 'poolIdDst': 1}),
    ('rollbackSnapshot', {'snapName': 'snapshot-1', 'volName': 'volume-1'}),
    ('attachVolume', {'volName': 'volume-1'}),
    ('detachVolume', {'volName': 'volume-1'}),
    ('detachVolumeByIp', {'volName': 'volume-1', 'detachIp': '192.0.2.7'}),
    ('createQoS', {'qosName': 'volume-1.qos', **_LIMITS}),
    ('setQoS', {'qosName': 'volume-1.qos', **_LIMITS}),
    ('deleteQoS', {'qosName': 'volume-1.qos'}),
    ('associateQoSWithVolume', {'qosName': 'volume-1.qos',
                                'volName': 'volume-1'}),
    ('disassociateQoSWithVolume', {'qosName': 'volume-1.qos',
                                   'volName': 'volume-1'}),
    ('queryVolumeQoSInfo', {'volName': 'volume-1'}),
)
