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

"""Two cinder-volume services serve a backend together, and one is killed.

Requests of thirty operations are held on the cluster when that happens, and
carried out afterwards, as they may be in life.
"""

import contextlib
import re

from openstack import exceptions

from functional.box.scenarios import base
from functional.box.scenarios import work
from functional.box import volume_host
from functional import content
from functional.services import waiting

BACKEND = 'pair'
CLUSTER = 'pairs'
HOSTS = ('first', 'second')
#: Volume types, and what they want besides the backend.
TYPES = {'pair': {}, 'pair-full': {'dsware:clone': 'full'},
         'pair-0': {'pool_name': '0'}, 'pair-1': {'pool_name': '1'}}
# Longer than anything is held.
PATIENCE = {'dsware_request_timeout': 600}
# Requests that are held, and how many there are to be. An operation may make
# several: those that come before the one that it is held at are let pass.
_COPIES = {'createVolumeFromSnap': 5, 'createFullVolumeFromSnap': 3,
           'migrateVolumeCold': 2, 'attachVolume': 5}
_DELETIONS = {'deleteVolume': 3}
_OTHERS = dict.fromkeys(('createVolume', 'createSnapshot', 'deleteSnapshot',
                         'expandVolume'), 3)
# Answered at once, and under way as long as copies are paused.
_BY_COPYING = {'createFullVolumeFromSnap', 'migrateVolumeCold'}
# Of thirty that are handed out in turn.
FEWEST = 6
AT_ODDS = 'Cinder and the cluster'
ATTACHED = ('from image', 'to image')
MIB_PER_GIB = 1024


class ServicesTest(base.ScenarioTestCase):

    def setUp(self):
        super().setUp()
        self.images = self.plane.connection.image
        self.ledger = work.Ledger(self.volumes)
        self.addCleanup(self._delete_types)
        section = self.plane.backend(BACKEND, **PATIENCE)
        self.lost, self.other = self.hosts = [
            volume_host.VolumeHost(self.plane.cinder, name, CLUSTER, BACKEND,
                                   section, address)
            for name, (address, _port) in zip(
                HOSTS, self.plane.simulator.agents)]
        self.addCleanup(self._forget_hosts)
        for host in self.hosts:
            host.start()
        for name, specs in TYPES.items():
            self.volumes.create_type(name=name, extra_specs={
                'volume_backend_name': BACKEND, **specs})
        for host in self.hosts:
            host.wait(self.volumes)
        self.addCleanup(self._delete_all)

    def test_one_dies_in_the_middle_of_many_operations(self):
        self.make_sources()
        self.begin()
        lost, others = self.share_out()
        self.kill(lost)

        self.check_what_others_did(others)
        self.assertEqual(self.ledger.expected(lost, work.STATES),
                         self.ledger.states(lost))
        self.check_that_the_other_serves_all()

        self.wait_for(lambda: not self.lost.is_up(self.volumes),
                      'The end of ' + self.lost.name)
        self.assertEqual({one.id for one in lost}, self.stuck())
        self.clean_up(lost)
        self.clear_by_hand(lost)
        self.check_what_is_attached(lost)
        self.start_again()
        self.end_what_was_attached(lost)
        self.check_that_both_serve()
        self.check_that_all_agree()
        self._delete_all()

    # Before ---------------------------------------------------------------

    def make_sources(self):
        """Make what is copied, changed and deleted later.

        Each volume has bytes of its own, named after its id.
        """
        self.image = self.plane.connection.create_image(
            BACKEND, data=content.data(BACKEND, base.MIB), wait=True,
            disk_format='raw', container_format='bare').id
        self.addCleanup(self.images.delete_image, self.image)
        made = [self.create() for _number in range(18)]
        self.wait_for_all(made)
        for volume in made:
            with self.attached('volume-' + volume.id) as path:
                content.write(path, 0, content.data(volume.id, base.MIB))
        self.cloned, self.snapped, self.moved = made[:5], made[5:8], made[8:10]
        self.deleted, self.extended = made[10:13], made[13:16]
        self.uploaded = made[16:]
        self.kept, self.doomed = [[
            self.volumes.create_snapshot(volume_id=volume.id)
            for volume in self.snapped] for _time in range(2)]
        self.wait_for_all(self.kept + self.doomed,
                          self.volumes.get_snapshot)
        self.sources = made

    def create(self, volume_type='pair', **attributes):
        return self.volumes.create_volume(size=1, volume_type=volume_type,
                                          **attributes)

    def wait_for_all(self, made, get=None):
        """Wait until all of what was made is available."""
        get = get or self.volumes.get_volume

        def available():
            states = {get(one.id).status for one in made}
            self.assertNotIn('error', states)
            return states == {'available'}

        self.wait_for(available, '%d new ones' % len(made))

    @contextlib.contextmanager
    def attached(self, name):
        """Attach something to a host, without Cinder.

        :param name: its name on the cluster
        :returns: a context manager whose value is the path of the device
        """
        simulator = self.plane.simulator
        printed = simulator.run('attachVolume', 1, volName=name)
        yield re.search(r'devName=([^\],\s]+)', printed)[1]
        simulator.run('detachVolume', 1, volName=name)

    # The operations -------------------------------------------------------

    def begin(self):
        """Begin all operations, and have the cluster hold them."""
        self.control.pause_copies()
        self.addCleanup(self.control.resume_copies)
        for begin, wanted in ((self.begin_copies, _COPIES),
                              (self.begin_deletions, _DELETIONS),
                              (self.begin_others, _OTHERS)):
            before = self.control.counts()
            self.hold(*wanted.keys() - _BY_COPYING)
            begin()
            self.wait_for_requests(before, wanted)

    def hold(self, *ops):
        for op in ops:
            self.control.add_fault(kind='hold', op=op)

    def begin_copies(self):
        ask = self.ledger.ask
        for number, volume in enumerate(self.cloned):
            what, kind = (('clone', 'pair') if number < 3 else
                          ('clone, full', 'pair-full'))
            ask(what, self.create, volume_type=kind, bytes_of=volume.id,
                source_volume_id=volume.id)
        for number, snapshot in enumerate(self.kept):
            what, kind = (('from snapshot', 'pair') if number < 2 else
                          ('from snapshot, full', 'pair-full'))
            ask(what, self.create, volume_type=kind, snapshot_id=snapshot.id,
                bytes_of=snapshot.volume_id)
        for _number in range(3):
            ask('from image', self.create, image_id=self.image,
                bytes_of=BACKEND)
        for volume in self.uploaded:
            ask('to image', self.upload, volume, bytes_of=volume.id)
        for volume in self.moved:
            ask('to another pool', self.move, volume, bytes_of=volume.id)

    def begin_deletions(self):
        for volume in self.deleted:
            self.ledger.ask('delete volume', self.volumes.delete_volume,
                            volume)

    def begin_others(self):
        ask = self.ledger.ask
        for _number in range(3):
            ask('create', self.create)
        for volume in self.snapped:
            ask('snapshot', self.snapshot, volume_id=volume.id,
                kind='snapshot', bytes_of=volume.id)
        for snapshot in self.doomed:
            ask('delete snapshot', self.volumes.delete_snapshot, snapshot,
                kind='snapshot')
        for volume in self.extended:
            ask('extend', self.volumes.extend_volume, volume, 2,
                bytes_of=volume.id)

    def snapshot(self, **attributes):
        return self.volumes.create_snapshot(is_forced=True, **attributes)

    def upload(self, volume):
        return self.volumes.upload_volume_to_image(
            volume, volume.id, disk_format='raw', container_format='bare')

    def move(self, volume):
        """Have a volume moved to the other pool."""
        pool = self.volumes.get_volume(volume.id).host.partition('#')[2]
        self.volumes.retype_volume(
            volume, 'pair-1' if pool == '0' else 'pair-0', 'on-demand')

    def wait_for_requests(self, before, wanted):
        """Wait until the cluster has been asked for all of something.

        :param before: how often it had been before
        :param wanted: how many more requests there are to be, by operation
        """
        def asked():
            now = self.control.counts()
            found = {op: now.get(op, 0) - before.get(op, 0) for op in wanted}
            if found != wanted:
                raise waiting.NotYet(found)
            return True

        self.wait_for(asked, 'All requests', seconds=100)

    def share_out(self):
        """Tell who is at which operations.

        :returns: those of the host that is going to die, and the others
        """
        lost, others = (self.ledger.of(host.log()) for host in self.hosts)
        self.assertEqual(30, len(self.ledger.operations))
        self.assertEqual(set(self.ledger.operations), {*lost, *others})
        self.assertEqual(30, len(lost) + len(others))
        self.assertLessEqual(FEWEST, min(len(lost), len(others)))
        return lost, others

    def kill(self, lost):
        killed, privileged = self.lost.kill()
        # The one that was started, and the one that serves.
        self.assertEqual(2, killed)
        if any(one.what in ATTACHED for one in lost):
            self.assertLess(0, privileged)
        self.control.clear_faults()
        self.control.resume_copies()
        self.wait_for(self.lost.ended, "The end of root's processes")

    # What the other one does ----------------------------------------------

    def check_what_others_did(self, others):
        self.wait_for(lambda: self.ledger.all_ended(others),
                      'The end of what the living is at')
        self.check_data(others)
        for one in others:
            if one.what in work.DELETIONS:
                self.assertNotIn(one.name, self.names())
            elif one.what == 'to another pool':
                self.assert_moved(one)
            elif one.what.startswith('clone'):
                self.assertNotIn(one.name + '.clone', self.names())
        self.check_sizes()

    def names(self):
        return set().union(*self.objects().values())

    def assert_moved(self, one):
        there, = (volume for volume in self.control.status()['volumes']
                  if volume['name'] == one.name)
        volume = self.volumes.get_volume(one.id)
        self.assertEqual('pair-%d' % there['pool_id'], volume.volume_type)
        self.assertEqual(str(there['pool_id']),
                         volume.host.partition('#')[2])

    def check_data(self, operations):
        """Check the bytes of all that has been made or changed."""
        for one in operations:
            if one.image:
                self.check_image(one)
            if self.ledger.state(one) == 'available':
                with self.attached(one.name) as path:
                    self.assert_bytes(path, one.bytes_of)

    def assert_bytes(self, path, seed):
        with open(path, 'rb') as device:
            found = device.read(base.MIB)
        # Not assertEqual, which would print all of it.
        self.assertTrue(found == (content.data(seed, base.MIB) if seed
                                  else bytes(base.MIB)),
                        'other bytes than %s on %s' % (seed, path))

    def check_image(self, one):
        image = self.images.get_image(one.image)
        self.assertEqual('active', image.status)
        with contextlib.closing(self.images.download_image(
                image, stream=True)) as answer:
            found = answer.raw.read(base.MIB)
        self.assertTrue(found == content.data(one.bytes_of, base.MIB),
                        'other bytes than %s in its image' % one.bytes_of)
        self.images.delete_image(image)

    def check_sizes(self):
        """Check what Cinder says of each volume and snapshot to be usable."""
        there = {one['name']: one['size'] for kind in ('volumes', 'snapshots')
                 for one in self.control.status()[kind]}
        for name, one in self.known().items():
            if one.status == 'available':
                self.assertEqual(one.size * MIB_PER_GIB, there.get(name),
                                 name)

    def known(self):
        """What Cinder knows of this backend, by its name on the cluster."""
        return {'%s-%s' % (kind, one.id): one for kind, list_ in (
            ('volume', self.volumes.volumes),
            ('snapshot', self.volumes.snapshots)) for one in list_()}

    def check_that_the_other_serves_all(self):
        """Use what the dead one has made."""
        its = [one for one in self.cloned + self.snapped
               if self.volumes.get_volume(one.id).host.startswith(
                   self.lost.name + '#')]
        self.assertNotEqual([], its)
        snapshots = [self.snapshot(volume_id=one.id) for one in its]
        clones = [self.create(source_volume_id=one.id) for one in its]
        self.wait_for_all(clones)
        self.wait_for_all(snapshots, self.volumes.get_snapshot)
        for clone, source in zip(clones, its):
            with self.attached('volume-' + clone.id) as path:
                self.assert_bytes(path, source.id)
            self.volumes.extend_volume(clone, 2)
        self.wait_for_all(clones)
        for one in snapshots:
            self.volumes.delete_snapshot(one)
        for one in clones:
            self.volumes.delete_volume(one)
        self.wait_until_gone('snapshot', snapshots)
        self.wait_until_gone('volume', clones)

    def wait_until_gone(self, kind, those):
        names = {'%s-%s' % (kind, one.id) for one in those}

        def gone():
            left = {name: one.status for name, one in self.known().items()
                    if name in names}
            self.assertNotIn('error_deleting', left.values(), left)
            return not left

        self.wait_for(gone, 'The end of %d %ss' % (len(those), kind))
        self.assertEqual(set(), names & self.names())

    # What an operator does ------------------------------------------------

    def findings(self, *temporary):
        """What the doctor finds at odds.

        :param temporary: names of what clones have left, which it names too
        """
        found = [one for one in self.other.examine()
                 if one['section'] == AT_ODDS]
        codes = {}
        for one in found:
            codes.setdefault(one['code'], set()).add(one['subject'])
        self.assertEqual(set(temporary), codes.pop('temporary-object', set()))
        # No orphans, and nothing that is missing or of another size.
        self.assertLessEqual(codes.keys(), {
            'volume-stuck', 'snapshot-stuck', 'volume-error',
            'snapshot-error'})
        return found

    def stuck(self, *temporary):
        """What the doctor finds stuck, as a set of ids; see findings()."""
        return {one['subject'] for one in self.findings(*temporary)
                if one['code'].endswith('-stuck')}

    def clean_up(self, lost):
        """Have Cinder clean up after the dead one, as far as it does."""
        answer = self.volumes.post(
            '/workers/cleanup', microversion='3.24',
            json={'cluster_name': self.lost.cluster,
                  'binary': 'cinder-volume'})
        self.assertEqual([self.lost.name], [
            one['host'] for one in answer.json()['cleaning']], answer.text)
        self.wait_for_states(lost, work.CLEANED, "Cinder's cleaning")
        self.assertEqual(
            {one.id for one in lost if one.what not in work.CLEANED},
            self.stuck(*(one.name + '.clone' for one in lost
                         if one.what.startswith('clone'))))

    def wait_for_states(self, operations, states, what):
        expected = self.ledger.expected(operations, states)

        def reached():
            found = self.ledger.states(operations)
            if found != expected:
                raise waiting.NotYet(dict(found.items() - expected.items()))
            return True

        self.wait_for(reached, 'The end of ' + what)

    def clear_by_hand(self, lost):
        """Clear what Cinder has not cleaned, and delete what is in error.

        One of a kind is deleted by force, where it stands; but for what is
        attached still.
        """
        for one in lost:
            if one.what == 'to image':
                self.reset(one)
        forced = {one.what: one for one in lost}
        for what, clear in (('extend', self.extend_again),
                            ('to another pool', self.move_again),
                            ('delete snapshot', self.delete_again)):
            for one in lost:
                if one.what == what and forced[what] != one:
                    clear(one)
            if what in forced:
                self.delete(forced[what], force=True)
        cleared = [one for one in lost if one.what != 'to image' and (
            one == forced.get(one.what) or self.ledger.state(one) != (
                'available'))]
        for one in cleared:
            if self.ledger.state(one) == 'error':
                self.delete(one)
        # What is attached is tried again, as long as a request may take.
        self.wait_for_states(cleared, {
            what: 'deleting' if what in ATTACHED else None
            for what in work.STATES}, 'deletions')
        self.assertEqual(set(), self.stuck())

    def delete(self, one, **options):
        getattr(self.volumes, 'delete_' + one.kind)(one.id, **options)

    def reset(self, one, state='available'):
        if one.kind == 'volume':
            self.volumes.reset_volume_status(one.id, state, None, 'none')
        else:
            self.volumes.reset_snapshot_status(one.id, state)

    def extend_again(self, one):
        self.reset(one)
        self.volumes.extend_volume(one.id, 2)
        self.wait_for(lambda: self.ledger.all_ended([one]), 'An extension')
        self.assertEqual(2, self.volumes.get_volume(one.id).size)

    def move_again(self, one):
        self.reset(one)
        self.move(self.volumes.get_volume(one.id))
        self.wait_for(lambda: self.ledger.all_ended([one]), 'A migration')
        self.assert_moved(one)

    def delete_again(self, one):
        self.reset(one, 'error')
        self.delete(one)

    def check_what_is_attached(self, lost):
        """Check that what the dead one had attached is all that is left."""
        address, _port = self.plane.simulator.agents[0]
        self.assertEqual(
            {(one.name, address) for one in lost if one.what in ATTACHED},
            {(one['name'], one['agent'])
             for one in self.control.status()['attachments']})

    # Both again -----------------------------------------------------------

    def start_again(self):
        """Start the dead one, while the other one is at work.

        Volumes that it had attached, and are being deleted, go then.
        """
        self.hold('createVolume')
        held = self.create()
        self.wait_for(lambda: self.volumes.get_volume(held.id).host,
                      'Work at ' + held.id)
        before = self.states_but_deleting()
        self.assertEqual('creating', before['volume-' + held.id])
        self.lost.start()
        self.lost.wait(self.volumes)
        self.assertEqual(before, self.states_but_deleting())
        self.control.clear_faults()
        self.wait_for_all([held])
        self.assertEqual(set(), self.objects()['attachments'])

    def states_but_deleting(self):
        return {name: one.status for name, one in self.known().items()
                if one.status != 'deleting'}

    def end_what_was_attached(self, lost):
        self.wait_until_gone('volume', [
            one for one in lost if one.what == 'from image'])
        for one in lost:
            if one.what == 'to image':
                self.images.delete_image(one.image)
        again = work.Ledger(self.volumes)
        for one in lost:
            if one.what == 'to image':
                again.ask('to image', self.upload,
                          self.volumes.get_volume(one.id), bytes_of=one.id)
        self.wait_for(lambda: again.all_ended(again.operations),
                      'The end of uploads')
        self.check_data(again.operations)

    def check_that_both_serve(self):
        """Check that each of them makes some of a number of volumes."""
        made = [self.create() for _number in range(6)]
        self.wait_for_all(made)
        self.assertEqual(
            {one.name for one in self.hosts},
            {self.volumes.get_volume(one.id).host.partition('#')[0]
             for one in made})

    def check_that_all_agree(self):
        """Check that Cinder and the cluster have the same, with its data."""
        known = self.known()
        self.assertEqual({'available'},
                         {one.status for one in known.values()})
        self.assertEqual(set(known), self.names())
        self.check_sizes()
        for source in self.sources:
            name = 'volume-' + source.id
            if name in known:
                with self.attached(name) as path:
                    self.assert_bytes(path, source.id)
        self.assertEqual([], self.findings())

    # The end --------------------------------------------------------------

    def _delete_all(self):
        """Delete all that is left, in whatever state it is."""
        self.control.clear_faults()
        self.control.resume_copies()
        known = self.known()
        if known and self.lost.ended():
            self.lost.start()
            self.lost.wait(self.volumes)
        for kind in ('snapshot', 'volume'):
            those = [one for name, one in known.items()
                     if name.startswith(kind)]
            for one in those:
                with contextlib.suppress(exceptions.NotFoundException):
                    getattr(self.volumes, 'delete_' + kind)(one, force=True)
            self.wait_until_gone(kind, those)

    def _forget_hosts(self):
        for host in self.hosts:
            host.stop()
        for host in self.hosts:
            host.remove()

    def _delete_types(self):
        for name in TYPES:
            found = self.volumes.find_type(name)
            if found:
                self.volumes.delete_type(found)
