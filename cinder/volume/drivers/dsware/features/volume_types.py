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

"""What the type of a volume asks for, checked before anything is made."""

import dataclasses

from cinder import exception
from cinder.i18n import _

CLONE_KEY = 'dsware:clone'
CLONE_CHOICES = ('linked', 'full')
PROVISIONING_KEY = 'provisioning:type'
_OUR_SPECS = 'dsware:'
_KNOWN_SPECS = (CLONE_KEY,)
# What Cinder calls a volume that exists while a backup reads it.
_BACKUP = 'backup-vol-'


@dataclasses.dataclass(frozen=True)
class Wishes:
    """How to make a volume.

    :ivar thin: whether space is allocated when it is written
    :ivar full_clone: whether a clone is an independent copy
    """

    thin: bool
    full_clone: bool


def wishes(volume, configuration) -> Wishes:
    """Read the extra specs of a volume's type, else the backend's options.

    :param volume: the Cinder volume
    :param configuration: the backend's configuration
    :returns: the :class:`Wishes`
    :raises InvalidInput: when an extra spec, or its value, is unknown, or
        two of them contradict each other
    """
    if not volume.use_quota and (
            volume.display_name or '').startswith(_BACKUP):
        # It is only read, and gone soon.
        return Wishes(thin=True, full_clone=False)
    return of_type(volume.volume_type, configuration)


def of_type(volume_type, configuration) -> Wishes:
    """Read the extra specs of a volume type, else the backend's options.

    :param volume_type: the Cinder volume type, or None
    :param configuration: the backend's configuration
    :returns: the :class:`Wishes`
    :raises InvalidInput: when an extra spec, or its value, is unknown, or
        two of them contradict each other
    """
    specs = _specs(volume_type)
    thin = is_thin(volume_type, provisioning(configuration))
    clone = _choice(specs, CLONE_KEY, CLONE_CHOICES,
                    configuration.dsware_clone)
    # A linked clone allocates space when it is written, so it is thin.
    return Wishes(thin=thin, full_clone=clone == 'full' or not thin)


def discards(volume, configuration) -> bool:
    """Tell whether a volume gives back space that its user discards.

    It is attached all the same when its type has become a wrong one.

    :param volume: the Cinder volume
    :param configuration: the backend's configuration
    """
    specs = (volume.volume_type.extra_specs if volume.volume_type else None)
    return (specs or {}).get(PROVISIONING_KEY,
                             provisioning(configuration)) != 'thick'


def provisioning(configuration) -> str:
    """Tell how a backend makes volumes whose type does not say.

    :param configuration: the backend's configuration
    :returns: thin or thick
    """
    return 'thin' if configuration.san_thin_provision else 'thick'


def is_thin(volume_type, default) -> bool:
    """Tell whether volumes of a type are thin.

    :param volume_type: the Cinder volume type, or None
    :param default: what they are when the type does not say
    :raises InvalidInput: when an extra spec, or its value, is unknown, or
        two of them contradict each other
    """
    return _choice(_specs(volume_type), PROVISIONING_KEY, ('thin', 'thick'),
                   default) == 'thin'


def _specs(volume_type):
    specs = (volume_type.extra_specs if volume_type else None) or {}
    for key in specs:
        if key.startswith(_OUR_SPECS) and key not in _KNOWN_SPECS:
            raise exception.InvalidInput(reason=_(
                'extra spec %(key)s of the volume type is unknown; the '
                'driver knows %(known)s') % {
                    'key': key, 'known': ', '.join(_KNOWN_SPECS)})
    _check_together(specs)
    return specs


def _check_together(specs):
    if (specs.get(PROVISIONING_KEY), specs.get(CLONE_KEY)) == (
            'thick', 'linked'):
        raise exception.InvalidInput(reason=_(
            'extra specs %(provisioning)s = thick and %(clone)s = linked of '
            'the volume type contradict each other: a linked clone is thin. '
            'Leave one of them out, or use %(clone)s = full') % {
                'provisioning': PROVISIONING_KEY, 'clone': CLONE_KEY})


def _choice(specs, key, choices, default):
    value = specs.get(key, default)
    if value not in choices:
        raise exception.InvalidInput(reason=_(
            'extra spec %(key)s = %(value)s of the volume type: it must be '
            'one of %(choices)s') % {
                'key': key, 'value': value, 'choices': ' | '.join(choices)})
    return value
