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

"""This process as a compute host: attaching volumes through os-brick.

It does what Nova does: asks Cinder for an attachment with the properties of
this host's connector, lets os-brick connect what Cinder answers, and tells
Cinder that the attachment is complete.
"""

import contextlib
import logging
import os
import threading

import os_brick
from os_brick.initiator import connector
from oslo_concurrency import lockutils
from oslo_config import cfg

from functional.services import cinder
from functional.services import programs

# os-brick is told to use sudo, and finds the one in the services' directory.
ROOT_HELPER = 'sudo'

DISCONNECT_SECONDS = 15

LOG = logging.getLogger(__name__)


class Attachment(object):
    """A volume that is attached to this host."""

    def __init__(self, attachment_id, volume_id, kind, data, path):
        self.id = attachment_id
        self.volume_id = volume_id
        self.kind = kind
        self.data = data
        self.path = path


class ComputeHost(object):
    """Attaches volumes to this machine."""

    def __init__(self, cloud, directory, address, brick_options,
                 hostname='compute'):
        """Set os-brick up, as a service does at its start.

        The configuration is that of the whole process, and so is its PATH:
        there is one compute host in a process.

        :param cloud: the public APIs
        :param directory: path of a directory for locks and configuration
        :param address: address of this host
        :param brick_options: a dict of options for the section [os_brick]
        :param hostname: what the host is called in attachments
        """
        self._set_up(cloud, address, hostname)
        # What os-brick starts with sudo is needed for cleaning up, after
        # Ctrl-C has ended all else of this process's session.
        programs.write_sudo(directory / 'bin', other_session=True)
        os.environ['PATH'] = programs.search_path(directory / 'bin')
        _configure(directory, brick_options)

    def _set_up(self, cloud, address, hostname):
        self._cloud = cloud
        self._address = address
        self._hostname = hostname
        self._attached = {}
        self._lock = threading.Lock()

    def properties(self):
        """What this host tells Cinder about itself.

        :returns: a dict, the connector of the Block Storage API
        """
        return connector.get_connector_properties(
            ROOT_HELPER, self._address, multipath=False,
            enforce_multipath=False, host=self._hostname)

    def attach(self, volume, mode='rw', **data):
        """Attach a volume to this host.

        :param volume: the volume, or its id
        :param mode: rw or ro
        :param data: what os-brick is told besides what Cinder says, as Nova
                     tells it of an instance
        :returns: an Attachment with the path of the device
        """
        made = self.reserve(volume, mode, **data)
        try:
            self.connect(made)
        except Exception:
            self._cloud.volumes.delete_attachment(made.id)
            raise
        self._cloud.volumes.complete_attachment(made.id)
        return made

    def reserve(self, volume, mode='rw', **data):
        """Ask Cinder for an attachment to this host.

        :param volume: the volume, or its id
        :param mode: rw or ro
        :param data: what os-brick is told besides what Cinder says
        :returns: an Attachment that is not connected
        """
        volume_id = getattr(volume, 'id', volume)
        made = self._cloud.volumes.create_attachment(
            volume_id, connector=self.properties(), mode=mode)
        info = dict(made.connection_info)
        kind = info['driver_volume_type']
        # Cinder answers all of it in one dict, and brick wants what the
        # driver put under "data".
        return Attachment(made.id, made.volume_id, kind,
                          {**(info.get('data') or info), **data}, None)

    def connect(self, attached):
        """Let os-brick connect a volume.

        :param attached: what reserve() returned; it gets its path
        """
        with self._lock:
            self._attached[attached.id] = attached
        attached.path = self._connector(attached.kind).connect_volume(
            attached.data)['path']
        # As Nova does, which detaches with nothing but this dict.
        attached.data['device_path'] = attached.path

    def detach(self, attached):
        """Detach a volume from this host.

        :param attached: what attach() returned
        """
        self.disconnect(attached)
        self._cloud.volumes.delete_attachment(attached.id)

    def disconnect(self, attached, force=False):
        """Let os-brick disconnect a volume; Cinder is not told.

        :param attached: what attach() or reserve() returned
        :param force: whether to carry on after errors
        """
        self._connector(attached.kind).disconnect_volume(
            attached.data, None, force=force)
        with self._lock:
            self._attached.pop(attached.id, None)

    @contextlib.contextmanager
    def moved(self, agent, lock_path):
        """Be another host for as long as a with statement lasts.

        What is attached meanwhile has to be detached before its end.

        :param agent: (host, port) of the host's Dsware agent
        :param lock_path: directory that all services of the host share
        """
        address, port = agent
        here, self._address = self._address, address
        settings = {'dsware_agent_ip': address, 'dsware_agent_port': port,
                    'lock_path': str(lock_path)}
        try:
            for option, value in settings.items():
                cfg.CONF.set_override(option, value, group='os_brick')
            yield
        finally:
            self._address = here
            for option in settings:
                cfg.CONF.clear_override(option, group='os_brick')

    def extend(self, attached):
        """Let this host notice that an attached volume was extended.

        :param attached: what attach() returned
        :returns: the new size in bytes
        """
        return self._connector(attached.kind).extend_volume(attached.data)

    def disconnect_all(self):
        """Take all devices away, whatever the services say.

        Should that hang, the cluster takes them away when it stops.
        """
        with self._lock:
            left = list(self._attached.values())
            self._attached.clear()
        thread = threading.Thread(target=self._disconnect, args=(left,),
                                  daemon=True)
        thread.start()
        thread.join(DISCONNECT_SECONDS)

    def _disconnect(self, left):
        for attached in left:
            try:
                self._connector(attached.kind).disconnect_volume(
                    attached.data, None, force=True, ignore_errors=True)
            except Exception:
                LOG.exception('%s could not be taken away', attached.path)

    @staticmethod
    def _connector(kind):
        return connector.InitiatorConnector.factory(kind, ROOT_HELPER)


def _configure(directory, brick_options):
    (directory / 'locks').mkdir(parents=True, exist_ok=True)
    path = directory / 'compute.conf'
    sections = {
        # For privsep's helper, which else would write to this terminal.
        'DEFAULT': {'log_file': directory / 'privsep.log'},
        'oslo_concurrency': {'lock_path': directory / 'locks'},
        'os_brick': brick_options}
    sections.update(cinder.privsep_sections())
    programs.write_config(path, sections)
    lockutils.set_defaults(str(directory / 'locks'))
    cfg.CONF(['--config-file', str(path)], project='compute')
    os_brick.setup(cfg.CONF)
