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


"""One page of all that a pool holds, in the order that is asked for.

Only as much as the page needs is kept while a listing goes by: a pool can
hold a hundred thousand volumes, and cinder-volume serves others meanwhile.
"""

from collections.abc import Callable
from collections.abc import Iterable
import heapq
import json
import operator

from oslo_utils import units

from cinder import exception
from cinder.i18n import _
from cinder.volume.drivers.dsware.array import names

_MIB_PER_GIB = units.Gi // units.Mi
# So many records are kept as they are, more are packed.
_FEW = 4000
_BETWEEN = '\0'
_KEY = operator.itemgetter(0)
# The key in a reference, as in Cinder's own drivers.
SOURCE_NAME = 'source-name'


def whole_gib(mib: int) -> int:
    """Convert a size, rounding up as Cinder asks for.

    :param mib: MiB
    :returns: GiB
    """
    return -(-mib // _MIB_PER_GIB)


def name_in(reference, what: str) -> str:
    """Read a reference to an object on the cluster.

    :param reference: what a user gave
    :param what: what it is about, for the message
    :returns: the object's name
    :raises ManageExistingInvalidReference: there is no name in it
    """
    name = (reference.get(SOURCE_NAME) if isinstance(reference, dict)
            else None)
    if not isinstance(name, str) or not name:
        raise exception.ManageExistingInvalidReference(
            existing_ref=reference, reason=_(
                'it must have source-name, the name of the %s on the Dsware '
                'cluster') % what)
    return name


class Page:
    """A part of a listing.

    Sizes are compared in GiB, as they are shown; what is equal then is put
    in order by name, so that each item has but one place.

    :param marker: the reference that the page begins after, or None
    :param limit: how many items it has at most, None for all
    :param offset: how many items after the marker are left out
    :param sort_keys: of ``reference`` and ``size``
    :param sort_dirs: ``asc`` or ``desc`` for each
    """

    def __init__(self, marker, limit, offset, sort_keys, sort_dirs):
        orders = dict(reversed(list(zip(sort_keys or (), sort_dirs or ()))))
        keys = list(sort_keys or ())
        # No two names are equal, so nothing counts after the name.
        by_size = 'size' in keys and (
            'reference' not in keys
            or keys.index('size') < keys.index('reference'))
        self._downwards = orders.get('reference') == 'desc'
        self._sign = 0
        if by_size:
            turned = (orders['size'] == 'desc') != self._downwards
            self._sign = -1 if turned else 1
        self._marker = self._read(marker)
        self._offset = offset or 0
        self._limit = limit

    @staticmethod
    def _read(marker):
        if not marker:
            return None
        try:
            reference = (json.loads(marker) if isinstance(marker, str)
                         else marker)
            name = reference[SOURCE_NAME]
            if not isinstance(name, str) or not name:
                raise ValueError(name)
        except (ValueError, KeyError, TypeError) as error:
            raise exception.InvalidInput(reason=_(
                'marker %s is not a reference in JSON, as it is listed')
                % marker) from error
        return name

    def choose(self, records: Iterable, name: str, size: str,
               find: Callable) -> list:
        """Choose the records of the page.

        :param records: records of volumes or snapshots, in any order
        :param name: the field with the name
        :param size: the field with the size in MiB
        :param find: gives the volume or snapshot of a name, or None
        :returns: the page's records in order
        :raises InvalidInput: the marker is not one of them
        :raises KeyError: a record has no name or size
        :raises ValueError: a size is not a number
        """
        keyed = self._keyed(records, name, size, self._start(find))
        if self._limit is None:
            return self._deep(keyed, name, None)
        end = self._offset + self._limit
        if end > _FEW:
            return self._deep(keyed, name, end)
        best = heapq.nlargest if self._downwards else heapq.nsmallest
        return [record for _key, record
                in best(end, keyed, key=_KEY)[self._offset:]]

    def _deep(self, keyed, name, end):
        """Choose where so many are before the end that all are kept."""
        packer = _Packer(name)
        if self._sign:
            packed = [(key[0], packer.pack(record)) for key, record in keyed]
        else:
            packed = [packer.pack(record) for _key, record in keyed]
        packed.sort(reverse=self._downwards)
        chosen = packed[self._offset:end]
        return [packer.unpack(item[1] if self._sign else item)
                for item in chosen]

    def _start(self, find):
        """Give the key that the page begins after, or None."""
        if self._marker is None:
            return None
        if not self._sign and not names.is_legal(self._marker):
            # It is listed, but no cluster can be asked for it.
            return self._marker
        found = find(self._marker)
        if found is None:
            raise exception.InvalidInput(
                reason=_('marker not found: %s') % self._marker)
        return self._key(found.name, found.size)

    def _key(self, name, mib):
        # One text is compared faster than a pair.
        return (self._sign * whole_gib(mib), name) if self._sign else name

    def _keyed(self, records, name, size, start):
        """Pair the records after the marker with what they are ordered by.

        This is done for each volume of a pool: every call counts.
        """
        sign, downwards = self._sign, self._downwards
        for record in records:
            key = record[name]
            if sign:
                # As _key() does.
                key = -(-int(record[size]) // _MIB_PER_GIB) * sign, key
            if start is None or (key < start if downwards else key > start):
                yield key, record


class _Packer:
    """Makes texts of records, which take an eighth of the memory.

    They are put in order by name as they are.

    :param name: the field with the name
    """

    def __init__(self, name):
        self._name = name
        self._shapes = {}

    def pack(self, record):
        shape = self._shapes.setdefault(tuple(record), len(self._shapes))
        text = _BETWEEN.join((record[self._name], str(shape),
                              *record.values()))
        if text.count(_BETWEEN) != len(record) + 1:
            raise ValueError(f'{text!r} has a null character')
        return text

    def unpack(self, text):
        _name, shape, *values = text.split(_BETWEEN)
        return dict(zip(list(self._shapes)[int(shape)], values))
