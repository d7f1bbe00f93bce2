/** Who scans, and who sends in the names of others. */
import type { Namespace } from '../../../src/lab/netns.js';
import { type Bench, macOf, SERVER } from '../daemon/bench.js';

/** Asks that many ports of a host for a connection, all at once; resolves once nobody has answered. */
export async function scan(
  from: Namespace,
  to: string,
  ports: number,
  own?: string,
): Promise<void> {
  const local = own === undefined ? '' : `, localAddress: '${own}'`;
  const code = `const net = require('net');
    for (let port = 2000; port < ${2000 + ports}; port++) {
      net.connect({host: '${to}', port${local}}).on('error', () => {});
    }
    setTimeout(() => process.exit(0), 500);`;
  await from.run([process.execPath, '-e', code]);
}

/** SYNs for a port that no rule opens, with sources of one's choice: `address/hop limit`. */
const SEND = `
import socket, struct, sys, random
device, smac, dmac, dst, times, port = sys.argv[1:7]
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((device, 0))
mac = lambda text: bytes.fromhex(text.replace(':', ''))
def total(b):
    if len(b) % 2: b += b'\\0'
    n = sum(struct.unpack('!%dH' % (len(b) // 2), b))
    while n >> 16: n = (n & 0xffff) + (n >> 16)
    return ~n & 0xffff
def syn(src, ttl, sport):
    a, b = socket.inet_aton(src), socket.inet_aton(dst)
    ip = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 40, 1, 0, ttl, 6, 0, a, b)
    ip = ip[:10] + struct.pack('!H', total(ip)) + ip[12:]
    tcp = struct.pack('!HHIIBBHHH', sport, int(port), 1, 0, 0x50, 2, 1024, 0, 0)
    tcp = tcp[:16] + struct.pack('!H', total(a + b + struct.pack('!HH', 6, 20) + tcp)) + tcp[18:]
    return mac(dmac) + mac(smac) + b'\\x08\\x00' + ip + tcp
for source in sys.argv[7:]:
    for i in range(int(times)):
        if source == 'random':
            src, ttl = '198.18.%d.%d' % (random.randrange(256), random.randrange(1, 255)), 64
        else:
            src, ttl = source.split('/')
        s.send(syn(src, int(ttl), 1024 + i % 60000))
`;

/** Sends so many SYNs in the name of each source. */
export async function forge(bench: Bench, times: number, ...sources: string[]): Promise<void> {
  const [own, server] = [macOf(bench.client), macOf(bench.server)];
  const code = ['python3', '-c', SEND, 'e0', own, server, SERVER.v4, String(times), '4444'];
  const { status, stderr } = await bench.client.run([...code, ...sources], { timeoutMs: 60_000 });
  if (status !== 0) throw new Error(stderr);
}
