/** Frames that bear numbers, sent on one side of a wall and ticked off on the other. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Namespace } from '../../../src/lab/netns.js';
import { built } from '../../dataplane/harness/native.js';
import { ether, frame, ipv4, udp } from '../../packet/index.js';

/** A flow of UDP; frames go to `port` of an address that no stack answers for. */
export interface Flow {
  readonly from: string;
  readonly to: string;
  /** Destination port: what the flow is known by on the other side. */
  readonly port: number;
  /** Every frame is of a connection of its own. */
  readonly fresh: boolean;
}

/** Which rounds of a flow arrived. */
export class Heard {
  readonly #bits: Buffer;

  constructor(hex: string) {
    this.#bits = Buffer.from(hex, 'hex');
  }

  has(round: number): boolean {
    return ((this.#bits[round >> 3] ?? 0) & (1 << (round & 7))) !== 0;
  }

  /** How many of the first `rounds` arrived. */
  count(rounds: number): number {
    let count = 0;
    for (let round = 0; round < rounds; round++) if (this.has(round)) count++;
    return count;
  }
}

class Numbered {
  protected readonly child: ChildProcess;
  protected readonly lines: string[] = [];
  readonly #ready: Promise<void>;
  readonly #ended: Promise<void>;

  protected constructor(at: Namespace, args: readonly string[]) {
    const source = 'test/lab/daemon/native/numbered.c';
    const program = built('build/test/numbered', source, (output) => [
      ...['cc', '-O2', '-Wall', '-Werror', '-D_GNU_SOURCE', '-o', output, source],
    ]);
    this.child = at.spawn([program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    const output = createInterface({ input: this.child.stdout! });
    output.on('line', (line) => this.lines.push(line));
    this.#ready = new Promise((resolve) => output.once('line', () => resolve()));
    this.#ended = new Promise((resolve) => output.once('close', () => resolve()));
  }

  async ready(): Promise<this> {
    await this.#ready;
    return this;
  }

  protected async finish(): Promise<void> {
    this.child.kill('SIGTERM');
    await this.#ended;
  }
}

export class NumberedSender extends Numbered {
  /** Sends a frame of each flow, in order, once per `microseconds`. */
  static start(
    at: Namespace,
    macs: { from: string; to: string },
    microseconds: number,
    flows: readonly Flow[],
  ): Promise<NumberedSender> {
    const frames = flows.map(({ from, to, port, fresh }) => {
      const bytes = frame(
        ether({ src: macs.from, dst: macs.to }),
        ipv4({ src: from, dst: to }),
        udp({ sport: 9999, dport: port, checksum: 0 }),
        Buffer.alloc(22),
      );
      return (fresh ? '+' : '') + bytes.toString('hex');
    });
    return new NumberedSender(at, ['send', 'e0', String(microseconds), ...frames]).ready();
  }

  /** Ends it; returns the number of rounds. */
  async stop(): Promise<number> {
    await this.finish();
    return Number(this.lines.at(-1));
  }
}

/** Times in which nothing was heard, from the last frame before to the first one after, in milliseconds. */
export class NumberedPauses extends Numbered {
  static start(at: Namespace, port: number, microseconds: number): Promise<NumberedPauses> {
    return new NumberedPauses(at, ['pauses', 'e0', String(port), String(microseconds)]).ready();
  }

  /** Ends it; the times are those of `process.hrtime`. */
  async stop(): Promise<{ from: number; until: number }[]> {
    await this.finish();
    return this.lines.slice(1).map((line) => {
      const [from, until] = line.split(' ').map((text) => Number(text) / 1e6);
      return { from: from!, until: until! };
    });
  }
}

export class NumberedCounter extends Numbered {
  static start(at: Namespace): Promise<NumberedCounter> {
    return new NumberedCounter(at, ['count', 'e0']).ready();
  }

  /** Ends it; returns what arrived by destination port. Throws when the kernel lost some of it here. */
  async stop(): Promise<Map<number, Heard>> {
    await this.finish();
    const lost = this.lines.at(-1);
    if (lost !== 'lost 0') throw new Error(`the counter itself ${lost}`);
    const heard = this.lines.slice(1, -1).map((line) => line.split(' ') as [string, string]);
    return new Map(heard.map(([port, bits]) => [Number(port), new Heard(bits)]));
  }
}
