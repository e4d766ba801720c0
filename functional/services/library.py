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

"""As much of a Cinder service as the driver needs, in this process."""

from oslo_config import cfg
from oslo_log import log as logging

from cinder import coordination
from cinder.db import api as db
from cinder.db import models
from cinder import objects

from functional.services import serving

CONF = cfg.CONF


def set_up(directory, log_path=None):
    """Configure Cinder, make its database, and start its coordination.

    :param directory: path of a directory for everything
    :param log_path: file for the log; by default it goes to standard error
    """
    logging.register_options(CONF)
    CONF([], project='cinder')
    for group, name, value in (
            (None, 'log_file', log_path),
            (None, 'state_path', directory),
            ('oslo_concurrency', 'lock_path', directory),
            ('coordination', 'backend_url', 'file://' + directory),
            ('database', 'connection', 'sqlite:///%s/db' % directory),
            # It need not survive a power failure.
            ('database', 'sqlite_synchronous', False)):
        CONF.set_override(name, value, group=group)
    logging.setup(CONF, 'cinder')
    objects.register_all()
    serving.take_turns()
    models.BASE.metadata.create_all(db.get_engine())
    coordination.COORDINATOR.start()
