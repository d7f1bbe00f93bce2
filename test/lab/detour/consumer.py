"""A consumer of NFQUEUE over raw nfnetlink: consumer.py QUEUE drops what holds EVIL and accepts the rest.

Prints `ready`, and then a line per packet: family, bytes, verdict.
"""
import socket
import struct
import sys

NETFILTER = 12
PACKET, VERDICT, CONFIG = 0x300, 0x301, 0x302
queue = int(sys.argv[1])


def attribute(kind, data):
    length = 4 + len(data)
    return struct.pack("=HH", length, kind) + data + b"\0" * (-length % 4)


def send(kind, flags, body):
    head = struct.pack(">BBH", 0, 0, queue) + body
    netlink.send(struct.pack("=IHHII", 16 + len(head), kind, flags, 1, 0) + head)


netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETFILTER)
netlink.bind((0, 0))
for body in (attribute(1, struct.pack(">BxH", 1, 0)), attribute(2, struct.pack(">IB", 0xFFFF, 2))):
    send(CONFIG, 5, body)
    error = struct.unpack_from("=i", netlink.recv(4096), 16)[0]
    if error:
        sys.exit(f"queue {queue}: {error}")
print("ready", flush=True)
while True:
    message = netlink.recv(1 << 20)
    length, kind = struct.unpack_from("=IH", message)
    if kind != PACKET:
        continue
    fields, at = {}, 20
    while at < length:
        size, what = struct.unpack_from("=HH", message, at)
        fields[what & 0x3FFF] = message[at + 4 : at + size]
        at += size + 3 & ~3
    number, protocol = struct.unpack_from(">IH", fields[1])
    packet = fields.get(10, b"")
    evil = b"EVIL" in packet
    print(f"{protocol:04x} {len(packet)} {'drop' if evil else 'accept'}", flush=True)
    send(VERDICT, 1, attribute(2, struct.pack(">II", 0 if evil else 1, number)))
