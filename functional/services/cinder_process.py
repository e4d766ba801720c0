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

"""Processes of Cinder's services.

Run as ``python -m functional.services.cinder_process all --config-file FILE``
it is the API, the scheduler and the volume service; with ``volume`` in place
of ``all``, cinder-volume, one of several that serve the same backends; with
``backup``, cinder-backup. Cinder's own commands cannot be used as they are:
SQLite's transactions have to take turns, and a parent has to end the process.
The services of one process talk over oslo.messaging's in-memory transport, so
that no message broker is needed, unless the configuration names one.
OS_CINDER_DISABLE_EVENTLET_PATCHING=1 selects native threads, where the
installed Cinder knows that variable.
"""

import os
import sys

NATIVE_THREADS = 'OS_CINDER_DISABLE_EVENTLET_PATCHING'


def _patch():
    """Choose between eventlet and native threads, before any other import.

    :returns: whether eventlet is used
    """
    try:
        from cinder import monkey_patch
    except ImportError:
        return _patch_as_before()
    monkey_patch.patch()
    return monkey_patch.is_patched()


def _patch_as_before():
    """What the commands of Cinder before 2026.1 do at their start."""
    if os.environ.get(NATIVE_THREADS, '0').lower() in ('1', 'true', 'yes'):
        sys.exit('This Cinder runs on eventlet only: unset %s, or install '
                 'a newer one.' % NATIVE_THREADS)
    import eventlet
    eventlet.monkey_patch()
    return True


EVENTLET = _patch()

# Eventlet has to be first.
import logging as python_logging  # noqa: E402
import shlex  # noqa: E402
import threading  # noqa: E402

import os_brick  # noqa: E402
from oslo_config import cfg  # noqa: E402
from oslo_log import log as logging  # noqa: E402
from oslo_privsep import priv_context  # noqa: E402

from cinder.common import config  # noqa: E402
from cinder.common import constants  # noqa: E402
from cinder import coordination  # noqa: E402
from cinder.db import migration  # noqa: E402
from cinder import objects  # noqa: E402
from cinder import rpc  # noqa: E402
from cinder import service  # noqa: E402
from cinder import utils  # noqa: E402
from cinder import version  # noqa: E402

from functional.services import process  # noqa: E402
from functional.services import serving  # noqa: E402

CONF = cfg.CONF
LOG = logging.getLogger(__name__)

STOP_SECONDS = 10


class Service(service.Service):
    """A service that has others beside it in its process.

    Cinder keeps the id of the service in the class, which is one too few
    here: all would report the health of the one that was made last.
    """

    _reporting = threading.Lock()

    def start(self):
        """Start the service, with its own id."""
        init_host = self.manager.init_host

        def init_host_with_own_id(**kwargs):
            kwargs['service_id'] = self.origin_service_id
            return init_host(**kwargs)

        self.manager.init_host = init_host_with_own_id
        super().start()

    def report_state(self):
        """Report the health of this very service."""
        with self._reporting:
            service.Service.service_id = self.origin_service_id
            super().report_state()


class ApiOnThreads(object):
    """The API where eventlet's server cannot be used."""

    def __init__(self):
        from oslo_service import wsgi as oslo_wsgi

        application = oslo_wsgi.Loader(CONF).load_app(name='osapi_volume')
        self._server = serving.make_server(
            application, CONF.osapi_volume_listen,
            CONF.osapi_volume_listen_port)

    def start(self):
        """Serve in a thread."""
        threading.Thread(target=self._server.serve, daemon=True).start()

    def stop(self):
        """Stop serving."""
        self._server.stop()


def initialize(arguments):
    """Everything that Cinder's own commands do before their service starts.

    :param arguments: those of the command line
    """
    objects.register_all()
    CONF.register_opt(cfg.StrOpt('cluster'))
    CONF(arguments, project='cinder', version=version.version_string())
    config.set_middleware_defaults()
    logging.setup(CONF, 'cinder')
    python_logging.captureWarnings(True)
    priv_context.init(root_helper=shlex.split(utils.get_root_helper()))
    os_brick.setup(CONF)
    serving.take_turns(os.path.join(CONF.state_path, 'sqlite.lock'))
    rpc.init(CONF)
    coordination.COORDINATOR.start()


def volume_services():
    """Make the volume services, one for each backend.

    :returns: an iterator
    """
    for backend in filter(None, CONF.enabled_backends):
        yield Service.create(
            host='%s@%s' % (CONF.host, backend), service_name=backend,
            binary=constants.VOLUME_BINARY, coordination=True,
            cluster=CONF.cluster and '%s@%s' % (CONF.cluster, backend))


def _create_services():
    """The services, in the order in which they are started.

    The API comes first: it answers while the others are still starting.
    """
    api = service.WSGIService('osapi_volume') if EVENTLET else ApiOnThreads()
    scheduler = Service.create(binary=constants.SCHEDULER_BINARY)
    return [api, scheduler] + list(volume_services())


def _start(one):
    """Start a service, or end the process: half a Cinder is of no use."""
    try:
        one.start()
    except BaseException:
        LOG.exception('A service could not be started.')
        python_logging.shutdown()
        os._exit(1)


def end_soon():
    """End the process before long, whatever still goes on in it.

    Services that have lost their message broker never stop by themselves.
    """
    timer = threading.Timer(STOP_SECONDS, os._exit, (1,))
    timer.daemon = True
    timer.start()


def _backup_services():
    yield service.Service.create(
        binary=constants.BACKUP_BINARY, coordination=True,
        service_name='backup', process_number=1,
        semaphore=utils.semaphore_factory(0, 1))


def _start_all():
    """Start the services in parallel.

    The scheduler waits for what the volume service says.
    """
    migration.db_sync()
    services = _create_services()
    for one in services:
        threading.Thread(target=_start, args=(one,), daemon=True).start()
    return services


def _start_these(create):
    services = list(create())
    for one in services:
        one.start()
    return services


def main():
    """Serve until the process is told to end."""
    kind, *arguments = sys.argv[1:]
    end = process.Lifeline()
    initialize(arguments)
    services = {'all': _start_all,
                'volume': lambda: _start_these(volume_services),
                'backup': lambda: _start_these(_backup_services)}[kind]()
    end.wait()
    end_soon()
    for one in services:
        one.stop()
    # Threads of the services that are still busy do not hold this up.
    python_logging.shutdown()
    os._exit(0)


if __name__ == '__main__':
    main()
