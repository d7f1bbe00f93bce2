/** What it costs a pair that its nodes tell each other of connections: rounds with and without, by turns. */
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
  DEVICES,
  NODES,
  type NodeName,
  otherOf,
  type PairNet,
  SERVER,
} from '../../src/lab/pair/pair-net.js';
import { median } from '../../src/lab/results.js';
import { ROOT } from '../../src/lab/root.js';
import { PortThreads, processNs } from './processor.js';

const CHURN_PROGRAM = join(ROOT, 'build/bench/churn');
const LIVES_PROGRAM = join(ROOT, 'build/bench/lives');
/** Nobody in the lab has these. */
const MACS = ['02:00:00:00:aa:01', '02:00:00:00:aa:02'];
/** Connections that the client has under way. */
const TOGETHER = 32;
/** Everything has been told by then. */
const SETTLE_MS = 500;
const PORTS = Object.values(DEVICES);

/** A pair whose replication can be had and not. */
export interface Replicating {
  readonly name: string;
  readonly net: PairNet;
  readonly active: NodeName;
  /** The process of a node that replicates; null while there is none. */
  pid(node: NodeName): number | null;
  /** From now on connections are told, or not; resolves when both nodes are ready for it. */
  replicate(on: boolean): Promise<void>;
}

type Each = Readonly<Record<NodeName, number>>;

/** Connections of a fixed rate, without a stack. Microseconds and bytes a connection. */
interface Lives {
  readonly process: Each;
  readonly ports: Each;
  /** On the link between the nodes, both ways, headers included. */
  readonly wire: number;
}

/** What was measured with replication, and right after it without. */
interface Round<T> {
  readonly on: T;
  readonly off: T;
}

/** Medians over all rounds. */
export interface ReplicationCost {
  readonly name: string;
  /** Of a real client, as fast as it can. */
  readonly perSecond: { readonly on: number; readonly off: number };
  /** On over off, of a round. */
  readonly ratio: { readonly median: number; readonly least: number; readonly most: number };
  /** Microseconds that a connection takes more with replication than without. */
  readonly process: { readonly active: number; readonly standby: number };
  readonly ports: { readonly active: number; readonly standby: number };
  /** Bytes of a connection. */
  readonly wire: number;
}

export interface Amount {
  /** Lives a second. */
  readonly rate: number;
  readonly seconds: number;
}

/** Rounds of one pair, told and untold by turns; take rounds of several pairs by turns. */
export class ReplicationBench {
  readonly #pair: Replicating;
  readonly #amount: Amount;
  readonly #lives: Round<Lives>[] = [];
  /** Connections a second. */
  readonly #churn: Round<number>[] = [];

  private constructor(pair: Replicating, amount: Amount) {
    this.#pair = pair;
    this.#amount = amount;
  }

  /** Starts a server behind the pair. */
  static async begin(pair: Replicating, amount: Amount): Promise<ReplicationBench> {
    const server = pair.net.server.spawn([CHURN_PROGRAM, 'serve', '80'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(server.stdout!, 'data');
    // Else the client runs out of ports long before a node runs out of anything.
    pair.net.client.sysctl('net.ipv4.ip_local_port_range', '1024 65000');
    pair.net.client.sysctl('net.ipv4.tcp_tw_reuse', 1);
    return new ReplicationBench(pair, amount);
  }

  get name(): string {
    return this.#pair.name;
  }

  /** At a fixed rate. */
  async lives(): Promise<void> {
    this.#lives.push(await this.#round(() => this.#lead()));
  }

  /** As fast as it goes. What that leaves to be cleared away would count in {@link lives}: after all of these. */
  async churn(): Promise<void> {
    this.#churn.push(await this.#round(() => this.#rush()));
  }

  cost(): ReplicationCost {
    const { active } = this.#pair;
    const ratios = this.#churn.map(({ on, off }) => on / off);
    const more = (of: (lives: Lives) => number) =>
      median(this.#lives.map(({ on, off }) => of(on) - of(off)));
    const both = (of: (lives: Lives) => Each) => ({
      active: more((lives) => of(lives)[active]),
      standby: more((lives) => of(lives)[otherOf(active)]),
    });
    return {
      name: this.#pair.name,
      perSecond: {
        on: median(this.#churn.map(({ on }) => on)),
        off: median(this.#churn.map(({ off }) => off)),
      },
      ratio: { median: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) },
      process: both(({ process }) => process),
      ports: both(({ ports }) => ports),
      // Without replication nodes may still look for each other on the link, and that is not taken off.
      wire: median(this.#lives.map(({ on }) => on.wire)),
    };
  }

  async #round<T>(measure: () => Promise<T>): Promise<Round<T>> {
    await this.#pair.replicate(true);
    const on = await measure();
    await pause(SETTLE_MS);
    await this.#pair.replicate(false);
    const off = await measure();
    await pause(SETTLE_MS);
    return { on, off };
  }

  async #rush(): Promise<number> {
    const ms = this.#amount.seconds * 1000;
    const args = ['open', SERVER.v4, '80', String(TOGETHER), String(ms)];
    const ended = await this.#pair.net.client.run([CHURN_PROGRAM, ...args]);
    const [done = 0] = ended.stdout.split(' ').map(Number);
    if (done === 0) throw new Error(`${this.name}: no connection: ${ended.stderr}`);
    return Math.round(done / this.#amount.seconds);
  }

  async #lead(): Promise<Lives> {
    const { net } = this.#pair;
    const threads = NODES.map((node) => new PortThreads(net.nodes[node], PORTS));
    const look = () => ({
      process: NODES.map((node) => processNs(this.#pair.pid(node))),
      ports: threads.map((one) => one.ranNs()),
      wire: wireBytes(net, this.#pair.active),
    });
    try {
      const before = look();
      const lives = await this.#live();
      await pause(SETTLE_MS);
      const after = look();
      const each = (of: 'process' | 'ports'): Each => {
        const us = (i: number) => (after[of][i]! - before[of][i]!) / 1000 / lives;
        return { fw1: us(0), fw2: us(1) };
      };
      const wire = (after.wire - before.wire) / lives;
      return { process: each('process'), ports: each('ports'), wire };
    } finally {
      for (const one of threads) one.end();
    }
  }

  /** Resolves to how many. */
  async #live(): Promise<number> {
    const { client, server } = this.#pair.net;
    const { rate, seconds } = this.#amount;
    const args = [client.path, server.path, ...MACS, SERVER.v4, '80', rate, seconds].map(String);
    const ended = await client.run([LIVES_PROGRAM, ...args]);
    const found = /\] (\d+)/.exec(ended.stdout);
    if (ended.status !== 0 || found === null) throw new Error(`lives: ${ended.stderr}`);
    return Number(found[1]);
  }
}

/** Bytes that a node has sent to the other one and had from it. */
function wireBytes(net: PairNet, node: NodeName): number {
  const text = net.nodes[node].ip('-j', '-s', 'link', 'show', 'dev', DEVICES.sync);
  type Line = { stats64: { rx: { bytes: number }; tx: { bytes: number } } };
  const { rx, tx } = (JSON.parse(text) as [Line])[0].stats64;
  return rx.bytes + tx.bytes;
}
