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

"""What must be so after a crash, and what must still work."""

from oslo_config import cfg

from cinder.db import api as db
from cinder import exception
from cinder import objects
from cinder.volume.drivers.dsware import naming

from dsware_sim.cluster import model
from functional.crashes import service
from functional.crashes import setup
from functional.services import waiting

CONF = cfg.CONF
_AT_REST = frozenset(('available', 'in-use', 'error', 'error_deleting',
                      'error_extending', 'error_managing'))
# A volume that could not be made need not be there.
_WORKING = (model.VOLUME_COPYING,)
_MIGRATED = frozenset((None, 'success', 'error'))
_GOING = frozenset(('deleting', 'deleted'))
_FAILED = frozenset(('error', 'error_managing'))
_LIMITS = {setup.LIMITED: 10, setup.SLOWER: 5}


class Wrong(Exception):
    """Something is not as it has to be."""


class Checker(object):
    """Compares what Cinder knows with what there is.

    :param operation: the :class:`operations.Operation`
    """

    def __init__(self, operation):
        self._operation = operation
        self._setup = operation.setup
        self._ctxt = operation.ctxt
        # What an administrator had to reset: status by id.
        self._unfinished = {}

    # -- states -----------------------------------------------------------

    def reset_stuck(self, killed=False):
        """Let an administrator reset what Cinder has left in between.

        As with ``cinder reset-state --reset-migration-status``.

        :param killed: whether the volume service was
        :returns: what it was, as kind:status
        :raises Wrong: it was not, so it should have ended the request
        """
        found = set()
        for kind, records in setup.all_records(self._ctxt).items():
            for record in records:
                if state := _in_between(record):
                    found.add('%s:%s' % (kind, state))
                    self._reset(record)
        if found and not killed:
            raise Wrong('left in %s' % ', '.join(sorted(found)))
        return sorted(found)

    def _reset(self, record):
        self._unfinished[record.id] = record.status
        # What was there before Cinder is let go of, not deleted.
        record.status = ('available' if self._operation.takes_over
                         else 'error')
        if 'migration_status' in record.fields:
            record.migration_status = None
        record.save()

    def outcome(self):
        """Tell in a word or two what has become of the request.

        :returns: the states of the things that it is about
        """
        wanted = {'volume': ('new', 'volume'), 'group': ('group',),
                  'snapshot': ('snapshot',)}
        found = []
        for keys in wanted.values():
            for key in keys:
                id_ = self._setup.state['ids'].get(key)
                if id_ and id_ not in self._setup.state['quiet']:
                    found.append(self._status_of(id_))
        return ' '.join(found) or 'done'

    def _status_of(self, id_):
        for records in setup.all_records(self._ctxt).values():
            for record in records:
                if record.id == id_:
                    return record.status
        return 'gone'

    # -- both sides -------------------------------------------------------

    def compare(self, killed=False):
        """Compare all that there is.

        :param killed: whether the volume service was, and nobody has cleared
            up yet: then sizes, limits and attachments may be others, and
            there may be more that goes with a volume
        :raises Wrong: something is lost, left over or another's
        """
        status = self._status_at_rest()
        there = {item['name']: item
                 for item in status['volumes'] + status['snapshots']}
        problems = [*self._compare_records(there, killed),
                    *self._left_over(there, killed),
                    *self._compare_foreign(there)]
        if not killed:
            problems += [*self._compare_limits(status),
                         *self._compare_attachments(status)]
        if problems:
            raise Wrong('; '.join(problems))
        self._unfinished.clear()

    def _status_at_rest(self):
        """Wait for what the cluster goes on with when nobody waits."""
        def is_at_rest():
            nonlocal status
            status = self._setup.cluster.status()
            return not any(item['status'] in _WORKING for item in
                           status['volumes'] + status['snapshots'])

        status = None
        waiting.wait_for(is_at_rest, service.SECONDS,
                         'The end of copies in the cluster')
        return status

    def _compare_attachments(self, status):
        for item in status['attachments']:
            if item['name'] not in self._operation.attached():
                yield '%(name)s is attached to %(agent)s' % item

    def _records(self):
        for volume in objects.VolumeList.get_all(self._ctxt):
            yield volume, naming.volume_name(volume), volume.size
        for snapshot in objects.SnapshotList.get_all(self._ctxt, {}):
            yield snapshot, naming.snapshot_name(snapshot), None

    def _compare_records(self, there, killed):
        for record, name, size in self._records():
            is_new = record.id not in self._setup.state['before']
            was = self._unfinished.get(record.id)
            if is_new and (was or record.status in _FAILED):
                continue
            found = there.get(name)
            if found is None:
                dropped = killed and is_new and self._operation.drops_new
                if was not in _GOING and not dropped:
                    yield '%s is %s and lost' % (name, was or record.status)
                continue
            if found['status']:
                yield '%s has status %s' % (name, found['status'])
            if size and not was and record.status != 'error_extending' and (
                    found['size'] != size * 1024):
                yield '%s has %s MiB and not %s GiB' % (
                    name, found['size'], size)
            yield from self._compare_data(record.id, name)

    def _compare_data(self, id_, name):
        allowed = self._setup.state['contents'].get(id_)
        if allowed is None:
            return
        _size, content = self._setup.cluster.read(name)
        if content not in allowed:
            yield '%s holds %s and not %s' % (name, content, allowed)

    def _left_over(self, there, killed):
        known = {name for _record, name, _size in self._records()}
        if killed:
            known |= {name + '.clone' for name in known}
            # Both records of a copy may have the name of one for a moment.
            known |= {CONF.volume_name_template % record.id
                      for record, _name, _size in self._records()}
        known |= set(self._setup.state.get('foreign', {}))
        known |= set(self._setup.state.get('left', ()))
        for name in set(there) - known:
            yield '%s is left over' % name

    def _compare_foreign(self, there):
        for name, content in self._setup.state.get('foreign', {}).items():
            if name not in there:
                yield '%s, which is not of Cinder, is gone' % name
            elif self._setup.cluster.read(name)[1] != content:
                yield '%s, which is not of Cinder, was changed' % name

    def _compare_limits(self, status):
        wanted = {}
        for volume in objects.VolumeList.get_all(self._ctxt):
            limit = volume.volume_type and _LIMITS.get(
                volume.volume_type.name)
            if limit and volume.status == 'available':
                wanted[naming.volume_name(volume)] = limit * volume.size
        policies = {item['name']: item for item in status['qos']}
        names = {name + '.qos' for _record, name, _size in self._records()}
        names |= {name + '.qos'
                  for name in self._setup.state.get('foreign', {})}
        for name in set(policies) - names:
            yield 'QoS %s is left over' % name
        for name, limit in wanted.items():
            found = policies.get(name + '.qos')
            if (not found or found['limits']['maxIOPS'] != limit
                    or found['volumes'] != [name]):
                yield 'limits of %s: %s' % (name, found)

    # -- what must still work ---------------------------------------------

    def clear_failed(self):
        """Delete what the request has made, as its user does."""
        before = self._setup.state['before']
        if self._operation.takes_over:
            self._unmanage(before)
        self._delete(lambda record: record.id not in before)

    def _unmanage(self, before):
        """Let go of what was taken over, which is to stay."""
        manager, records = self._setup.manager, setup.all_records(self._ctxt)
        for kind, let_go in (('snapshot', manager.delete_snapshot),
                             ('volume', manager.delete_volume)):
            for record in records[kind]:
                if record.status == 'available' and record.id not in before:
                    let_go(self._ctxt, record, unmanage_only=True)

    def make_usable(self):
        """Let an administrator say that old volumes are all right."""
        for records in setup.all_records(self._ctxt).values():
            for record in records:
                if record.status != 'available' and (
                        record.id in self._setup.state['before']):
                    record.status = 'available'
                    record.save()

    def delete_all(self):
        """Delete everything.

        :raises Wrong: something is left
        """
        self._delete(lambda record: True)
        self._setup.state['left'] = []
        self.compare()
        left = [record for records in setup.all_records(
            self._ctxt).values() for record in records]
        if left:
            raise Wrong('not deleted: %s' % left)

    def _delete(self, wanted):
        manager, records = self._setup.manager, setup.all_records(self._ctxt)
        for snapshot in filter(wanted, records['snapshot']):
            snapshot.status = 'deleting'
            snapshot.save()
            manager.delete_snapshot(self._ctxt, snapshot)
        for one in filter(wanted, records['group_snapshot']):
            one.destroy()
        again = []
        for volume in filter(wanted, records['volume']):
            error = self._why_not_deleted(volume)
            # Until the clone is deleted on whose way it broke off.
            if 'is cloned through these snapshots' in str(error):
                again.append(volume)
            elif error:
                raise Wrong('%s cannot be deleted: %s' % (volume.name, error))
        for volume in again:
            if error := self._why_not_deleted(volume):
                raise Wrong('%s cannot be deleted: %s' % (volume.name, error))
        for group in filter(wanted, records['group']):
            group.destroy()

    def _why_not_deleted(self, volume):
        """Delete a volume, and tell why that does not work, if so."""
        volume.status = 'deleting'
        volume.save()
        # As the API does, so that nothing is cloned from it any more.
        db.image_volume_cache_delete(self._ctxt, volume.id)
        try:
            return self._setup.manager.delete_volume(self._ctxt, volume)
        except exception.CinderException as error:
            return error


def _in_between(record):
    """Tell the state that a record must be got out of; None for none."""
    if record.status not in _AT_REST:
        return record.status
    migration = getattr(record, 'migration_status', None)
    return None if migration in _MIGRATED else migration.partition(':')[0]


def carefully(call, *args):
    """Let an operation fail as it does for Cinder's services.

    :param call: what is called
    :param args: for it
    :returns: the error, or None
    """
    try:
        call(*args)
    except Exception as error:
        # taskflow wraps what its tasks raise, too.
        return error
    return None
