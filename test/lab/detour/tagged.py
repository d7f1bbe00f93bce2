"""Datagrams inside a VLAN, past a kernel without VLAN devices.

tagged.py hear                                       prints VLAN and ports of every datagram that arrives at e0
tagged.py send VLAN MAC SRC:PORT DST:PORT WORDS      sends one
"""
import ipaddress
import socket
import struct
import sys

SOL_PACKET, PACKET_AUXDATA = 263, 8
VLAN_VALID = 16


def hear():
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.bind(("e0", 0))
    wire.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    print("ready", flush=True)
    while True:
        frame, more, _, where = wire.recvmsg(2000, 100)
        if where[2] == socket.PACKET_OUTGOING or frame[12:14] != b"\x08\0" or frame[23] != 17:
            continue
        status, tci = struct.unpack_from("=IIIHHH", more[0][2])[0::5]
        vlan = tci & 0xFFF if status & VLAN_VALID else 0
        print(vlan, *struct.unpack_from(">HH", frame, 34), flush=True)


def send(vlan, mac, src, dst, words):
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    wire.bind(("e0", 0))
    (src, sport), (dst, dport) = src.split(":"), dst.split(":")
    data = words.encode().replace(b"_", b"\0").replace(b"^", b"\1")
    udp = struct.pack(">HHHH", int(sport), int(dport), 8 + len(data), 0) + data
    ends = ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 7, 0, 64, 17, 0) + ends
    total = sum(struct.unpack(">10H", ip))
    total = (total & 0xFFFF) + (total >> 16)
    ip = ip[:10] + struct.pack(">H", ~(total + (total >> 16)) & 0xFFFF) + ip[12:]
    own = wire.getsockname()[4]
    tag = struct.pack(">HHH", 0x8100, int(vlan), 0x0800)
    wire.send(bytes.fromhex(mac.replace(":", "")) + own + tag + ip + udp)


{"hear": hear, "send": send}[sys.argv[1]](*sys.argv[2:])
