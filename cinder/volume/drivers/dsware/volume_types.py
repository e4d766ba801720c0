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
PROVISIONING_KEY = 'provisioning:type'


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
    :raises InvalidInput: when an extra spec has a value that is unknown
    """
    specs = (volume.volume_type.extra_specs if volume.volume_type else None)
    specs = specs or {}
    default = 'thin' if configuration.san_thin_provision else 'thick'
    thin = _choice(specs, PROVISIONING_KEY, ('thin', 'thick'),
                   default) == 'thin'
    clone = _choice(specs, CLONE_KEY, ('linked', 'full'),
                    configuration.dsware_clone)
    # A linked clone allocates space when it is written, so it is thin.
    return Wishes(thin=thin, full_clone=clone == 'full' or not thin)


def _choice(specs, key, choices, default):
    value = specs.get(key, default)
    if value not in choices:
        raise exception.InvalidInput(reason=_(
            'extra spec %(key)s = %(value)s of the volume type: it must be '
            'one of %(choices)s') % {
                'key': key, 'value': value, 'choices': ' | '.join(choices)})
    return value
