/**
 * relay.mjs FROM TO: every connection to FROM goes on to TO. Each is `unix:PATH` or `HOST:PORT`.
 * Carries the node's API, which is a unix socket of the guest, to the host.
 */
import { connect, createServer } from 'node:net';

function place(text) {
  if (text.startsWith('unix:')) return { path: text.slice('unix:'.length) };
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}

const [from, to] = process.argv.slice(2).map(place);

createServer((near) => {
  const far = connect(to);
  near.pipe(far).pipe(near);
  for (const [one, other] of [
    [near, far],
    [far, near],
  ]) {
    one.on('error', () => {});
    one.on('close', () => other.destroy());
  }
}).listen(from);
