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

"""cinder-volume in a process that was forked for it."""

import collections
import datetime
import threading

from oslo_config import cfg
from oslo_messaging.rpc import client
from oslo_messaging.rpc import dispatcher
from oslo_utils import timeutils

from cinder.common import constants
from cinder import context
from cinder import coordination
from cinder.db import api as db
from cinder import objects
from cinder import rpc
from cinder import service

from functional.services import waiting

CONF = cfg.CONF
BACKEND = 'volumes'
SECONDS = 60


class Requests(object):
    """Counts what this process asks of its own service, to be done later."""

    def __init__(self):
        self._waiting = collections.Counter()
        self._changing = threading.Lock()

    @property
    def are_done(self):
        """Whether none waits or is under way."""
        return not any(self._waiting.values())

    def watch(self):
        """Take notice of requests; to be called once."""
        cast = client._BaseCallContext.cast
        dispatch = dispatcher.RPCDispatcher.dispatch

        def watched_cast(call, ctxt, method, **kwargs):
            if (call.target.topic.startswith(constants.VOLUME_TOPIC)
                    and not call.target.fanout):
                self._add(method, 1)
            return cast(call, ctxt, method, **kwargs)

        def watched_dispatch(one, incoming):
            try:
                return dispatch(one, incoming)
            finally:
                self._add(incoming.message.get('method'), -1)

        client._BaseCallContext.cast = watched_cast
        dispatcher.RPCDispatcher.dispatch = watched_dispatch

    def _add(self, method, number):
        with self._changing:
            # What is answered was not counted.
            self._waiting[method] = max(0, self._waiting[method] + number)


class VolumeService(object):
    """A volume service without a message broker of its own.

    What it asks of itself goes over oslo.messaging's in-memory transport,
    and is lost when it dies.
    """

    def __init__(self, host, cluster=None):
        """Start it.

        :param host: the name of its host
        :param cluster: its Cinder cluster, or None
        """
        self.host = '%s@%s' % (host, BACKEND)
        self.cluster = cluster and '%s@%s' % (cluster, BACKEND)
        self._requests = Requests()
        self._requests.watch()
        rpc.init(CONF)
        coordination.COORDINATOR.start()
        self._service = service.Service.create(
            host=self.host, service_name=BACKEND,
            binary=constants.VOLUME_BINARY, coordination=True,
            cluster=self.cluster, report_interval=0, periodic_interval=0)
        self._service.start()
        self.manager = self._service.manager
        self.driver = self.manager.driver
        if not self.driver.initialized:
            raise AssertionError('the driver did not start')

    def clean_up_after(self, host):
        """Do what an operator's work-cleanup asks for after a death.

        :param host: the name of the host of the service that is dead
        """
        admin = context.get_admin_context()
        dead = objects.Service.get_by_args(
            admin, '%s@%s' % (host, BACKEND), constants.VOLUME_BINARY)
        db.service_update(admin, dead.id, {
            'updated_at': timeutils.utcnow() - datetime.timedelta(1)})
        self.manager.do_cleanup(admin, objects.CleanupRequest(
            service_id=dead.id))

    def ask_for_statistics(self):
        """Do what Cinder does each minute.

        That is when the driver detaches what has been attached although it
        was told that it could not be.
        """
        self.driver.get_volume_stats(refresh=True)

    def come_to_rest(self, copies=True):
        """Wait until nothing is done any more.

        :param copies: whether somebody deletes the copies of migrations
        """
        waiting.wait_for(lambda: self._requests.are_done, SECONDS,
                         'The end of requests')
        if copies:
            waiting.wait_for(lambda: not any(
                map(_is_copy, objects.VolumeList.get_all(
                    context.get_admin_context()))), SECONDS,
                'The end of copies')


def _is_copy(volume):
    """Whether a volume is one of the two that a copy leaves."""
    return (volume.migration_status or '').startswith(('target:', 'deleting'))
