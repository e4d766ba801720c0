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

"""Checks what attaches Dsware volumes: ``python -m dsware_doctor``.

``backend`` looks at the configuration of cinder-volume and at the cluster,
``host`` at a host that attaches volumes, with or without Cinder, and repairs
what is left there. Nothing that is in operation needs this package.
"""

import warnings

# This is no service: it helps nobody who checks a host at night to read that
# a library of it has a successor.
warnings.filterwarnings('ignore', message=r'\s*Eventlet is deprecated')
