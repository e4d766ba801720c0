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

"""A program that is cinder-volume again and again.

It prepares itself once, and forks a process for each part of a case, so that
a start of the service costs little. The parent tells what to do in lines of
JSON, and gets a line for each.
"""

# First of all, since it chooses between eventlet and native threads.
import os

os.environ['OS_CINDER_DISABLE_EVENTLET_PATCHING'] = '1'
# Cinder reads images through eventlet's pool of threads all the same.
os.environ['EVENTLET_THREADPOOL_SIZE'] = '0'

from cinder import monkey_patch  # noqa: E402

monkey_patch.patch()

import importlib  # noqa: E402,I100,I202
import json  # noqa: E402
import shutil  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import traceback  # noqa: E402

import os_brick  # noqa: E402
from os_brick import privileged as os_brick_privileged  # noqa: E402
from oslo_config import cfg  # noqa: E402
from oslo_log import log as logging  # noqa: E402

from cinder.common import config  # noqa: E402
from cinder.db import migration  # noqa: E402
from cinder import objects  # noqa: E402
from cinder import privsep as cinder_privsep  # noqa: E402
from cinder import version  # noqa: E402

objects.register_all()

from dsware_sim.front import control  # noqa: E402
from functional.crashes import catalogue  # noqa: E402
from functional.crashes import parts  # noqa: E402
from functional.crashes import setup  # noqa: E402
from functional.services import serving  # noqa: E402

CONF = cfg.CONF
DATABASE = 'cinder.sqlite'
_TEMPLATE = 'template.sqlite'
_KILLED = {'killed': True}


class Processes(object):
    """Forks processes and waits for them.

    :param settings: directory, agents and sockets of the cluster
    """

    def __init__(self, settings):
        self._directory = settings['directory']
        self._settings = settings
        CONF.register_opt(cfg.StrOpt('cluster'))
        CONF(['--config-file', settings['config']], project='cinder',
             version=version.version_string())
        config.set_middleware_defaults()
        logging.setup(CONF, 'cinder')
        os_brick.setup(CONF)
        # No other process does the privileged part, so that none is left
        # behind by one that is killed.
        for context in (os_brick_privileged.default,
                        cinder_privsep.sys_admin_pctxt):
            context.set_client_mode(False)
        self._make_database()

    def _path(self, name):
        return os.path.join(self._directory, name)

    def _make_database(self):
        def make():
            migration.db_sync()
            setup.make_types()
            # What a part needs besides is imported here, once.
            return {'modules': sorted(sys.modules)}

        self._fork(make)
        os.rename(self._path(DATABASE), self._path(_TEMPLATE))

    def preload(self, modules):
        """Import what parts will need.

        :param modules: names of modules
        """
        for name in modules:
            if name not in sys.modules and not name.startswith('__'):
                try:
                    importlib.import_module(name)
                except Exception:
                    continue

    def start_anew(self):
        """Forget all that earlier cases have left."""
        for suffix in ('-wal', '-shm', '-journal'):
            if os.path.exists(self._path(DATABASE + suffix)):
                os.unlink(self._path(DATABASE + suffix))
        shutil.copy(self._path(_TEMPLATE), self._path(DATABASE))
        shutil.rmtree(self._path('state'), ignore_errors=True)
        os.mkdir(self._path('state'))

    def run(self, part, case):
        """Have a process do its part.

        :param part: a method of :class:`parts.Parts`
        :param case: what it needs
        :returns: what it returned, or that it was killed
        """
        def run():
            serving.take_turns(self._path('turns'))
            return getattr(parts.Parts(
                self._settings, case, control.Control(
                    self._settings['simulator'])), part)()

        return self._fork(run)

    @staticmethod
    def _fork(run):
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reader)
            _be_child(run, writer)
        os.close(writer)
        with os.fdopen(reader) as answer:
            text = answer.read()
        _pid, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            return _KILLED
        return json.loads(text)


def _be_child(run, writer):
    """Do something and end this process."""
    os.setpgid(0, 0)
    try:
        answer = {'answer': run()}
    except BaseException:
        answer = {'error': traceback.format_exc()}
    os.write(writer, json.dumps(answer).encode())
    os.close(writer)
    os._exit(0)


def main():
    """Do what is asked, until nothing is."""
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    processes = Processes(json.loads(sys.stdin.readline()))
    for line in iter(sys.stdin.readline, ''):
        asked = json.loads(line)
        if asked['part'] == 'operations':
            answer = [one.name() for one in catalogue.OPERATIONS]
        elif asked['part'] == 'preload':
            answer = processes.preload(asked['case'])
        elif asked['part'] == 'anew':
            answer = processes.start_anew()
        else:
            answer = processes.run(asked['part'], asked['case'])
        answers.write(json.dumps(answer) + '\n')
        answers.flush()


if __name__ == '__main__':
    main()
