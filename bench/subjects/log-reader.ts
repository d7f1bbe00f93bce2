/**
 * Reads records of an NFLOG group in any network namespace, and throws them away: a log costs what it
 * does when somebody reads it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { SPACES, type Space } from '../cables.js';

/** NFULNL_MSG_CONFIG: binds to a group, and asks for what frames begin with. */
const READER = `
import socket, struct, sys
group = int(sys.argv[1])
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
s.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)
s.setsockopt(270, 5, 1)
s.bind((0, 0))
def ask(kind, payload):
    attribute = struct.pack('=HH', 4 + len(payload), kind) + payload
    attribute += b'\\0' * (-len(attribute) % 4)
    body = struct.pack('>BBH', 0, 0, group) + attribute
    s.send(struct.pack('=IHHII', 16 + len(body), 4 << 8 | 1, 5, 1, 0) + body)
    error = struct.unpack_from('=i', s.recv(4096), 16)[0]
    if error: sys.exit('NFLOG: %d' % error)
ask(1, b'\\1')
ask(2, struct.pack('>IBB', 192, 2, 0))
print('ready', flush=True)
read = bytearray(1 << 20)
while True: s.recv_into(read)
`;

/** Somebody who reads a log. */
export interface LogReader {
  close(): void;
}

/** Begins to read. */
export async function readLog(space: Space | undefined, group: number): Promise<LogReader> {
  const python = ['python3', '-c', READER, `${group}`];
  const [program, ...args] =
    space === undefined ? python : ['nsenter', `--net=${SPACES}/${space.name}`, ...python];
  const child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await Promise.race([
    once(child.stdout!, 'data'),
    once(child, 'exit').then(() => {
      throw new Error('the reader of the log ended');
    }),
  ]);
  return { close: () => child.kill() };
}
