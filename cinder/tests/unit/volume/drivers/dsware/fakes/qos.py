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

"""QoS of the cluster in memory."""


class FakeQoS:
    """What the cluster knows of QoS: a part of fakes.FakeCluster.

    :ivar qos: limits by name
    :ivar qos_of: names of QoS by name of volume
    """

    def __init__(self):
        self.qos = {}
        self.qos_of = {}

    def limits_of(self, volume):
        """Tell the limits of a volume that differ from 0.

        :param volume: the volume's name
        :returns: a dict, or None when it has no QoS
        """
        if volume not in self.qos_of:
            return None
        return {key: value
                for key, value in self.qos[self.qos_of[volume]].items()
                if value}

    @staticmethod
    def _limits(args):
        return {key: int(value) for key, value in args.items()
                if key not in ('qosName', 'volName')}

    def _createQoS(self, args, endpoint):
        if args['qosName'] in self.qos:
            return 50150007
        self.qos[args['qosName']] = self._limits(args)

    def _setQoS(self, args, endpoint):
        if args['qosName'] not in self.qos:
            return -157210
        self.qos[args['qosName']].update(self._limits(args))

    def _deleteQoS(self, args, endpoint):
        if args['qosName'] not in self.qos:
            return -157210
        if args['qosName'] in self.qos_of.values():
            return 50150013
        del self.qos[args['qosName']]

    def _associateQoSWithVolume(self, args, endpoint):
        name, volume = args['qosName'], args['volName']
        if name not in self.qos:
            return -157210
        if volume not in self.volumes:
            return 50150005
        if self.qos_of.get(volume, name) != name:
            return 50150013
        self.qos_of[volume] = name

    def _disassociateQoSWithVolume(self, args, endpoint):
        name, volume = args['qosName'], args['volName']
        if name not in self.qos:
            return -157210
        if volume not in self.volumes:
            return 50150005
        if self.qos_of.get(volume) != name:
            return -157210
        del self.qos_of[volume]

    def _queryVolumeQoSInfo(self, args, endpoint):
        volume = args['volName']
        if volume not in self.volumes:
            return 50150005
        name = self.qos_of.get(volume, '')
        return 0, [{'qosName': name,
                    **{key: str(value)
                       for key, value in self.qos.get(name, {}).items()}}]
