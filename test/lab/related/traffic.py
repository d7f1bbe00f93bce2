#!/usr/bin/env python3
"""Traffic that Node's sockets cannot make: error queues, hop limits, datagrams that must not be cut.

  traffic.py serve                     TCP on port 80 (get N, put N), UDP echo on port 5000
  traffic.py get|put ADDRESS BYTES     over TCP; prints how many bytes arrived
  traffic.py echo ADDRESS BYTES COUNT  UDP; prints how many came back whole
  traffic.py big ADDRESS BYTES         UDP with don't-fragment; prints the MTU that an error told
  traffic.py orphans ADDRESS COUNT     later fragments without a first one
  traffic.py trace ADDRESS PORT HOPS   UDP with that hop limit; prints "ADDRESS TYPE" of the error
"""
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
        verb, count = connection.makefile("r").readline().split()
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


def error_about(address, port, options, size):
    """Sends one datagram; the error about it as (who, type, information)."""
    family = family_of(address)
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.settimeout(5)
        for (level, name), value in [(RECVERR[family], 1), *options(family)]:
            udp.setsockopt(level, name, value)
        udp.connect((address, port))
        udp.send(b"x" * size)
        poll = selectors.DefaultSelector()
        poll.register(udp, selectors.EVENT_READ)
        if not poll.select(5):
            return None
        _, ancillary, _, _ = udp.recvmsg(65536, 1024, socket.MSG_ERRQUEUE)
        # struct sock_extended_err, then the address of who sent the error
        data = ancillary[0][2]
        information = int.from_bytes(data[8:12], sys.byteorder)
        who = data[24:40] if family == socket.AF_INET6 else data[20:24]
        return socket.inet_ntop(family, who), data[5], information


def big(address, size):
    found = error_about(address, 5000, lambda family: [(DISCOVER[family], 2)], size)
    return "none" if found is None else found[2]


def trace(address, port, hops):
    found = error_about(address, port, lambda family: [(HOPS[family], hops)], 40)
    return "none" if found is None else f"{found[0]} {found[1]}"


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
    elif verb == "trace":
        print(trace(rest[0], int(rest[1]), int(rest[2])))


main(*sys.argv[1:])
