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

"""What a running volume service tells about itself, in a file.

Another process reads it, for example ``python -m
cinder.volume.drivers.dsware``. There is one for each backend and host, below
Cinder's state_path; each report of statistics replaces it as a whole. It
holds no secret, and no name of a volume.
"""

import contextlib
import json
import os
import re
import tempfile
import time

from oslo_config import cfg
from oslo_log import log as logging

LOG = logging.getLogger(__name__)
CONF = cfg.CONF
CONF.import_opt('state_path', 'cinder.common.config')

FORMAT = 1
_DIRECTORY = 'dsware'
_MODE = 0o640
_DIRECTORY_MODE = 0o750
# Nothing that the driver writes is as large, so nothing larger is read.
_LARGEST = 4 * 1024 * 1024
_UNSAFE = re.compile(r'[^A-Za-z0-9_.@-]', re.ASCII)


def path(host: str) -> str:
    """Tell where the file of a backend is.

    :param host: the volume service's host, ``HOST@BACKEND``
    :returns: the path below state_path
    """
    name = _UNSAFE.sub(lambda match: f'%{ord(match[0]):02X}', host)
    return os.path.join(CONF.state_path, _DIRECTORY, name.lstrip('.')
                        + '.json')


class StateFile:
    """Writes the file of one backend.

    :param host: the volume service's host, ``HOST@BACKEND``
    """

    def __init__(self, host):
        self._host = host
        self._started = time.time()
        self._works = True

    def write(self, **state) -> None:
        """Replace the file; a failure is logged, once.

        :param state: what to tell, as JSON can hold it
        """
        state = {'format': FORMAT, 'host': self._host, 'pid': os.getpid(),
                 'started': self._started, 'written': time.time(), **state}
        LOG.debug('State of %(host)s: %(state)s', {'host': self._host,
                                                   'state': state})
        try:
            _replace(path(self._host), json.dumps(state, indent=1))
            self._works = True
        except OSError as error:
            log = LOG.warning if self._works else LOG.debug
            log('The counters of %(host)s cannot be written to %(path)s, so '
                'other processes cannot see them; it is tried again with '
                'the next report of statistics: %(error)s', {
                    'host': self._host, 'path': path(self._host),
                    'error': error})
            self._works = False


def _replace(target, text):
    directory = os.path.dirname(target)
    os.makedirs(directory, _DIRECTORY_MODE, exist_ok=True)
    # With a name that nobody can know before, and for its owner alone.
    descriptor, new = tempfile.mkstemp(dir=directory, prefix='.new-')
    try:
        with open(descriptor, 'w', encoding='utf-8') as stream:
            stream.write(text + '\n')
            os.fchmod(descriptor, _MODE)
        os.replace(new, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(new)
        raise


def read(host: str) -> dict | None:
    """Read the file of a backend.

    :param host: the volume service's host, ``HOST@BACKEND``
    :returns: what the service told, None when there is no file
    :raises OSError: when it cannot be read
    :raises ValueError: when it is not such a file
    """
    try:
        with open(path(host), encoding='utf-8') as stream:
            text = stream.read(_LARGEST + 1)
    except FileNotFoundError:
        return None
    if len(text) > _LARGEST:
        raise ValueError('it is larger than any that the driver writes')
    found = json.loads(text)
    if not isinstance(found, dict) or found.get('format') != FORMAT:
        raise ValueError('it is not of format %d' % FORMAT)
    return found


def age(state: dict) -> float:
    """Tell how old a state is.

    :param state: what read() returned
    :returns: seconds, less than 0 when the clock was set back since
    """
    return time.time() - float(state.get('written', 0))
