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


"""cinder-volume on one of several hosts, in a process of its own."""

import sys

from functional.services import configfile
from functional.services import process

START_SECONDS = 60


class Volume(object):
    """The volume services of one host; ``host`` is its name."""

    def __init__(self, cinder, host, sections):
        """Describe the services; start() starts them.

        :param cinder: the functional.services.cinder.Cinder, which must have
            a message broker
        :param host: the host's name
        :param sections: what its configuration says besides that of Cinder,
            a dict of section name to a dict of options
        """
        self._cinder = cinder
        self.host = host
        self.log_path = cinder.directory / (host + '.log')
        self._config_path = cinder.directory / 'etc' / (host + '.conf')
        self._sections = dict(sections)
        self.process = None

    def start(self):
        """Start the process; see wait()."""
        defaults = dict(self._sections.get('DEFAULT', {}), host=self.host,
                        log_file=self.log_path)
        configfile.write(self._config_path,
                         dict(self._sections, DEFAULT=defaults))
        self.process = process.Process(
            'cinder-volume', [
                sys.executable, '-m', 'functional.services.cinder_volume',
                '--config-file', str(self._cinder.config_path),
                '--config-file', str(self._config_path)],
            self._cinder.directory / (self.host + '-output.log'),
            self._cinder.environment())
        self.process.start()

    def wait(self):
        """Wait until the services are up.

        :raises functional.services.process.ProcessFailed: they are not
        """
        self.process.wait_until(self.is_up, START_SECONDS,
                                'The start of cinder-volume')

    def is_up(self):
        """Tell whether Cinder has heard of all its services lately."""
        states = [one['state'] for one in self._cinder.services()
                  if one['host'].startswith(self.host + '@')]
        return bool(states) and set(states) == {'up'}

    def kill(self):
        """End the process as the kernel does when it is out of memory."""
        self.process.kill()

    def stop(self):
        """End the process; one that is not there is fine."""
        if self.process:
            self.process.stop()
