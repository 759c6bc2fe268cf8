# SPDX-License-Identifier: GPL-2.0-or-later
"""Just enough of a portmapper to bring an NFS server and QEMU together.

QEMU's driver nfs takes no port: it asks the portmapper, at port 111.  This one
knows the answers from the beginning, and agrees to whatever the server says.
It speaks what servers (versions 3 and 4, at a path) and clients (version 2, at
the port) of it speak.
"""
import os
import socketserver
import struct
import threading

PORT = 111
PATH = '/run/rpcbind.sock'
PROGRAM = 100000
NULL, SET, UNSET, GET = range(4)    # the same in all versions
CALL, REPLY = 0, 1


def padded(data):
    return struct.pack('>I', len(data)) + data + bytes(-len(data) % 4)


def skip_auth(call, at):
    length, = struct.unpack_from('>I', call, at + 4)
    return at + 8 + (length + 3) // 4 * 4


def reply(call, ports):
    """The answer to a call; None to what is none."""
    xid, kind, _, program, version, procedure = struct.unpack_from('>6I', call)
    if kind != CALL:
        return None
    args = skip_auth(call, skip_auth(call, 24))
    accepted, result = 0, b''
    if program != PROGRAM:
        accepted = 1            # no such program
    elif procedure in (SET, UNSET):
        result = struct.pack('>I', 1)
    elif procedure == GET:
        wanted, = struct.unpack_from('>I', call, args)
        port = ports.get(wanted, 0)
        result = struct.pack('>I', port) if version == 2 else \
            padded(f'127.0.0.1.{port >> 8}.{port & 255}'.encode())
    elif procedure != NULL:
        accepted = 3            # no such procedure
    return struct.pack('>6I', xid, REPLY, 0, 0, 0, accepted) + result


class Stream(socketserver.StreamRequestHandler):
    """Calls, and answers, behind their length."""

    def handle(self):
        try:
            while self.handle_one():
                pass
        except ConnectionError:
            pass                # how clients hang up

    def handle_one(self):
        mark = self.rfile.read(4)
        if len(mark) < 4:
            return False
        length = struct.unpack('>I', mark)[0] & 0x7fffffff
        answer = reply(self.rfile.read(length), self.server.ports)
        if answer:
            self.wfile.write(struct.pack('>I', 1 << 31 | len(answer)) + answer)
        return True


class Datagram(socketserver.DatagramRequestHandler):
    def handle(self):
        answer = reply(self.rfile.read(), self.server.ports)
        if answer:
            self.wfile.write(answer)


class Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class Unix(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class Portmapper:
    """ports: {number of an RPC program: its port}"""

    def __init__(self, ports):
        if os.path.exists(PATH):
            os.unlink(PATH)
        self.servers = [
            Tcp(('127.0.0.1', PORT), Stream),
            socketserver.UDPServer(('127.0.0.1', PORT), Datagram),
            Unix(PATH, Stream)]
        for server in self.servers:
            server.ports = ports
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()
