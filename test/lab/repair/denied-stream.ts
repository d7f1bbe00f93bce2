/** Traffic that the policy denies, and a count of what of it arrives all the same. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { endChild } from '../../../src/lab/netns.js';
import { type Bench, macOf, SERVER } from '../daemon/bench.js';

/** UDP port that no policy of these tests allows. */
const PORT = 9;

/** Frames to the server and to everybody, one of each a millisecond, from the uplink. */
export class DeniedStream {
  readonly #sender: ChildProcess;
  readonly #capture: ChildProcess;
  #arrived = 0;
  #sent = 0;

  private constructor(bench: Bench) {
    const code = `const s = require('dgram').createSocket('udp4'); let n = 0;
      s.bind(0, () => { s.setBroadcast(true); setInterval(() => { n++;
        s.send('unjudged', ${PORT}, '${SERVER.v4}'); s.send('unjudged', ${PORT}, '10.9.0.255'); }, 1);
        setInterval(() => console.log(n), 200); });`;
    const filter = ['udp', 'port', String(PORT)];
    this.#capture = bench.server.spawn(
      ['tcpdump', '-i', 'e0', '-nn', '-l', '--immediate-mode', ...filter],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    );
    createInterface({ input: this.#capture.stdout! }).on('line', (line) => {
      if (line.includes('UDP')) this.#arrived += 1;
    });
    this.#sender = bench.client.spawn([process.execPath, '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#sender.stdout!.on('data', (text: Buffer) => {
      this.#sent = Number(text.toString().trim().split('\n').pop());
    });
  }

  /** Resolves once frames are on their way. */
  static async start(bench: Bench): Promise<DeniedStream> {
    // Neither end asks for the other's address: ARP is no part of this.
    const mac = macOf(bench.server);
    bench.client.ip('neigh', 'replace', SERVER.v4, 'lladdr', mac, 'dev', 'e0', 'nud', 'permanent');
    const stream = new DeniedStream(bench);
    while (stream.#sent === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    return stream;
  }

  /** Pairs of frames sent so far. */
  get sent(): number {
    return this.#sent;
  }

  /** Frames of the stream that arrived behind the wall. */
  get arrived(): number {
    return this.#arrived;
  }

  async stop(): Promise<void> {
    await endChild(this.#sender, 2000);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await endChild(this.#capture, 2000);
  }
}
