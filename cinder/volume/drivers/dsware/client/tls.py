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

"""TLS: contexts that follow their files, and time-outs for whole calls."""

import glob
import os
import selectors
import ssl
import time

# How often, in seconds, the files are looked at for connections that are
# open already.
_LOOK_EVERY = 1.0


class BadFile(OSError):
    """A certificate or key cannot be used.

    :ivar option: the option that names the file
    :ivar path: the file
    :ivar problem: what is wrong with it, in words
    """

    def __init__(self, option, path, problem):
        super().__init__(f'{option} = {path}: {problem}')
        self.option = option
        self.path = path
        self.problem = problem


class TLSSettings:
    """What is needed to make a TLS context, re-read when files change.

    :param verify: whether the agent's certificate is verified
    :param ca_path: file or directory with trusted certificates, or None for
        the system's
    :param client_cert: file with a client certificate, or None
    :param client_key: file with its key, or None when it is in client_cert
    """

    def __init__(self, verify, ca_path=None, client_cert=None,
                 client_key=None):
        self.verify = verify
        self.ca_path = ca_path
        self.client_cert = client_cert
        self.client_key = client_key
        self._cached = (None, None)
        self._looked = 0.0

    def context(self) -> ssl.SSLContext:
        """Give a context, a new one when a certificate file has changed.

        :returns: the :class:`ssl.SSLContext`
        :raises BadFile: when a file cannot be read, or is not what it
            should be
        """
        signature = _signature(self._paths())
        cached, context = self._cached
        if context is None or cached != signature:
            context = self._make_context()
            self._cached = (signature, context)
        return context

    def is_current(self, context) -> bool:
        """Tell whether a connection may be used on.

        One that was made with what is not trusted any more may not. While
        the new files cannot be loaded, those that are open go on.

        :param context: what :meth:`context` gave for the connection
        """
        now = time.monotonic()
        if now - self._looked >= _LOOK_EVERY:
            self._looked = now
            try:
                self.context()
            except BadFile:
                return True
        return context is self._cached[1]

    def _paths(self):
        if not self.verify:
            trusted = ()
        elif self.ca_path:
            trusted = (self.ca_path,)
        else:
            defaults = ssl.get_default_verify_paths()
            # Not the directory, which has the same hundreds of files.
            trusted = (defaults.cafile or defaults.openssl_cafile,)
        return [path for path in (*trusted, self.client_cert,
                                  self.client_key) if path]

    def _make_context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        else:
            # What a certificate is for counts, not whom it is named after.
            context.hostname_checks_common_name = False
            self._load_trusted(context)
        if self.client_cert:
            self._load_client(context)
        return context

    def _load_trusted(self, context):
        try:
            if not self.ca_path:
                context.load_default_certs()
            elif os.path.isdir(self.ca_path):
                # OpenSSL would look into it later, and say nothing.
                os.listdir(self.ca_path)
                context.load_verify_locations(capath=self.ca_path)
            else:
                context.load_verify_locations(cafile=self.ca_path)
        except ssl.SSLError as error:
            raise BadFile('driver_ssl_cert_path', self.ca_path,
                          'no certificate in PEM can be loaded from it '
                          f'({error.reason or error})') from error
        except OSError as error:
            raise BadFile('driver_ssl_cert_path', self.ca_path,
                          error.strerror) from error

    def _load_client(self, context):
        for option, path in (('dsware_client_cert', self.client_cert),
                             ('dsware_client_key', self.client_key)):
            try:
                with open(path or self.client_cert, 'rb'):
                    pass
            except OSError as error:
                raise BadFile(option, path, error.strerror) from error
        try:
            # An encrypted key is an error; OpenSSL itself would ask at the
            # terminal for its password, and the service would hang.
            context.load_cert_chain(self.client_cert, self.client_key,
                                    password=self._refuse_passphrase)
        except ssl.SSLError as error:
            raise self._of_client(error) from error

    def _refuse_passphrase(self):
        raise BadFile(*self._key(), 'the key is encrypted; the service '
                      'cannot ask for its passphrase, so store the key '
                      'without one, readable by the service only')

    def _key(self):
        if self.client_key:
            return 'dsware_client_key', self.client_key
        return 'dsware_client_cert', self.client_cert

    def _of_client(self, error):
        if error.reason == 'KEY_VALUES_MISMATCH':
            return BadFile(*self._key(), 'the key is not that of the '
                           f'certificate in {self.client_cert}')
        try:
            with open(self.client_cert, 'rb') as file:
                certificate = b'-----BEGIN CERTIFICATE-----' in file.read()
        except OSError:
            certificate = False
        reason = error.reason or error
        if certificate:
            return BadFile(*self._key(), 'no private key in PEM can be '
                           f'loaded from it ({reason})')
        return BadFile('dsware_client_cert', self.client_cert,
                       f'no certificate in PEM can be loaded ({reason})')


def _signature(paths):
    """Give what is another value once one of some files is another one."""
    # In a directory links, whose files may be replaced, are what is read.
    return [(name, _stamp(name)) for path in paths
            for name in (path, *sorted(glob.glob(glob.escape(path) + '/*')))]


def _stamp(path):
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


class Stream:
    """A TLS socket whose time-out is for a whole call.

    That of a socket under eventlet is for each of its waits, of which the
    peer can cause as many as it sends bytes.

    :param sock: an :class:`ssl.SSLSocket`
    """

    def __init__(self, sock):
        self._sock = sock
        self._until = 0.0
        # Under eventlet a time-out of 0 is another thing.
        sock.setblocking(False)

    def settimeout(self, seconds: float) -> None:
        """Set until when the following calls may take.

        :param seconds: from now
        """
        self._until = time.monotonic() + seconds

    def do_handshake(self) -> None:
        """Shake hands.

        :raises ssl.SSLError: as the socket's own
        :raises OSError: as the socket's own, and when time is over
        """
        self._finish(self._sock.do_handshake)

    def send(self, data) -> int:
        """Send some of the data.

        :param data: bytes
        :returns: how many were taken
        :raises OSError: as the socket's own, and when time is over
        """
        return self._finish(self._sock.send, data)

    def recv(self, size: int) -> bytes:
        """Receive what there is.

        :param size: how many bytes at most
        :returns: bytes, none at the end
        :raises OSError: as the socket's own, and when time is over
        """
        return self._finish(self._sock.recv, size)

    def fileno(self) -> int:
        """Give the descriptor, as the socket's own."""
        return self._sock.fileno()

    def getsockopt(self, *option):
        """Ask the kernel, as the socket's own."""
        return self._sock.getsockopt(*option)

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def _finish(self, call, *args):
        while True:
            try:
                return call(*args)
            except ssl.SSLWantReadError:
                self._wait(selectors.EVENT_READ)
            except ssl.SSLWantWriteError:
                self._wait(selectors.EVENT_WRITE)

    def _wait(self, event):
        remaining = self._until - time.monotonic()
        # The default one works with green threads and large descriptors.
        with selectors.DefaultSelector() as selector:
            selector.register(self._sock, event)
            if remaining <= 0 or not selector.select(remaining):
                raise TimeoutError('timed out')
