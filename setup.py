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

"""What setup.cfg cannot say: the start-up hook, and where tests belong.

- A .pth file at the root of site-packages makes os-brick and Nova know our
  classes: see os_brick_dsware/_startup.py. Wheels get it when packages are
  built; an editable wheel contains none of the packages' files, so there it
  is added to the finished wheel.
- Tests are part of editable installs only. There they must be mapped, as
  the driver's belong into the cinder.tests package.
"""

import base64
import hashlib
import os
import pathlib
import zipfile

import setuptools
from setuptools.command import build_py
from setuptools.command import editable_wheel

# Runs at every start of the interpreter, so it must be quick, and silent when
# the package is gone. Such files are read in the order of their names: that of
# an editable install, which starts with an underscore, comes first.
HOOK = 'cinder_dsware.pth'
HOOK_LINE = (
    "import os; exec('try:\\n"
    " from os_brick_dsware import _startup; _startup.arm()\\n"
    "except Exception: pass') "
    "if os.environ.get('OS_BRICK_DSWARE_DISABLE', '0') in ('', '0') "
    "else None\n")


def is_test(package):
    """Tell whether a package holds tests.

    :param package: its dotted name
    :returns: True if it does
    """
    return 'tests' in package.split('.')


class BuildPy(build_py.build_py):
    """Leave the tests out of wheels, and put the hook in."""

    def run(self):
        if self.editable_mode:
            return super().run()
        self.packages = [name for name in self.packages
                         if not is_test(name)]
        super().run()
        self.mkpath(self.build_lib)
        pathlib.Path(self._hook()).write_text(HOOK_LINE)

    def _hook(self):
        return os.path.join(self.build_lib, HOOK)

    def get_outputs(self, include_bytecode=True):
        outputs = super().get_outputs(include_bytecode)
        return outputs if self.editable_mode else outputs + [self._hook()]


class EditableWheel(editable_wheel.editable_wheel):
    """Put the hook into the wheel that makes an install editable."""

    def run(self):
        super().run()
        made = pathlib.Path(self.dist_dir).glob('*-0.editable-*.whl')
        add_file(max(made, key=os.path.getmtime), HOOK, HOOK_LINE.encode())


def add_file(wheel, name, content):
    """Add a file to a finished wheel.

    :param wheel: path of the wheel
    :param name: the file's path in the wheel
    :param content: its bytes
    """
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
    line = '%s,sha256=%s,%d\n' % (
        name, digest.decode().rstrip('='), len(content))
    with zipfile.ZipFile(wheel) as old:
        entries = [(info, old.read(info)) for info in old.infolist()]
    changed = wheel.with_suffix('.new')
    with zipfile.ZipFile(changed, 'w', zipfile.ZIP_DEFLATED) as new:
        new.writestr(name, content)
        for info, data in entries:
            if info.filename.endswith('.dist-info/RECORD'):
                data += line.encode()
            new.writestr(info, data)
    os.replace(changed, wheel)


if __name__ == '__main__':
    setuptools.setup(cmdclass={
        'build_py': BuildPy, 'editable_wheel': EditableWheel})
