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

"""Records that are complete by themselves, as oslo.log formats them."""

import logging

from oslo_config import cfg
from oslo_log import formatters
from oslo_log import log
import testtools

from os_brick_dsware import logs

LOG = logging.getLogger(__name__)


class WriteTestCase(testtools.TestCase):

    def test_the_error_is_told_once(self):
        conf = cfg.ConfigOpts()
        log.register_options(conf)
        conf(args=[], default_config_files=[], default_config_dirs=[])
        with self.assertLogs(LOG, 'WARNING') as found:
            handler, = LOG.handlers
            handler.setFormatter(formatters.ContextFormatter(config=conf))
            try:
                raise OSError('what happened')
            except OSError as error:
                logs.write(LOG, logging.WARNING, 'It failed: %s', error)
                # If this is told once, oslo.log has changed: see write().
                LOG.warning('It failed: %s', error)
        self.assertEqual([1, 2], [line.count('what happened')
                                  for line in found.output])
