#!/usr/bin/env python3
"""Traffic that Node's sockets cannot make: error queues, hop limits, datagrams that must not be cut.

  traffic.py serve                     TCP on port 80 (get N, put N), UDP echo on port 5000
  traffic.py get|put ADDRESS BYTES     over TCP; prints how many bytes arrived
  traffic.py echo ADDRESS BYTES COUNT  UDP; prints how many came back whole
  traffic.py big ADDRESS BYTES         UDP with don't-fragment; prints the MTU that an error told
  traffic.py orphans ADDRESS COUNT     later fragments without a first one
  traffic.py trace ADDRESS PORT HOPS   UDP with that hop limit; prints "ADDRESS TYPE" of the error
  traffic.py trace-echo ADDRESS HOPS   the same by an echo request; or "ADDRESS TYPE" of the reply
  traffic.py trace-tcp ADDRESS PORT HOPS  the same by a SYN; or "connected"
"""
import os
import selectors
import socket
import struct
import sys
import threading

RECVERR = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
DISCOVER = {socket.AF_INET: (socket.IPPROTO_IP, 10), socket.AF_INET6: (socket.IPPROTO_IPV6, 23)}
HOPS = {
    socket.AF_INET: (socket.IPPROTO_IP, socket.IP_TTL),
    socket.AF_INET6: (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS),
}


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def receive(connection, count):
    left = count
    while left > 0:
        data = connection.recv(min(left, 65536))
        if not data:
            break
        left -= len(data)
    return count - left


def serve_one(connection):
    with connection:
        line = connection.makefile("r").readline()
        # Whoever only tried whether anybody listens asks for nothing.
        if not line:
            return
        verb, count = line.split()
        connection.sendall(b"\n")
        if verb == "get":
            connection.sendall(b"x" * int(count))
        else:
            connection.sendall(b"%d\n" % receive(connection, int(count)))


def serve():
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.bind(("::", 5000))
    tcp = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True)
    ready = selectors.DefaultSelector()
    ready.register(udp, selectors.EVENT_READ)
    ready.register(tcp, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in ready.select():
            if key.fileobj is udp:
                udp.sendto(*udp.recvfrom(65536))
            else:
                threading.Thread(target=serve_one, args=[tcp.accept()[0]], daemon=True).start()


def transfer(verb, address, count):
    with socket.create_connection((address, 80), timeout=20) as connection:
        connection.sendall(b"%s %d\n" % (verb.encode(), count))
        receive(connection, 1)
        if verb == "get":
            return receive(connection, count)
        connection.sendall(b"x" * count)
        return connection.makefile("r").readline().strip()


def echo(address, size, count):
    back = 0
    with socket.socket(family_of(address), socket.SOCK_DGRAM) as udp:
        udp.settimeout(2)
        udp.connect((address, 5000))
        for number in range(count):
            data = bytes([number & 255]) * size
            udp.send(data)
            try:
                back += udp.recv(65536) == data
            except socket.timeout:
                pass
    return back


def queued_error(connection):
    """The first error of the socket's queue as (who, type, information)."""
    _, ancillary, _, _ = connection.recvmsg(65536, 1024, socket.MSG_ERRQUEUE)
    # struct sock_extended_err, then the address of who sent the error
    data = ancillary[0][2]
    family = connection.family
    who = data[24:40] if family == socket.AF_INET6 else data[20:24]
    return socket.inet_ntop(family, who), data[5], int.from_bytes(data[8:12], sys.byteorder)


def comes(connection, event=selectors.EVENT_READ):
    """Something, or an error, within a while?"""
    poll = selectors.DefaultSelector()
    poll.register(connection, event)
    return bool(poll.select(3))


def error_about(address, port, options, size):
    """Sends one datagram; the error about it as (who, type, information)."""
    family = family_of(address)
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.settimeout(5)
        for (level, name), value in [(RECVERR[family], 1), *options(family)]:
            udp.setsockopt(level, name, value)
        udp.connect((address, port))
        udp.send(b"x" * size)
        return queued_error(udp) if comes(udp) else None


def big(address, size):
    found = error_about(address, 5000, lambda family: [(DISCOVER[family], 2)], size)
    return "none" if found is None else found[2]


def trace(address, port, hops):
    found = error_about(address, port, lambda family: [(HOPS[family], hops)], 40)
    return "none" if found is None else f"{found[0]} {found[1]}"


def trace_echo(address, hops):
    """What comes back is read raw: echo replies and errors alike."""
    family = family_of(address)
    v6 = family == socket.AF_INET6
    proto = socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP
    with socket.socket(family, socket.SOCK_RAW, proto) as icmp:
        icmp.setsockopt(*HOPS[family], hops)
        body = struct.pack("!HH", os.getpid() & 0xFFFF, 1)
        total = 0x0800 + sum(struct.unpack("!HH", body))
        total = (total & 0xFFFF) + (total >> 16)
        kind = 128 if v6 else 8
        # Of ICMPv6 the kernel computes the checksum.
        icmp.sendto(struct.pack("!BBH", kind, 0, ~total & 0xFFFF) + body, (address, 0))
        while comes(icmp):
            data, who = icmp.recvfrom(65536)
            answer = data[0] if v6 else data[(data[0] & 15) * 4]
            if answer in ((1, 3, 129) if v6 else (0, 3, 11)):
                return f"{who[0]} {answer}"
    return "none"


def trace_tcp(address, port, hops):
    family = family_of(address)
    with socket.socket(family, socket.SOCK_STREAM) as tcp:
        tcp.setsockopt(*HOPS[family], hops)
        tcp.setsockopt(*RECVERR[family], 1)
        tcp.setblocking(False)
        tcp.connect_ex((address, port))
        if not comes(tcp, selectors.EVENT_WRITE):
            return "none"
        try:
            who, kind, _ = queued_error(tcp)
            return f"{who} {kind}"
        except BlockingIOError:
            return "connected"


def orphans(address, count):
    """Later fragments of datagrams that never began."""
    family = family_of(address)
    data = b"y" * 64
    if family == socket.AF_INET6:
        raw = socket.socket(family, socket.SOCK_RAW, 44)
        packets = [struct.pack("!BBHI", 17, 0, 1448, n) + data for n in range(count)]
    else:
        raw = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
        to = socket.inet_aton(address)
        # Source and checksum are the kernel's to fill in.
        head = "!BBHHHBBH4s4s"
        packets = [
            struct.pack(head, 0x45, 0, 84, n + 1, 185, 64, 17, 0, bytes(4), to) + data
            for n in range(count)
        ]
    return sum(raw.sendto(each, (address, 0)) > 0 for each in packets)


def main(verb, *rest):
    if verb == "serve":
        serve()
    elif verb in ("get", "put"):
        print(transfer(verb, rest[0], int(rest[1])))
    elif verb == "echo":
        print(echo(rest[0], int(rest[1]), int(rest[2])))
    elif verb == "big":
        print(big(rest[0], int(rest[1])))
    elif verb == "orphans":
        print(orphans(rest[0], int(rest[1])))
    elif verb == "trace-echo":
        print(trace_echo(rest[0], int(rest[1])))
    elif verb == "trace-tcp":
        print(trace_tcp(rest[0], int(rest[1]), int(rest[2])))
    elif verb == "trace":
        print(trace(rest[0], int(rest[1]), int(rest[2])))


main(*sys.argv[1:])
