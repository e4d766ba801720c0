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

"""One manager's REST interface: its version, its token, its refusals.

A token is got by one thread at a time, and shared. What an answer says is
read here whatever the call, since a refusal may stand in four places.
"""

from collections.abc import Mapping
import functools
import http.cookies
import re
import threading

from cinder.i18n import _
from cinder.volume.drivers.dsware.client import login as signing
from cinder.volume.drivers.dsware.client import rest_http
from cinder.volume.drivers.dsware import exceptions
from cinder.volume.drivers.dsware import result_codes

BASE = '/dsware/service/'
#: Used when the manager names none that could be one.
USUAL_VERSION = 'v1.3'
_VERSION = re.compile(r'v?\d{1,3}(\.\d{1,3}){0,3}', re.ASCII)
_TOKEN = re.compile(r'[\x21-\x7e]{1,4096}')
_NUMBER = re.compile(r'-?\d{1,18}', re.ASCII)
_OFFLINE = frozenset((result_codes.UNAUTHORIZED, 1077949069))
_NOT_FOUND = 404
# What it means of HTTP when the answer says no more.
_STATUS = {401: result_codes.UNAUTHORIZED, 403: 1077949058, 429: 1077949006}


class Refused(Exception):
    """The manager refused a request.

    :ivar code: a result code; None when it told none
    :ivar desc: its words
    :ivar whole: whether nothing of the operation was done, although a call
        was carried out
    """

    def __init__(self, code, desc='', whole=False):
        super().__init__(desc)
        self.code = code
        self.desc = desc
        self.whole = whole

    @property
    def result_class(self):
        """The class of its code, as that of a query."""
        return result_codes.classify(self.code, False)

    def __str__(self):
        code = _('no result') if self.code is None else _(
            'result %(code)d (%(meaning)s)') % {
                'code': self.code,
                'meaning': result_codes.describe(self.code)}
        return f'{code}: {self.desc}' if self.desc else code


def number(value) -> int | None:
    """Read a number, which may be text.

    :returns: None when it is none
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value)
    return None


def refusal(answer: Mapping) -> Refused | None:
    """Tell what an answer says was refused, first of all.

    :param answer: the JSON of the answer
    :returns: None when nothing was
    """
    error, result = answer.get('error'), answer.get('result')
    if isinstance(error, Mapping) and number(error.get('code')) != 0:
        return _refused(error, 'code')
    if isinstance(result, Mapping):
        return (_refused(result, 'code') if number(result.get('code')) != 0
                else None)
    return _of_result(answer, number(result)) if number(result) != 0 else None


def _of_result(answer, result):
    details = answer.get('detail')
    for detail in details if isinstance(details, list) else [details]:
        if (isinstance(detail, Mapping)
                and number(detail.get('errorCode')) != 0):
            return _refused(detail, 'errorCode')
    if number(answer.get('errorCode')) not in (None, 0):
        return _refused(answer, 'errorCode')
    # 1 and 2 only say where the code is.
    return Refused(None if result in (1, 2) else result, _words(answer))


def _refused(where, key):
    return Refused(number(where.get(key)), _words(where))


def _words(where):
    said = where.get('description')
    return said if isinstance(said, str) else ''


class Session:
    """Calls to one manager, signed in.

    :param endpoint: the :class:`endpoints.Endpoint`
    :param connections: the :class:`rest_http.Connections`
    :param sign_in: the :class:`login.SignIn`, or None
    """

    def __init__(self, endpoint, connections, sign_in):
        self._endpoint = endpoint
        self._connections = connections
        self._sign_in = sign_in
        self._base = f'https://{endpoint}{BASE}'
        self._lock = threading.Lock()
        # (path of the version, headers), both of one sign-in
        self._signed = None

    def call(self, method, path, body, limit) -> Mapping:
        """Call the manager, signed in.

        :param method: of HTTP
        :param path: from the root of the host, or below the version's
        :param body: becomes JSON, or None
        :param limit: when to give up
        :returns: the JSON of its answer, which refuses nothing
        :raises NotSent: no byte of it was sent
        :raises Lost: it may have been carried out, or not
        :raises Refused: it was refused
        :raises AccessDenied: signing in was
        """
        signed = self._sign(None, limit)
        try:
            return self._send(signed, method, path, body, limit)
        except Refused as error:
            if error.code not in _OFFLINE or not self._sign_in:
                raise
        # Its session is over, so nothing was carried out.
        return self._send(self._sign(signed, limit), method, path, body,
                          limit)

    def _send(self, signed, method, path, body, limit):
        version, headers = signed
        # All releases have the changes that the version's paths are for.
        may_lack = method == 'GET' or path.startswith('/')
        if not path.startswith('/'):
            path = f'{BASE}{version}/{path}'
        answer = self._connections.send(method, path, headers, body, limit)
        return read(answer, may_lack)

    def _sign(self, old, limit):
        """Give a version and the headers to send, others than old ones."""
        if self._signed is not old and self._signed is not None:
            return self._signed
        if not self._lock.acquire(timeout=limit.remaining):
            raise rest_http.NotSent(TimeoutError(
                _('another request has been signing in all the time')))
        try:
            if self._signed is old or self._signed is None:
                self._signed = None
                self._signed = self._signed_in(limit)
            return self._signed
        finally:
            self._lock.release()

    def _signed_in(self, limit):
        headers = {'Referer': self._base}
        try:
            answer = self._ask('GET', BASE + 'rest/version', headers, None,
                               limit)
        except Refused as error:
            # Each release has that; a manager that starts has nothing yet.
            raise rest_http.NotSent(error) from error
        told = answer.content.get('currentVersion')
        version = (told if isinstance(told, str) and _VERSION.fullmatch(told)
                   else USUAL_VERSION)
        if self._sign_in is None:
            return version, headers
        login = functools.partial(
            self._login, f'{BASE}{version}/sec/login', headers, limit)
        return version, {**headers, **self._sign_in.sign(
            limit, self._endpoint, login)}

    def _ask(self, method, path, headers, body, limit):
        """Ask what changes nothing that the request in hand is about."""
        try:
            answer = self._connections.send(method, path, headers, body,
                                            limit)
            read(answer)
            return answer
        except rest_http.Lost as error:
            raise rest_http.NotSent(error) from error

    def _login(self, path, headers, limit, credentials):
        try:
            answer = self._ask('POST', path, headers, {
                'userName': credentials.user,
                'password': credentials.password}, limit)
        except Refused as error:
            if error.code is None or not signing.refuses(error.code):
                raise rest_http.NotSent(error) from error
            raise exceptions.AccessDenied(result=error.code,
                                          desc=error.desc) from error
        return self._token(answer)

    def _token(self, answer):
        token = answer.headers.get('X-Auth-Token') or ''
        if not _TOKEN.fullmatch(token):
            raise rest_http.NotSent(ValueError(
                _('the manager gave no token')))
        cookies = '; '.join(_cookies(answer.headers))
        return {'x-auth-token': token,
                **({'Cookie': cookies} if cookies else {})}

    def close(self) -> None:
        """Close all idle connections."""
        self._connections.close()


def _cookies(headers):
    """Give the cookies of an answer, as far as they may be returned."""
    for line in headers.getlist('Set-Cookie'):
        try:
            cookies = http.cookies.SimpleCookie(line)
        except http.cookies.CookieError:
            continue
        for name, cookie in cookies.items():
            if _TOKEN.fullmatch(cookie.coded_value):
                yield f'{name}={cookie.coded_value}'


def read(answer: rest_http.Answer, may_lack: bool = True) -> Mapping:
    """Read an answer of HTTP.

    :param answer: the :class:`rest_http.Answer`
    :param may_lack: whether a page may mean that there is no such call
    :returns: its JSON, which refuses nothing
    :raises Lost: what it says is no answer
    :raises Refused: the request was refused
    """
    content = answer.content
    refused = refusal(content) if isinstance(content, Mapping) else None
    # A published code is the manager's own word, whatever the status is.
    if refused and refused.code in result_codes.RESULT_CODES:
        raise refused
    _check_status(answer.status, answer.is_page and may_lack)
    if refused and (refused.code is not None or answer.status < 400):
        raise refused
    if answer.status >= 400:
        raise Refused(None, _('HTTP %d') % answer.status)
    if not isinstance(content, Mapping):
        raise rest_http.Lost(_('no JSON object with a result'))
    return content


def _check_status(status, is_page):
    if 300 <= status < 400:
        raise rest_http.Lost(_(
            'HTTP %d: it wants to be asked at another address') % status)
    if status >= 500:
        # Whether it was carried out before that is not known.
        raise rest_http.Lost(_('HTTP %d') % status)
    if status in _STATUS:
        raise Refused(_STATUS[status], _('HTTP %d') % status)
    if status == _NOT_FOUND or (status < 300 and is_page):
        # As versions answer that lack a call.
        raise Refused(result_codes.OPERATION_NOT_SUPPORTED, _(
            'HTTP %d without JSON: this version of the cluster does not '
            'have that call') % status)
