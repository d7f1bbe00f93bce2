/**
 * Opens connections to an echo server, says a word over each, waits for it, and closes, as fast as it can, so many
 * at a time and for so many milliseconds. Prints what it did as one line of JSON. Two thousand a second or so and no more:
 * for tests that want churn, not for measuring (bench/native/churn.c).
 */
import { connect } from 'node:net';

const [host = '', port = '80', together = '32', milliseconds = '1000'] = process.argv.slice(2);
const WORD = 'a word';
const until = performance.now() + Number(milliseconds);
let [done, failed] = [0, 0];

function one(): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), noDelay: true }, () => socket.write(WORD));
    socket.on('data', () => socket.end());
    socket.on('error', () => {
      failed++;
    });
    socket.on('close', (broken) => {
      if (!broken) done++;
      resolve();
    });
  });
}

async function goOn(): Promise<void> {
  while (performance.now() < until) await one();
}

const began = performance.now();
await Promise.all(Array.from({ length: Number(together) }, goOn));
const seconds = (performance.now() - began) / 1000;
process.stdout.write(
  `${JSON.stringify({ done, failed, perSecond: Math.round(done / seconds) })}\n`,
);
