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

"""Names of objects on the cluster."""

import hashlib
import re

from cinder.i18n import _
from cinder.volume.drivers.dsware import exceptions

# Published rule for the names of volumes and snapshots.
_NAME = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_.-]{0,94}', re.ASCII)
# A snapshot that exists only while a volume is made from another volume. It
# is named after the new volume, so that whoever cleans up can find it.
_TEMPORARY_SUFFIX = '.clone'
# A volume that exists only while another one is moved to its pool.
_MOVED_SUFFIX = '.move'
# The QoS of one volume is named after it, for the same reason.
_POLICY_SUFFIX = '.qos'
_LONGEST = 95
# One of the published clients cuts the names of QoS there.
_LONGEST_POLICY = 63
_DIGEST = 16
_WITH_ID = re.compile(r'.*[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}.*',
                      re.ASCII)
_CUT = re.compile(r'.*\.[0-9a-f]{%d}' % _DIGEST, re.ASCII)


def check(*given: str) -> None:
    """Check names before they are sent.

    :param given: the names of volumes or snapshots
    :raises InvalidRequest: when the cluster could not take one
    """
    for name in given:
        if not is_legal(name):
            raise exceptions.InvalidRequest(
                name=repr(name), desc=_(
                    'a name on the cluster has 1 to 95 of the characters '
                    'A-Z a-z 0-9 _ . - and does not start with - or .'))


def is_legal(name: str) -> bool:
    """Tell whether the cluster can take a name.

    :param name: any text
    """
    return bool(_NAME.fullmatch(name))


def _derived(name, suffix, longest=_LONGEST):
    if len(name) + len(suffix) <= longest:
        return name + suffix
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]
    kept = longest - len(suffix) - _DIGEST - 1
    return f'{name[:kept]}.{digest}{suffix}'


def _is_derived(name, suffix):
    stem = name.removesuffix(suffix)
    return stem != name and bool(
        _WITH_ID.fullmatch(stem)
        or (len(name) == _LONGEST and _CUT.fullmatch(stem)))


def temporary(volume: str) -> str:
    """Name the snapshot that a volume is cloned through.

    :param volume: the name of the new volume
    :returns: the name of the temporary snapshot; a volume's name that
        leaves no room for the suffix is cut and completed with a digest
    :raises InvalidRequest: when the volume's name is not a legal one
    """
    check(volume)
    return _derived(volume, _TEMPORARY_SUFFIX)


def is_temporary(name: str) -> bool:
    """Tell whether something exists only to clone or to move a volume.

    The volume's name, which has its id, is looked for too: what somebody
    else named with the same suffix is not one of these.

    :param name: the name of a snapshot or a volume
    """
    return (_is_derived(name, _TEMPORARY_SUFFIX)
            or _is_derived(name, _MOVED_SUFFIX))


def moved(volume: str) -> str:
    """Name the volume that is made to move another one to its pool.

    :param volume: the name of the one that moves
    :returns: the other's name; one that leaves no room for the suffix is cut
        and completed with a digest
    :raises InvalidRequest: when the volume's name is not a legal one
    """
    check(volume)
    return _derived(volume, _MOVED_SUFFIX)


def clone_of(snapshot: str) -> str:
    """Name the volume that a temporary snapshot is for.

    :param snapshot: the snapshot's name
    :returns: the new volume's name, as far as it was not cut
    """
    return snapshot.removesuffix(_TEMPORARY_SUFFIX)


def policy(volume: str) -> str:
    """Name the QoS that holds the limits of one volume.

    :param volume: the volume's name on the cluster
    :returns: the name of its QoS; a volume's name that leaves no room for
        the suffix is cut and completed with a digest
    """
    return _derived(volume, _POLICY_SUFFIX, _LONGEST_POLICY)
