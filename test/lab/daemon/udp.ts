/** Connections of UDP, many at once. */
import type { Namespace } from '../../../src/lab/netns.js';

/** Echoes datagrams at a port until the lab closes. */
export async function echo(at: Namespace, port: number): Promise<void> {
  const code = `const s = require('dgram').createSocket('udp4');
    s.on('message', (m, { port, address }) => s.send(m, port, address));
    s.bind(${port}, () => console.log('ready'));`;
  const child = at.spawn([process.execPath, '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout!.once('data', resolve));
}

/** How many of `count` connections, one after the other, bring an answer back. */
export async function answers(
  from: Namespace,
  to: string,
  port: number,
  count: number,
): Promise<number> {
  const code = `const dgram = require('dgram'); let answered = 0;
    (async () => {
      for (let i = 0; i < ${count}; i++) await new Promise((resolve) => {
        const s = dgram.createSocket('udp4');
        const late = setTimeout(() => { s.close(); resolve(); }, 1000);
        s.on('message', () => { answered++; clearTimeout(late); s.close(); resolve(); });
        s.send('x', ${port}, '${to}');
      });
      console.log(answered);
    })();`;
  return Number((await from.run([process.execPath, '-e', code])).stdout);
}
