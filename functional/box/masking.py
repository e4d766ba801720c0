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

"""Files of services, without what nobody else may know."""

import re

from tools import secret_marks
from tools import secret_search

MASK = '***'
_MARKED = re.compile(secret_marks.MARK + r'\w*')
# scheme://name:password@host
_URL = re.compile(r'(?<=://)[^\s:/@]+:[^\s/@]+(?=@)')
# An option whose name says what it is, and its value.
_OPTION = re.compile(r'^(\s*\w*(?:password|secret|fixed_key)\s*=\s*)\S.*$',
                     re.M)


class Revealed(Exception):
    """A secret is in what was to be published."""


def mask(text):
    """Take secrets out of a text.

    :param text: of a log or a configuration file
    :returns: the same with "***" where a secret was
    """
    for pattern, new in ((_MARKED, MASK), (_URL, MASK + ':' + MASK),
                         (_OPTION, r'\1' + MASK)):
        text = pattern.sub(new, text)
    return text


def publish(source, target):
    """Copy a file without the secrets in it.

    :param source: path of the file
    :param target: path of the copy
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(source, errors='replace') as there, open(target, 'w') as here:
        here.writelines(mask(line) for line in there)


def check(directory):
    """Make sure that no file has a secret in it; one that has is removed.

    :param directory: path of what is to be published
    :raises Revealed: one had
    """
    wanted = secret_marks.forms()
    found = [path for path in directory.rglob('*')
             if path.is_file() and secret_search.has_secret(path, wanted)]
    for path in found:
        path.unlink()
    if found:
        raise Revealed('Removed, since a secret was in it: %s'
                       % ', '.join(path.name for path in found))
