/**
 * Hosts are never quite silent: one that is told of itself once a second by ARP. Without it a Linux bridge goes on
 * sending what is for a silent server to the dead node for up to its ageing time of 300 s: after a topology change
 * the entry counts as stale at once, but is used until the next collection takes it away.
 */
import type { Namespace } from '../../src/lab/netns.js';

const PROGRAM = `
import socket, sys, time
mac, address = bytes.fromhex(sys.argv[1].replace(':', '')), socket.inet_aton(sys.argv[2])
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind(('eth0', 0))
request = bytes.fromhex('0806' '0001' '0800' '06' '04' '0001')
while True:
    out.send(b'\\xff' * 6 + mac + request + mac + address + bytes(6) + address)
    time.sleep(1)
`;

/** Has a host announce itself once a second from now on. */
export function announceItself(host: Namespace, { mac, v4 }: { mac: string; v4: string }): void {
  host.spawn(['python3', '-c', PROGRAM, mac, v4], { stdio: ['ignore', 'ignore', 'inherit'] });
}
