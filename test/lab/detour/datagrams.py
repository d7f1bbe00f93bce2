"""TFTP, IRC and SIP as far as a wall sees them.

datagrams.py tftp-serve            answers a read request from a port of its own
datagrams.py tftp HOST             asks, and prints what came
datagrams.py irc-serve             takes what comes at 6667, and connects to where a DCC SEND says
datagrams.py irc HOST OWN PORT     offers a file, and prints who came for it
datagrams.py sip-serve OWN...      answers calls at 5060, and sends back what it hears at 30000
datagrams.py sip HOST OWN          calls, says something once the call is answered, and prints what it hears
"""
import ipaddress
import re
import select
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


def at(host):
    return "[%s]" % host if ":" in host else host


def description(own, port):
    """Where the voice is heard (RFC 4566)."""
    kind = "IP6" if ":" in own else "IP4"
    return (
        f"v=0\r\no=- 1 1 IN {kind} {own}\r\ns=-\r\nc=IN {kind} {own}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0\r\n"
    )


def headers(caller, called):
    return (
        f"Via: SIP/2.0/UDP {at(caller)}:5060;branch=z9hG4bK1\r\nFrom: <sip:a@{at(caller)}>;tag=1\r\n"
        f"To: <sip:b@{at(called)}>\r\nCall-ID: 1@{at(caller)}\r\nCSeq: 1 INVITE\r\n"
    )


def sip_text(first, caller, called, speaker, body):
    contact = f"Contact: <sip:x@{at(speaker)}:5060>\r\nContent-Type: application/sdp\r\n"
    length = f"Content-Length: {len(body)}\r\n\r\n"
    return (first + "\r\n" + headers(caller, called) + contact + length + body).encode()


def bound(own, port):
    heard = socket.socket(socket.AF_INET6 if ":" in own else FAMILY, socket.SOCK_DGRAM)
    heard.bind((own, port))
    return heard


def sip_serve(*own):
    calls = {bound(address, 5060): address for address in own}
    voices = [bound(address, 30000) for address in own]
    print("ready", flush=True)
    while True:
        for ready in select.select([*calls, *voices], [], [])[0]:
            said, caller = ready.recvfrom(4096)
            if ready in voices:
                ready.sendto(said, caller)
                continue
            body = description(calls[ready], 30000)
            text = sip_text("SIP/2.0 200 OK", caller[0], calls[ready], calls[ready], body)
            ready.sendto(text, caller)


def sip(host, own):
    call, voice = bound(own, 5060), bound(own, 20000)
    for each in (call, voice):
        each.settimeout(2)
    body = description(own, 20000)
    first = f"INVITE sip:b@{at(host)} SIP/2.0"
    call.sendto(sip_text(first, own, host, own, body), (host, 5060))
    call.recv(4096)
    voice.sendto(b"voice", (host, 30000))
    print(voice.recv(64).decode())


try:
    {
        "tftp-serve": tftp_serve,
        "tftp": tftp,
        "irc-serve": irc_serve,
        "irc": irc,
        "sip-serve": sip_serve,
        "sip": sip,
    }[sys.argv[1]](*sys.argv[2:])
except OSError as error:
    print(type(error).__name__)
