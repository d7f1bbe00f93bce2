"""An FTP client: ftp.py HOST active|passive prints how many bytes it got, or why it got none."""
import ftplib
import sys

host, way = sys.argv[1:3]
ftp = ftplib.FTP()
try:
    ftp.connect(host, 21, timeout=4)
    ftp.login()
    ftp.set_pasv(way == "passive")
    got = []
    ftp.retrbinary("RETR file", lambda data: got.append(len(data)))
    print(sum(got))
    ftp.quit()
except (OSError, EOFError, ftplib.Error) as error:
    print(type(error).__name__)
