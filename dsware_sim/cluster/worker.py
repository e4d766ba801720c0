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
"""Carries out the work of plans: files, devices and by-id links.

Its methods block and run in worker threads. The engine never runs two at a
time for one object, and the attributes of an object do not change meanwhile.
"""

import contextlib
import errno
import functools
import os
import time

from dsware_sim.cluster import plan
from dsware_sim import codes
from dsware_sim.host import devices as devices_

# How long a moment without writes is waited for before a copy is made as it
# comes.
_QUIET_WAIT = 1


class Worker:
    """Does what plans ask for."""

    def __init__(self, files, devices, by_id):
        """Work on files and devices.

        :param files: a :class:`dsware_sim.cluster.data.Files`
        :param devices: a FileDevices or a LoopDevices
        :param by_id: path of the directory of by-id links
        """
        self.files = files
        self.devices = devices
        self.by_id = by_id
        os.makedirs(by_id, exist_ok=True)
        # Of an agent's address: whether its devices appear late. Then they
        # are here, with their agents, until they do.
        self.hides = lambda agent: False
        self._hidden = {}

    def run(self, work):
        """Do what a plan asks for, as a whole or not at all.

        :param work: one of the classes of :mod:`dsware_sim.cluster.plan`
        :returns: what the plan's finish wants: the device's path for an
                  attachment, else None
        :raises Refused: it cannot be done
        """
        try:
            return self._run(work)
        except devices_.Busy as error:
            raise codes.Refused(codes.NODE_IN_USE, str(error))
        except OSError as error:
            raise refusal(error)

    def undo(self, work, result):
        """Take back what was done, as its events could not be stored.

        :param work: what was done
        :param result: what :meth:`run` returned
        :returns: the device in the place of one that was removed, or None
        """
        return self._undo(work, result)

    @functools.singledispatchmethod
    def _run(self, work):
        raise NotImplementedError(type(work))

    @functools.singledispatchmethod
    def _undo(self, work, result):
        return None

    @_run.register
    def _(self, work: plan.CopyAll):
        devices = [device for copy in work.copies
                   for device in copy.source.attachments.values()
                   if device and device not in self._hidden]
        deadline = time.monotonic() + _QUIET_WAIT
        try:
            # Writes cannot be held up, so a copy during which there were
            # some is made again.
            while (not self._copy_all(work.copies, devices)
                   and time.monotonic() < deadline):
                pass
        except BaseException:
            self._discard(work.copies)
            raise

    def _copy_all(self, copies, devices):
        """Copy; tell whether nothing was written meanwhile."""
        for device in devices:
            self.devices.sync(device)
        before = [self.devices.writes(device) for device in devices]
        for copy in copies:
            self.files.copy(copy.source.id, copy.target_id, copy.size)
        return None not in before and before == [
            self.devices.writes(device) for device in devices]

    @_undo.register
    def _(self, work: plan.CopyAll, result):
        self._discard(work.copies)

    def _discard(self, copies):
        for copy in copies:
            self.files.adopt(copy.target_id, None)

    @_run.register
    def _(self, work: plan.Attach):
        item = work.item
        device = self.make_device(item, work.agent)
        if self.hides(work.agent):
            self._hidden[device] = work.agent
            self.devices.hide(device)
        elif not item.attachments:
            self.link(item, device)
        return device

    def show(self, state):
        """Let devices appear that are not hidden any more.

        :param state: the cluster's state
        """
        for device, agent in list(self._hidden.items()):
            if not self.hides(agent) and self._hidden.pop(device, None):
                self.devices.show(device)
                self._link_device(state, device)

    def _link_device(self, state, device):
        for (_agent, name), attached in state.attachments.items():
            if attached == device:
                self.devices.grow(device)
                self._link_first(state.find(name), ())

    @_undo.register
    def _(self, work: plan.Attach, result):
        self._hidden.pop(result, None)
        self.devices.detach(result, force=True)
        self._link_first(work.item, {})

    @_run.register
    def _(self, work: plan.Detach):
        device = work.item.attachments[work.agent]
        if device:
            self._hidden.pop(device, None)
            self.devices.detach(device, work.force)
        self._link_first(work.item, {work.agent})

    @_undo.register
    def _(self, work: plan.Detach, result):
        device = self.make_device(work.item, work.agent)
        self.link(work.item, device)
        return device

    @_run.register
    def _(self, work: plan.Grow):
        self.files.grow(work.item.id, work.size)
        for device in work.item.attachments.values():
            if device and device not in self._hidden:
                self.devices.grow(device)

    def make_device(self, item, agent):
        """Make the device of an attachment.

        :param item: the object
        :param agent: address of the host's agent
        :returns: path of the device
        """
        path = self.files.prepare(item.id, item.size)
        return self.devices.attach(path, agent, item.name,
                                   not item.is_volume)

    def link(self, item, device):
        """Let an object's by-id link point at a device.

        :param item: the object
        :param device: path of the device
        """
        if item.wwn:
            devices_.replace_link(device, self._link_path(item))

    def link_all(self, state):
        """Let exactly the objects that are attached here have links.

        :param state: the cluster's state
        """
        prefix = 'wwn-0x6888603%08x' % state.cluster_id
        for entry in os.listdir(self.by_id):
            if entry.startswith(prefix):
                os.unlink(os.path.join(self.by_id, entry))
        for pool in state.pools.values():
            for item in pool.live.values():
                self._link_first(item, ())

    def _link_first(self, item, leaving):
        """Let the link follow the first attachment that stays."""
        staying = [device for agent, device in item.attachments.items()
                   if agent not in leaving and device
                   and device not in self._hidden]
        if staying:
            self.link(item, staying[0])
        else:
            self.unlink(item)

    def unlink(self, item):
        """Remove an object's by-id link.

        :param item: the object
        """
        if item.wwn:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._link_path(item))

    def release(self, items):
        """Remove all devices and links of objects, open or not.

        :param items: the objects, which stay attached
        """
        for item in items:
            for device in item.attachments.values():
                if device:
                    self._hidden.pop(device, None)
                    self.devices.detach(device, force=True)
            self.unlink(item)

    def make_again(self, state, local):
        """Give the attachments their devices, as a booting host does.

        Devices that an earlier process left are used again; those that
        belong to no attachment are removed.

        :param state: the cluster's state
        :param local: container of the addresses of the agents that are here
        :returns: events that tell the devices that have changed
        """
        left = self.devices.existing(self.files.directory)
        events = []
        for (agent, name), device in state.attachments.items():
            item = state.find(name)
            if agent not in local:
                events.append(['attach', agent, name, ''])
            elif left.get(device) == self.files.path(item.id):
                del left[device]
            else:
                events.append(['attach', agent, name,
                               self.make_device(item, agent)])
        for device in left:
            self.devices.detach(device, force=True)
        return events

    def _link_path(self, item):
        return os.path.join(self.by_id, 'wwn-0x' + item.wwn)


def refusal(error):
    """What the cluster answers when this machine fails it.

    :param error: an OSError
    :returns: a :class:`dsware_sim.codes.Refused`
    """
    code = codes.DSWARE_ERROR
    if error.errno == errno.EBUSY:
        code = codes.NODE_IN_USE
    elif error.errno == errno.EFBIG:
        return codes.Refused(
            code, 'the simulator failed: the file system of its state '
            'directory holds no file of that size. Use one that does, such '
            'as XFS: that of ext4 ends below 16 TiB')
    return codes.Refused(code, 'the simulator failed: %s' % error)
