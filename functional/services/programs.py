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

"""Programs and files that the services need."""

import importlib.metadata
import os
import pathlib
import shutil
import sys

SYSTEM_DIRECTORIES = ('/usr/local/sbin', '/usr/local/bin', '/usr/sbin',
                      '/usr/bin', '/sbin', '/bin')
INSTALL_QEMU_IMG = 'apt-get install qemu-utils'

# Cinder and os-brick reach for root through sudo. The services run as the
# user who starts them, so that no password is asked for and nothing is
# changed outside of their directories: their sudo only runs its arguments.
_SUDO = '''#!/bin/sh
# The services run as the user who started them; nothing needs more.
exec %s"$@"
'''

# For what must not be ended by Ctrl-C, which reaches all of a session.
_OTHER_SESSION = 'setsid --wait '


def project_root():
    """The root of this source tree, as a path."""
    return pathlib.Path(__file__).resolve().parents[2]


def search_path(*first):
    """A PATH for the services.

    :param first: directories to search before all others
    :returns: text; the directory of this Python comes next, then those of
              the PATH of this process, then the system's
    """
    directories = [str(item) for item in first]
    directories.append(os.path.dirname(sys.executable))
    directories.extend(os.environ.get('PATH', '').split(os.pathsep))
    directories.extend(SYSTEM_DIRECTORIES)
    return os.pathsep.join(dict.fromkeys(filter(None, directories)))


def write_sudo(directory, other_session=False):
    """Make the services' sudo.

    :param directory: path of a directory that is first in their PATH
    :param other_session: whether it starts programs in another session
    """
    directory.mkdir(parents=True, exist_ok=True)
    sudo = directory / 'sudo'
    sudo.write_text(_SUDO % (_OTHER_SESSION if other_session else ''))
    sudo.chmod(0o755)


def qemu_img():
    """The path of qemu-img, or None when it is not installed."""
    return shutil.which('qemu-img', path=search_path())


def beside_python(name):
    """Tell where a program of this Python's environment is.

    :param name: its name
    :returns: its path
    """
    return os.path.join(os.path.dirname(sys.executable), name)


def why_not(package, *names):
    """Say that a package of Debian's is not installed, and how to do it.

    :param package: its name
    :param names: names or paths of its programs
    :returns: text; empty when all programs are there
    """
    if all(shutil.which(name, path=search_path()) for name in names):
        return ''
    return ('%s is not installed: apt-get install --no-install-recommends %s'
            % (package, package))


def data_directory(distribution, name):
    """A directory of data files that a package installed.

    :param distribution: name of the package on PyPI
    :param name: end of the directory's name, such as etc/cinder
    :returns: path
    :raises FileNotFoundError: the package has no file in such a directory
    """
    for item in importlib.metadata.files(distribution) or ():
        if str(item.parent).endswith(name):
            return pathlib.Path(item.locate()).resolve().parent
    raise FileNotFoundError('The package %s has no files in %s: was it '
                            'installed from a wheel?' % (distribution, name))


def version(distribution):
    """The installed version of a package.

    :param distribution: name of the package on PyPI
    :returns: text
    """
    return importlib.metadata.version(distribution)


def render_config(sections):
    """The text of a configuration file.

    :param sections: a dict of section name to a dict of option to value; a
                     value that is None is left out, a list is joined with
                     commas
    :returns: text
    """
    return '\n'.join(_section(name, options)
                     for name, options in sections.items())


def _section(name, options):
    lines = ['[%s]' % name]
    lines.extend('%s = %s' % (key, _value(value))
                 for key, value in options.items() if value is not None)
    return '\n'.join(lines) + '\n'


def _value(value):
    if isinstance(value, (list, tuple)):
        return ','.join(str(item) for item in value)
    return str(value)


def write_config(path, sections):
    """Write a configuration file that only its owner can read.

    :param path: where
    :param sections: see render_config()
    """
    path.touch(mode=0o600)
    path.write_text(render_config(sections))
