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
"""How the REST interface behaves where releases differ or nothing is told.

Each default is the reading that is hardest for a driver, or what the
published clients need. Control.set_rest() changes them while the simulator
runs, and a reset brings the defaults back.
"""

import dataclasses
import re

#: The releases that are told apart, oldest first.
RELEASES = ('6.3', '8.0.0', '8.0.1', '8.1.0', '8.1.2', '8.1.5')

# These answer a page of HTML where a call is missing, with status 200.
_HTML_WHERE_MISSING = ('8.1.0',)
_VERSION = re.compile(r'v\d+(\.\d+)?\Z')
_CHOICES = {
    'release': RELEASES,
    'missing': (None, 'status', 'html'),
    'offline': ('result', 'errorCode', 'status'),
    'refusals': ('usual', 'detail', 'errorCode', 'error'),
    'codes': ('usual', 'number', 'text'),
    'absent': ('code', 'missing', 'empty'),
    'total': ('page', 'all'),
    'clone_size': ('snapshot', 'asked'),
    'detached': ('volumeInfo', 'volume', 'none'),
}


@dataclasses.dataclass
class Behaviour:
    """How the REST interface behaves.

    :param release: one of RELEASES: which calls there are
    :param version: what rest/version tells
    :param missing: what a call that is not there is answered: 'status' 404,
                    or a page of 'html' with status 200; None: as the release
                    does
    :param token_seconds: life of a token; only keepAlive makes it longer
    :param offline: where it stands that a token has ended: as 'result', as
                    'errorCode', or as HTTP 'status' 401
    :param refusals: 'usual', or the place where all refusals of calls with a
                     version stand; 'error' is for /api/v2 too
    :param refusal_status: HTTP status of refusals
    :param codes: 'usual', or whether all codes are a 'number' or a 'text'
    :param absent: how a query for a volume that is not there is answered: by
                   a 'code', or as a success whose record is 'missing' or
                   'empty'
    :param lists: whether the record of one volume is a list with one entry
    :param total: whether totalNum counts the 'page' or 'all'
    :param clone_size: whether a linked clone has the size that was 'asked'
                       for, or always that of its 'snapshot'
    :param detached: the key that hosts' codes of a detachment stand under:
                     'volumeInfo', the 'volume' itself, or 'none'
    :param lock_after: how many refused passwords lock an address
    :param lock_seconds: for how long
    :param strict: whether requests need Referer and a JSON content type
    :param cookies: whether a token goes with the cookie of its sign-in
    """

    release: str = '8.1.5'
    version: str = 'v1.3'
    missing: str | None = None
    token_seconds: float = 1800
    offline: str = 'result'
    refusals: str = 'usual'
    refusal_status: int = 200
    codes: str = 'usual'
    absent: str = 'code'
    lists: bool = False
    total: str = 'page'
    clone_size: str = 'snapshot'
    detached: str = 'volumeInfo'
    lock_after: int = 5
    lock_seconds: float = 600
    strict: bool = True
    cookies: bool = False

    def change(self, **settings):
        """Change settings; all or none.

        :param settings: the new values by name
        :raises ValueError: a name or a value is wrong
        """
        for name, value in settings.items():
            self._check(name, value)
        for name, value in settings.items():
            setattr(self, name, value)

    def reset(self):
        """Bring the defaults back."""
        self.change(**dataclasses.asdict(Behaviour()))

    def _check(self, name, value):
        default = getattr(Behaviour, name, self)
        if default is self or callable(default):
            raise ValueError('no setting %s of REST; there are %s' % (
                name, ', '.join(field.name
                                for field in dataclasses.fields(self))))
        if name in _CHOICES:
            fits = value in _CHOICES[name]
        elif name == 'version':
            fits = isinstance(value, str) and _VERSION.match(value)
        elif name == 'refusal_status':
            fits = type(value) is int and 200 <= value <= 599
        elif isinstance(default, bool):
            fits = isinstance(value, bool)
        else:
            fits = type(value) in (int, float) and value >= 0
        if not fits:
            raise ValueError('%s of REST cannot be %r' % (name, value))

    def has(self, since):
        """Whether this release has what came with another one.

        :param since: one of RELEASES
        :returns: bool
        """
        return RELEASES.index(self.release) >= RELEASES.index(since)

    @property
    def html_where_missing(self):
        """Whether a missing call is answered HTML with status 200."""
        if self.missing is None:
            return self.release in _HTML_WHERE_MISSING
        return self.missing == 'html'
