#!/usr/bin/env python3
"""Records TCP sessions of two real stacks as somebody between them sees them, into recorded/*.pcap.

Two network namespaces, and a relay in a third that loses, repeats and holds up frames before and
behind the place where it writes them down. Payloads are left out: their length is kept. Run as root:
  python3 test/dataplane/differential/record.py [scenario...]
"""
import ctypes
import heapq
import os
import random
import select
import socket
import struct
import subprocess
import sys
import threading
import time

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recorded")
RUN = f"bwrec{os.getpid()}"
NAMES = {side: f"{RUN}-{side}" for side in ("client", "middle", "server")}
ADDRESSES = {
    4: {"client": "10.9.0.1", "server": "10.9.0.2"},
    6: {"client": "fd00:9::1", "server": "fd00:9::2"},
}
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
LIBC = ctypes.CDLL(None, use_errno=True)
TCP_REPAIR = 19
PORT = 7000


def run(*command, namespace=None):
    inside = ["ip", "netns", "exec", namespace] if namespace else []
    subprocess.run([*inside, *command], check=True, stdout=subprocess.DEVNULL)


def set_up():
    for name in NAMES.values():
        run("ip", "netns", "add", name)
    for side in ("client", "server"):
        run("ip", "link", "add", side, "netns", NAMES["middle"], "type", "veth",
            "peer", "name", "e0", "netns", NAMES[side])
        run("ip", "link", "set", side, "up", namespace=NAMES["middle"])
        run("sysctl", "-qw", f"net.ipv6.conf.{side}.disable_ipv6=1", namespace=NAMES["middle"])
        run("sysctl", "-qw", "net.ipv6.conf.e0.accept_dad=0", namespace=NAMES[side])
        run("ethtool", "-K", "e0", "tx", "off", "gro", "off", "gso", "off", "tso", "off",
            namespace=NAMES[side])
        run("ip", "addr", "add", ADDRESSES[4][side] + "/24", "dev", "e0", namespace=NAMES[side])
        run("ip", "addr", "add", ADDRESSES[6][side] + "/64", "dev", "e0", "nodad",
            namespace=NAMES[side])
        for device in ("lo", "e0"):
            run("ip", "link", "set", device, "up", namespace=NAMES[side])


def clear_up():
    for name in NAMES.values():
        subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


def within(side, what):
    """What a function returns inside a namespace; sockets stay there, the thread ends."""
    result = []

    def body():
        with open(f"/run/netns/{NAMES[side]}") as namespace:
            if LIBC.setns(namespace.fileno(), 0):
                raise OSError(ctypes.get_errno(), side)
        result.append(what())

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    return result[0]


class Relay(threading.Thread):
    """Carries frames both ways; `net` says what happens to them on the way."""

    def __init__(self):
        super().__init__(daemon=True)
        self.wires = [within("middle", lambda side=side: self.open(side))
                      for side in ("client", "server")]
        self.random = random.Random(1)
        self.net = {}
        self.lose_next = []
        self.records = []
        self.over = False

    @staticmethod
    def open(side):
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        wire.setsockopt(263, 23, 1)  # PACKET_IGNORE_OUTGOING
        wire.bind((side, 0))
        return wire

    def delays(self, frame, side, seen):
        """After how many seconds it goes on, once or more; nothing: lost."""
        if header(frame) is None:
            return [0]
        flags = frame[header(frame) + 13]
        for rule in self.lose_next:
            if seen and rule == (side, flags & 0x17):
                self.lose_next.remove(rule)
                return []
        if self.random.random() < self.net.get("loss", 0):
            return []
        times = 2 if self.random.random() < self.net.get("twice", 0) else 1
        base = self.net.get("delay", 0)
        return [base + (0.004 if self.random.random() < self.net.get("late", 0) else 0)
                for _ in range(times)]

    def run(self):
        waiting, number = [], 0
        while not self.over:
            left = max(0, waiting[0][0] - time.monotonic()) if waiting else 0.05
            for wire in select.select(self.wires, [], [], min(left, 0.05))[0]:
                side, frame = self.wires.index(wire), wire.recv(4096)
                for delay in self.delays(frame, side, False):
                    heapq.heappush(waiting, (time.monotonic() + delay, number := number + 1,
                                             side, frame, False))
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, side, frame, seen = heapq.heappop(waiting)
                if seen:
                    self.wires[1 - side].send(frame)
                    continue
                if header(frame) is not None:
                    self.records.append((time.time(), frame))
                for delay in self.delays(frame, side, True):
                    heapq.heappush(waiting, (time.monotonic() + delay, number := number + 1,
                                             side, frame, True))


def header(frame):
    """Where TCP begins; None: it is not TCP."""
    if frame[12:14] == b"\x08\x00" and frame[23] == 6:
        return 14 + (frame[14] & 15) * 4
    if frame[12:14] == b"\x86\xdd" and frame[20] == 6:
        return 54
    return None


def write_pcap(path, records):
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 128, 1))
        for when, frame in records:
            at = header(frame)
            kept = frame[: at + (frame[at + 12] >> 4) * 4]
            out.write(struct.pack("<IIII", int(when), int(when % 1 * 1e6), len(kept), len(frame)))
            out.write(kept)


class Site:
    """Both ends of a scenario, in one family."""

    def __init__(self, relay, family):
        self.relay, self.family = relay, family
        self.port = PORT

    def sysctl(self, **values):
        for side in ("client", "server"):
            for key, value in values.items():
                run("sysctl", "-qw", f"net.ipv4.{key}={value}", namespace=NAMES[side])

    def socket(self, side, port=0, options=()):
        def make():
            one = socket.socket(FAMILIES[self.family], socket.SOCK_STREAM)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            for option in options:
                one.setsockopt(*option)
            one.bind((ADDRESSES[self.family][side], port))
            one.settimeout(20)
            return one
        return within(side, make)

    def address(self, side, port):
        return (ADDRESSES[self.family][side], port)

    def listen(self, options=()):
        listener = self.socket("server", self.port, options)
        listener.listen(5)
        return listener

    def connect(self, port=0, options=(), send=None):
        client = self.socket("client", port, options)
        client.connect(self.address("server", self.port))
        return client

    def pair(self, port=0, client=(), server=()):
        listener = self.listen(server)
        one = self.connect(port, client)
        two = listener.accept()[0]
        two.settimeout(20)
        listener.close()
        return one, two


def receive(one, count):
    got = 0
    while got < count:
        piece = one.recv(min(65536, count - got))
        if not piece:
            break
        got += len(piece)
    return got


def finish(one, two):
    """Both close, one after the other, and read to the end."""
    one.shutdown(socket.SHUT_WR)
    receive(two, 1 << 30)
    two.close()
    receive(one, 1 << 30)
    one.close()


def exchange(site, there=6000, back=6000, **sockets):
    one, two = site.pair(**sockets)
    sender = threading.Thread(target=one.sendall, args=(b"x" * there,))
    sender.start()
    receive(two, there)
    sender.join()
    sender = threading.Thread(target=two.sendall, args=(b"y" * back,))
    sender.start()
    receive(one, back)
    sender.join()
    finish(one, two)


def bulk(site):
    site.relay.net = {"loss": 0.03, "twice": 0.03, "late": 0.2, "delay": 0.001}
    exchange(site, 40_000, 40_000)


def no_options(site):
    site.sysctl(tcp_window_scaling=0, tcp_sack=0, tcp_timestamps=0)
    bulk(site)


def no_scaling(site):
    site.sysctl(tcp_window_scaling=0)
    bulk(site)


def no_sack(site):
    site.sysctl(tcp_sack=0, tcp_timestamps=0)
    bulk(site)


def half_close(site):
    one, two = site.pair()
    one.sendall(b"x" * 500)
    one.shutdown(socket.SHUT_WR)
    receive(two, 1 << 30)
    for _ in range(4):
        two.sendall(b"y" * 700)
        time.sleep(0.02)
    two.close()
    receive(one, 1 << 30)
    one.close()


def simultaneous_open(site):
    site.relay.net = {"delay": 0.05}
    one, two = site.socket("client", 7001), site.socket("server", 7002)
    for end in (one, two):
        end.setblocking(False)
    for end, to in ((one, site.address("server", 7002)), (two, site.address("client", 7001))):
        try:
            end.connect(to)
        except BlockingIOError:
            pass
    time.sleep(0.6)
    for end in (one, two):
        end.settimeout(20)
    one.sendall(b"hello")
    receive(two, 5)
    finish(one, two)


def simultaneous_close(site):
    site.relay.net = {"delay": 0.05}
    one, two = site.pair()
    one.sendall(b"x" * 100)
    receive(two, 100)
    time.sleep(0.3)
    one.close()
    two.close()


def zero_window(site):
    small = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)]
    one, two = site.pair(server=small)
    sender = threading.Thread(target=one.sendall, args=(b"x" * 30_000,))
    sender.start()
    time.sleep(1.5)
    receive(two, 30_000)
    sender.join()
    finish(one, two)


def keep_alive(site):
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
               (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1),
               (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)]
    one, two = site.pair(client=options, server=options)
    one.sendall(b"x" * 10)
    receive(two, 10)
    time.sleep(3.5)
    finish(one, two)


def lost_segments(site):
    """The first SYN, SYN-ACK and FIN of either end are lost behind the wall."""
    site.relay.lose_next = [(0, 2), (1, 18), (0, 17), (1, 17)]
    exchange(site, 300, 300)


def refused(site):
    one = site.socket("client")
    try:
        one.connect(site.address("server", site.port))
    except ConnectionRefusedError:
        pass
    one.close()


def aborted(site):
    for side in (0, 1):
        ends = site.pair()
        ends[0].sendall(b"x" * 100)
        receive(ends[1], 100)
        ends[side].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        ends[side].close()
        time.sleep(0.1)
        ends[1 - side].close()


def closed_unread(site):
    """Data to a socket that is closed already: it answers with resets."""
    site.relay.net = {"delay": 0.01}
    one, two = site.pair()
    one.sendall(b"x" * 3000)
    two.close()
    try:
        for _ in range(5):
            one.sendall(b"x" * 1000)
            time.sleep(0.01)
    except OSError:
        pass
    one.close()


def forget(one):
    """Closes a socket so that its stack knows nothing of it any more, and says nothing."""
    time.sleep(0.1)  # for what is under way to it: it would be answered with a reset
    one.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    one.close()


def forgotten_by_client(site):
    one, two = site.pair(port=7005)
    one.sendall(b"x" * 100)
    receive(two, 100)
    forget(one)
    exchange(site, 200, 200, port=7005)
    two.close()


def forgotten_by_server(site):
    one, two = site.pair()
    one.sendall(b"x" * 100)
    receive(two, 100)
    forget(two)
    try:
        one.sendall(b"x" * 100)
        receive(one, 1)
    except ConnectionResetError:
        pass
    one.close()


def reused_port(site):
    for _ in range(3):
        one, two = site.pair(port=7006)
        two.sendall(b"y" * 200)
        two.close()
        receive(one, 1 << 30)
        one.close()
        time.sleep(0.05)


def syn_cookies(site):
    site.sysctl(tcp_syncookies=2)
    site.relay.lose_next = [(1, 18)]
    exchange(site, 500, 500)


def fast_open(site):
    site.sysctl(tcp_fastopen=3)
    for _ in range(2):
        listener = site.listen([(socket.IPPROTO_TCP, 23, 5)])
        one = site.socket("client")
        one.setblocking(True)
        one.sendto(b"x" * 200, 0x20000000, site.address("server", site.port))
        two = listener.accept()[0]
        listener.close()
        receive(two, 200)
        two.sendall(b"y" * 200)
        receive(one, 200)
        finish(one, two)
        time.sleep(0.05)


def urgent(site):
    one, two = site.pair()
    one.sendall(b"x" * 10)
    one.send(b"!", socket.MSG_OOB)
    one.sendall(b"x" * 10)
    receive(two, 20)
    finish(one, two)


SCENARIOS = [bulk, no_options, no_scaling, no_sack, half_close, simultaneous_open,
             simultaneous_close, zero_window, keep_alive, lost_segments, refused, aborted,
             closed_unread, forgotten_by_client, forgotten_by_server, reused_port, syn_cookies,
             fast_open, urgent]
DEFAULTS = {"tcp_window_scaling": 1, "tcp_sack": 1, "tcp_timestamps": 1, "tcp_syncookies": 1,
            "tcp_fastopen": 1, "tcp_fin_timeout": 60, "tcp_tw_reuse": 2}


def main():
    wanted = sys.argv[1:]
    set_up()
    relay = Relay()
    relay.start()
    os.makedirs(HERE, exist_ok=True)
    for scenario in SCENARIOS:
        if wanted and scenario.__name__ not in wanted:
            continue
        for family in (4, 6):
            relay.net, relay.lose_next, relay.records = {}, [], []
            relay.random = random.Random(f"{scenario.__name__}{family}")
            site = Site(relay, family)
            site.sysctl(**DEFAULTS)
            site.port = PORT + 10 + 2 * SCENARIOS.index(scenario)
            scenario(site)
            time.sleep(0.8)
            name = f"{scenario.__name__.replace('_', '-')}-v{family}.pcap"
            write_pcap(os.path.join(HERE, name), relay.records)
            print(f"{name}: {len(relay.records)} frames", flush=True)
    relay.over = True
    relay.join()


try:
    main()
finally:
    clear_up()
