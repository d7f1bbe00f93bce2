"""TFTP and IRC as far as a wall sees them.

datagrams.py tftp-serve            answers a read request from a port of its own
datagrams.py tftp HOST             asks, and prints what came
datagrams.py irc-serve             takes what comes at 6667, and connects to where a DCC SEND says
datagrams.py irc HOST OWN PORT     offers a file, and prints who came for it
"""
import ipaddress
import re
import socket
import sys

FAMILY = socket.AF_INET


def tftp_serve():
    request = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    request.bind(("::", 69))
    print("ready", flush=True)
    while True:
        _, client = request.recvfrom(512)
        answer = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        answer.bind(("::", 0))
        answer.sendto(b"\0\3\0\1data", client)


def tftp(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    asking = socket.socket(family, socket.SOCK_DGRAM)
    asking.settimeout(2)
    asking.sendto(b"\0\1file\0octet\0", (host, 69))
    print(asking.recv(512)[4:].decode())


def irc_serve():
    server = socket.create_server(("0.0.0.0", 6667))
    print("ready", flush=True)
    while True:
        talk, _ = server.accept()
        offer = re.search(rb"DCC SEND \S+ (\d+) (\d+)", talk.recv(512))
        where = str(ipaddress.ip_address(int(offer[1])))
        try:
            socket.create_connection((where, int(offer[2])), timeout=2).close()
        except OSError:
            pass


def irc(host, own, port):
    waiting = socket.create_server((own, int(port)))
    waiting.settimeout(3)
    talk = socket.create_connection((host, 6667), timeout=3)
    number = int(ipaddress.ip_address(own))
    talk.sendall(b"PRIVMSG you :\1DCC SEND file %d %d\1\n" % (number, int(port)))
    print(waiting.accept()[1][0])


try:
    {"tftp-serve": tftp_serve, "tftp": tftp, "irc-serve": irc_serve, "irc": irc}[sys.argv[1]](
        *sys.argv[2:]
    )
except OSError as error:
    print(type(error).__name__)
