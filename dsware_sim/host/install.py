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
"""Puts the simulated command lines into the state directory."""

import os
import pathlib
import py_compile
import sys

from dsware_sim.host import fsc_cli
from dsware_sim.host import sds_cli
from dsware_sim import private

_PROGRAM = '''#!%s -IS
# Written by dsware-sim: talks to the simulated agents of %s.
import sys
sys.path.insert(0, %r)
import fsc_cli
sys.exit(fsc_cli.main(sys.argv[1:], %r))
'''

_SDS_PROGRAM = '''#!%s -IS
# Written by dsware-sim: talks to the simulated agents of %s.
import sys
sys.path.insert(0, %r)
import fsc_cli
import sds_cli
sys.exit(sds_cli.main(sys.argv[1:], %r, %r, fsc_cli))
'''


def install(directory, run_dir, agent):
    """Write the programs that talk to the agents.

    They need nothing but a Python interpreter: the paths are written into
    them, so that they work with an empty environment.

    :param directory: the state directory; the programs go into its bin
    :param run_dir: where the agents' sockets are
    :param agent: address of the agent whose host sds_cli is on
    :returns: path of the directory that belongs on PATH
    """
    library = os.path.join(directory, 'lib')
    programs = os.path.join(directory, 'bin')
    os.makedirs(library, exist_ok=True)
    os.makedirs(programs, exist_ok=True)
    for source in (fsc_cli, sds_cli):
        module = os.path.join(library, os.path.basename(source.__file__))
        _write(module, pathlib.Path(source.__file__).read_text(), 0o644)
        # Compiled now: who runs it may not be allowed to write there.
        py_compile.compile(module, doraise=True)
    # Not the interpreter of a virtual environment, as the programs need
    # nothing of it and would have to find out about it.
    known = os.path.realpath(sys.executable), directory, library, run_dir
    _write(os.path.join(programs, 'fsc_cli'), _PROGRAM % known, 0o755)
    _write(os.path.join(programs, 'sds_cli'), _SDS_PROGRAM % (*known, agent),
           0o755)
    return programs


def _write(path, text, mode):
    with private.replacing(path, mode) as output:
        output.write(text.encode())
