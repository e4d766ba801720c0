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

"""Compares what Cinder has with what is on a cluster.

Both change meanwhile, so nothing is told that was seen but once. The listing
of the cluster comes first, then Cinder's records. Whatever does not agree is
looked for on the cluster again, and Cinder's records are read before and
after that: what has changed between is in work.
"""

from collections.abc import Callable
from collections.abc import Iterator
import dataclasses
import time

from cinder.volume.drivers.dsware.array import array as arrays
from cinder.volume.drivers.dsware.array import names
from cinder.volume.drivers.dsware import exceptions
from dsware_doctor.backend import database
from dsware_doctor.backend import judge as judges
from dsware_doctor import findings
from dsware_doctor import report as reports

_SECTION = 'Cinder and the cluster'
KINDS = ('volume', 'snapshot')
# So many are asked for one by one; for more the pools are listed again.
_FEW = 200
# Seconds by which clocks may differ without a word.
_CLOCK = 5
_MAKING = ('creating', 'downloading')
# When Cinder forgot what it never knew.
_NEVER = object()


@dataclasses.dataclass(frozen=True)
class Member:
    """A backend of the cluster.

    :ivar name: its name
    :ivar place: where Cinder says that its volumes are
    :ivar pools: the ids of the pools that it uses
    :ivar copy_timeout: seconds after which no copy goes on
    """

    name: str
    place: database.Place
    pools: list[int]
    copy_timeout: int


class Cluster:
    """Asks a cluster what there is of a kind.

    :param array: the :class:`array.Array`
    :param kind: volume or snapshot
    """

    def __init__(self, array: arrays.Array, kind: str):
        self._queries = array.queries
        self._list = getattr(array.queries, kind + 's_of_pool')
        self._query = getattr(array.queries, kind)
        #: Names of objects of which the cluster did not tell.
        self.untold: set[str] = set()

    def listed(self, pools: list[int]) -> Iterator:
        """List the objects in some pools.

        :param pools: their ids
        :raises DSWareError: the cluster does not answer
        """
        for pool in pools:
            yield from self._list(pool)

    def there(self, wanted: set[str]) -> dict[str, judges.Seen]:
        """Look again which objects are there, in whatever pool.

        :param wanted: their names
        :raises DSWareError: the cluster does not answer
        """
        if len(wanted) > _FEW:
            pools = [pool.pool_id for pool in self._queries.pools()]
            return {found.name: judges.Seen.of(found)
                    for found in self.listed(pools) if found.name in wanted}
        found = ((name, self._asked(name)) for name in wanted)
        return {name: judges.Seen.of(one) for name, one in found if one}

    def _asked(self, name):
        if not names.is_legal(name):
            return None
        try:
            return self._query(name)
        except exceptions.DSWareError:
            self.untold.add(name)
            return None

    def snapshots_of(self, volume: str) -> list[str]:
        """Name the snapshots of a volume, as far as the cluster tells.

        :param volume: its name
        """
        try:
            return self._queries.snapshots_of(volume)
        except exceptions.DSWareError:
            return []


class Comparison:
    """Compares all backends of one cluster.

    :param report: what is found is added to it
    :param members: the backends
    :param array: what talks to the cluster
    :param judge: the :class:`judges.Judge`
    """

    def __init__(self, report: reports.Report, members: list[Member],
                 array: arrays.Array, judge: judges.Judge):
        self._report = report
        self._members = members
        self._array = array
        self._judge = judge
        self._newest = 0

    def run(self) -> None:
        """Compare; nothing is changed on either side.

        :raises DSWareError: the cluster does not answer
        :raises SQLAlchemyError: nor does the database
        """
        for kind in KINDS:
            _Kind(self._report, self._members, Cluster(self._array, kind),
                  self._judge, kind).compare(self._note_time)
        first = self._members[0].name
        self._report.add(_SECTION, [_clock(self._newest)], first)
        for member in self._members:
            self._measure(member.name)

    def _note_time(self, found):
        self._newest = max(self._newest, found.create_time)

    def _measure(self, backend):
        def count(*codes):
            return sum(self._report.counts.get((code, backend), 0)
                       for code in codes)

        for name, codes in (
                ('volumes_missing', ('volume-missing',)),
                ('snapshots_missing', ('snapshot-missing',)),
                ('orphans', ('orphan-volume', 'orphan-snapshot')),
                ('temporary_objects', ('temporary-object',))):
            self._report.measure(name, count(*codes), backend=backend)


class _Kind:
    """Compares the volumes, or the snapshots."""

    def __init__(self, report, members, cluster, judge, kind):
        self._report = report
        self._members = members
        self._cluster = cluster
        self._judge = judge
        self._kind = kind
        # By name, what no record was found for.
        self._left: dict[str, judges.Seen] = {}
        self._temporary: dict[str, int] = {}

    def compare(self, see: Callable) -> None:
        """Compare.

        :param see: is given each object that is listed
        """
        pools = sorted({pool for one in self._members for pool in one.pools})
        for found in self._cluster.listed(pools):
            see(found)
            if names.is_temporary(found.name):
                self._temporary[found.name] = found.create_time
            self._left[found.name] = judges.Seen.of(found)
        total = len(self._left)
        suspects = {one.name: list(self._suspects(one))
                    for one in self._members}
        self._left = {name: seen for name, seen in self._left.items()
                      if database.id_in(self._kind, name)}
        for one in self._members:
            self._tell(one, suspects[one.name])
        self._tell_orphans()
        self._tell_temporary()
        self._tell_untold()
        self._report.add(_SECTION, [findings.ok(
            'in pools %s, of all their users: %s' % (
                ', '.join(map(str, pools)),
                findings.counted(total, self._kind)))],
            self._members[0].name)

    def _suspects(self, member):
        """Give the ids of records that do not agree with the listing."""
        count = 0
        for record in database.records(self._kind, member.place):
            count += 1
            if self._judge.verdict(record, self._left.pop(
                    record.on_cluster, None)):
                yield record.id
        self._report.measure(self._kind + 's', count, backend=member.name)
        self._report.add(_SECTION, [findings.ok('in Cinder: %s' % (
            findings.counted(count, self._kind)))], member.name)

    def _tell(self, member, ids):
        """Look at both again, and tell what has not changed meanwhile."""
        before, wanted = {}, set()
        for record in database.again(self._kind, ids):
            before[record.id] = record.fingerprint
            wanted.add(record.on_cluster)
        there = self._cluster.there(wanted)
        for record in database.again(self._kind, ids):
            if (before.get(record.id) == record.fingerprint
                    and record.on_cluster not in self._cluster.untold
                    and member.place.has(record)):
                self._judged(member.name, record,
                             there.get(record.on_cluster))

    def _judged(self, backend, record, there):
        code = self._judge.verdict(record, there)
        if code and self._report.wants(code, backend):
            self._report.add(_SECTION, [self._judge.finding(
                code, record, there, self._cluster.snapshots_of)], backend)
        elif code:
            self._report.count(code, backend)

    # What nobody has ------------------------------------------------------

    def _nobodys(self, candidates):
        """Find what is on the cluster, and of no record of any host.

        Cinder knows an object before the cluster has it, and as long. So
        what it did not know before the cluster was asked, and does not know
        afterwards, it never had at that time.
        """
        candidates -= database.owned(self._kind, candidates)
        if not candidates:
            return {}
        there = self._cluster.there(candidates)
        owned = database.owned(self._kind, there)
        return {name: seen for name, seen in there.items()
                if name not in owned}

    def _tell_orphans(self):
        found = self._nobodys(set(self._left))
        ids = {name: database.id_in(self._kind, name) for name in found}
        forgotten = database.forgotten(self._kind, list(ids.values()))
        code = 'orphan-' + self._kind
        for name in sorted(found):
            member = self._user_of(found[name].pool)
            if self._report.wants(code, member.name):
                self._report.add(_SECTION, [self._orphan(
                    code, name, found[name], forgotten.get(
                        ids[name], _NEVER), member)], member.name)
            else:
                self._report.count(code, member.name)

    def _user_of(self, pool):
        return next((one for one in self._members if pool in one.pools),
                    self._members[0])

    def _orphan(self, code, name, seen, when, member):
        if when is not _NEVER:
            cause = ('Cinder forgot it at %s UTC: it was unmanaged, or its '
                     'record was removed by hand' % when)
        else:
            cause = ("Cinder's database does not know it: it is of another "
                     'OpenStack that uses this pool, or older than a purge '
                     'of the database')
        if self._kind == 'volume':
            keep = 'cinder', 'manage', '%s#%d' % (
                member.place.host, seen.pool), name
            delete = self._judge.cluster.command('deleteVolume', volName=name)
        else:
            keep = 'cinder', 'snapshot-manage', 'VOLUME', name
            delete = self._judge.cluster.command('deleteSnapshot',
                                                 snapName=name)
        return findings.problem(
            code, '%s %s, %d MiB in pool %d, is not in Cinder' % (
                self._kind, name, seen.size, seen.pool),
            'take it over: %s; or, only when it is certain that nobody uses '
            'it, delete it: %s' % (findings.command(*keep), delete),
            cause, name)

    # What clones have left ------------------------------------------------

    def _tell_temporary(self):
        wanted = {name: database.id_in('volume', names.clone_of(name))
                  for name in self._temporary}
        known = {one.id: one for one in database.again(
            'volume', list(filter(None, wanted.values())))}
        left = {name for name, volume in wanted.items()
                if self._is_left(name, known.get(volume))}
        for name, seen in sorted(self._cluster.there(left).items()):
            self._report.add(_SECTION, [self._leftover(
                name, known.get(wanted[name]))],
                self._user_of(seen.pool).name)

    def _is_left(self, name, record):
        if record is not None:
            return record.status not in _MAKING
        # Of another OpenStack, maybe, which uses it just now.
        age = time.time() - self._temporary[name]
        return age > max(one.copy_timeout for one in self._members)

    def _leftover(self, name, record):
        op, key = ('deleteSnapshot', 'snapName') if (
            self._kind == 'snapshot') else ('deleteVolume', 'volName')
        return findings.problem(
            'temporary-object', 'temporary %s %s is left' % (
                self._kind, name),
            'none is needed: it goes when volume %s is deleted. When it is '
            'in the way of deleting the volume that it was made from: %s' % (
                record.id, self._judge.cluster.command(op, **{key: name}))
            if record else
            'when it is certain that no other OpenStack uses it: '
            + self._judge.cluster.command(op, **{key: name}),
            'a clone broke off, and the cluster could not be reached to '
            'remove it', name)

    def _tell_untold(self):
        if self._cluster.untold:
            self._report.add(_SECTION, [findings.problem(
                'listing-failed', 'the cluster did not tell of %s' % (
                    findings.counted(len(self._cluster.untold), self._kind)),
                'run this again when the cluster answers')],
                self._members[0].name)


def _clock(newest: int) -> findings.Finding:
    # No operation that is published tells the time.
    ahead = newest - time.time()
    if newest and ahead > _CLOCK:
        return findings.problem(
            'clock-ahead', 'the clock of the cluster is at least %d seconds '
            'ahead of that of this host' % ahead,
            'let both follow the same NTP servers',
            'it says so of when its newest object was made')
    return findings.ok(
        'the clock of the cluster is not known to be ahead of that of this '
        'host; no operation tells whether it is behind')
