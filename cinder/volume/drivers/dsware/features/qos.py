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

"""Limits of volumes, from the qos specs of their types.

A spec for the back end, or for both ends, is checked and becomes the limits
of a QoS on the cluster. Cinder's own keys are converted: bytes to MiB,
because all capacities of the interface are in MiB, and rounded down, because
a limit must not be exceeded. Keys for each GiB are multiplied by the
volume's size here; those of Dsware's own go to the cluster as they are.
"""

import contextlib
import dataclasses

from oslo_log import log as logging
from oslo_utils import units

from cinder import exception
from cinder.i18n import _
from cinder.volume.drivers.dsware.array import models
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import failures
from cinder.volume.drivers.dsware import naming
from cinder.volume.drivers.dsware import result_codes
from cinder.volume import volume_types as cinder_types

LOG = logging.getLogger(__name__)

#: Cinder's keys: the limit that each becomes, and its unit there.
STANDARD_KEYS = {
    'total_iops_sec': ('maxIOPS', 1),
    'total_bytes_sec': ('maxMBPS', units.Mi),
    'read_iops_sec': ('readLimitIOPS', 1),
    'read_bytes_sec': ('readLimitMBPS', units.Mi),
    'write_iops_sec': ('writeLimitIOPS', 1),
    'write_bytes_sec': ('writeLimitMBPS', units.Mi),
}
_PER_GB, _LEAST, _MOST = '_per_gb', '_per_gb_min', '_max'
_SUFFIXES = ('', _PER_GB, _LEAST, _MOST)
_KNOWN = frozenset(models.QOS_LIMITS) | {
    key + suffix for key in STANDARD_KEYS for suffix in _SUFFIXES}
# Those that only Nova knows, as the ones that end with _max. It applies them
# when the spec is for both ends.
_HYPERVISOR_KEYS = frozenset(('size_iops_sec',))
# Keys, besides the target itself, that say the same in another way.
_SAME = {'total_iops_sec_per_gb': 'IOPSPerGB',
         'total_bytes_sec_per_gb': 'MBPSPerTB'}
# The first must not be more than the second.
_ORDERED = (('maxIOPS', 'burstIOPS'), ('MBPSPerTB', 'burstMBPSPerTB'),
            ('minBaselineIOPS', 'maxIOPS'), ('minBaselineMBPS', 'maxMBPS'))
_DIGITS = 18
_CONSUMERS = ('back-end', 'both')
_NOT_THERE = frozenset((result_codes.OPERATION_UNKNOWN,
                        result_codes.OPERATION_NOT_SUPPORTED))


def spec_of(volume_type_id):
    """Read the qos spec of a volume type from Cinder's database.

    :param volume_type_id: the type's id, or None
    :returns: a dict with id, name, consumer and specs, or None when the
        type has none that is for the back end
    """
    if volume_type_id is None:
        return None
    spec = cinder_types.get_volume_type_qos_specs(
        volume_type_id)['qos_specs']
    return spec if spec and spec['consumer'] in _CONSUMERS else None


def limits(spec, size):
    """Turn a qos spec into the limits of a QoS.

    :param spec: the qos spec
    :param size: the volume's size in GiB
    :returns: a dict with all of :data:`models.QOS_LIMITS`, or None when
        there is no limit in it
    :raises InvalidQoSSpecs: when a key is unknown, a value is no whole
        number, cannot be expressed, or contradicts another one
    """
    return _Reading(spec, size).limits()


@dataclasses.dataclass
class _Reading:
    """A qos spec that is being read, for a volume of a size."""

    spec: dict
    size: int

    def limits(self):
        values = self._values()
        found = {key: values.get(key, 0) for key in models.QOS_LIMITS}
        for key, (target, unit) in STANDARD_KEYS.items():
            source, value = self._standard(key, values)
            if source in values:
                self._exclude(values, source, target)
                self._exclude(values, source, _SAME.get(source))
                found[target] = self._converted(source, value, unit)
        for low, high in _ORDERED:
            if found[high]:
                self._check_order(low, found[low], high, found[high])
        return found if any(found.values()) else None

    def _exclude(self, values, one, other):
        if one in values and other in values:
            self._refuse(_('%(one)s and %(other)s are the same limit; give '
                           'one of them') % {'one': one, 'other': other})

    def _check_order(self, low, lower, high, higher):
        if lower > higher:
            self._refuse(_('%(low)s is %(lower)d, it must not be more than '
                           '%(high)s, which is %(higher)d') % {
                               'low': low, 'lower': lower, 'high': high,
                               'higher': higher})

    def _values(self):
        return {key: self._number(key, text)
                for key, text in self.spec['specs'].items()
                if not self._is_for_hypervisor(key)}

    def _is_for_hypervisor(self, key):
        if self.spec['consumer'] != 'both':
            return False
        # With a key for each GiB it is the most that comes of it.
        burst = (key.endswith(_MOST) and
                 key.removesuffix(_MOST) in STANDARD_KEYS and
                 key.removesuffix(_MOST) + _PER_GB not in self.spec['specs'])
        return burst or key in _HYPERVISOR_KEYS

    def _number(self, key, text):
        if key not in _KNOWN:
            self._refuse(_('%(key)s is unknown; known are %(known)s') % {
                'key': key, 'known': ', '.join(sorted(_KNOWN))})
        text = str(text)
        if not (text.isascii() and text.isdecimal()
                and len(text) <= _DIGITS):
            self._refuse(_('%(key)s = %(value)s is not a whole number of 0 '
                           'or more, of up to %(digits)d digits') % {
                               'key': key, 'digits': _DIGITS,
                               'value': exceptions.printable(text)})
        return int(text)

    def _standard(self, key, values):
        """Give the key that sets a limit, and its value."""
        scaled = key + _PER_GB
        if scaled in values:
            self._exclude(values, key, scaled)
            return scaled, self._scaled(key, values)
        for suffix in (_LEAST, _MOST):
            if key + suffix in values:
                self._refuse(_('%(key)s has no meaning without %(base)s') % {
                    'key': key + suffix, 'base': scaled})
        return key, values.get(key, 0)

    def _scaled(self, key, values):
        value = values[key + _PER_GB] * self.size
        least = values.get(key + _LEAST, 0)
        most = values.get(key + _MOST, max(value, least))
        self._check_order(key + _LEAST, least, key + _MOST, most)
        return min(max(value, least), most)

    def _converted(self, source, value, unit):
        if value and value < unit:
            self._refuse(_(
                '%(key)s gives %(value)d bytes a second for %(size)d GiB; '
                'the cluster counts in MiB, the least is %(unit)d') % {
                    'key': source, 'value': value, 'size': self.size,
                    'unit': unit})
        return value // unit

    def _refuse(self, problem):
        raise exception.InvalidQoSSpecs(reason=_(
            '%(name)s (%(id)s): %(problem)s') % {
                'name': self.spec.get('name'), 'id': self.spec.get('id'),
                'problem': problem})


class Limiter:
    """Keeps the limits of volumes as the qos specs of their types say.

    :param array: the :class:`array.Array`
    """

    def __init__(self, array):
        self._array = array

    @staticmethod
    def wanted(volume, size=None, volume_type_id=None):
        """Tell which limits a volume is to have, and check them.

        :param volume: the Cinder volume
        :param size: its size in GiB, if that is to change
        :param volume_type_id: the id of its type, if that is to change
        :returns: the limits, or None for none
        :raises InvalidQoSSpecs: when the type's qos spec is not valid
        """
        spec = spec_of(volume_type_id or volume.volume_type_id)
        return limits(spec, size or volume.size) if spec else None

    @contextlib.contextmanager
    def of_new(self, volume):
        """Give its limits to the volume that the block makes.

        The qos spec is checked before the block begins. The volume is
        deleted when it cannot get its limits.

        :param volume: the new Cinder volume
        :raises InvalidQoSSpecs: when the type's qos spec is not valid
        :raises VolumeBackendAPIException: when the limits cannot be set
        """
        wanted = self.wanted(volume)
        yield
        if wanted:
            self._array.qos.limit_new(naming.volume_name(volume), wanted)

    def apply(self, volume, wanted):
        """Give a volume the limits of its type, or take them away.

        For volumes that are there already, in use or not: retyped, moved,
        extended or taken over. It may be repeated, and a volume that has the
        right limits stays untouched. A QoS that others than this driver gave
        the volume is replaced when the type has limits, and else left alone.

        :param volume: the Cinder volume; it is found by
            :func:`naming.volume_name`
        :param wanted: what :meth:`wanted` tells of it
        :returns: the QoS that was changed, replaced or taken away, or None;
            see :meth:`array.qos.QoS.give_back`
        :raises VolumeNotFound: it is not on the cluster
        :raises VolumeIsBusy: its state forbids it
        :raises VolumeBackendAPIException: for all other reasons; the
            volume has the limits that it had
        """
        name = naming.volume_name(volume)
        with failures.for_volume(volume):
            if wanted:
                return self._array.qos.limit(name, wanted)
            # A type that lost its qos spec may have had limits.
            with self._qos_optional():
                return self._array.qos.unlimit(name)
        return None

    def delete(self, volume):
        """Delete what holds the limits of a volume that was deleted.

        :param volume: the Cinder volume
        :raises VolumeBackendAPIException: when that does not work; another
            attempt to delete the volume is needed
        """
        if volume.volume_type_id is not None:
            # Its type may have had limits once.
            with self._qos_optional():
                self._array.qos.delete(naming.volume_name(volume))

    @staticmethod
    @contextlib.contextmanager
    def _qos_optional():
        """Let a cluster that knows no QoS have none to remove."""
        try:
            yield
        except exceptions.InvalidRequest as error:
            if error.result not in _NOT_THERE:
                raise
            LOG.debug('%s', error)
