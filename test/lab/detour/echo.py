"""Says something to a server that says it back: echo.py HOST PORT WORDS."""
import socket
import sys

host, port, words = sys.argv[1:4]
try:
    with socket.create_connection((host, int(port)), timeout=2) as talk:
        talk.sendall(words.encode())
        print(talk.recv(1000).decode())
except OSError as error:
    print(type(error).__name__)
