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

"""Third-party CI in a box: python -m functional.box."""

import shutil
import sys
import warnings

# Libraries warn when they are imported; none of it is for this terminal.
warnings.simplefilter('ignore')

from functional.box import arguments  # noqa: E402
from functional.box import control_plane  # noqa: E402
from functional.box import enclosure  # noqa: E402
from functional.box import run  # noqa: E402


def main(given):
    """Run the box in its enclosure.

    :param given: the arguments of the command line
    :returns: the exit code
    """
    args = arguments.parse(given)
    why_not = control_plane.why_not()
    if why_not:
        print('The box cannot run here: %s' % why_not)
        return run.NOT_STARTED
    shutil.rmtree(args.output, ignore_errors=True)
    return enclosure.run(run.__name__, given)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
