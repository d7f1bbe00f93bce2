/** A wall between one client and one server: the smallest lab in which a daemon can run for real. */
import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { NodeClient } from '../../../src/control/api/client.js';
import type { NodeEvent } from '../../../src/control/events.js';
import { type Ended, endChild, Lab, type Namespace } from '../../../src/lab/netns.js';
import { ROOT } from '../../../src/lab/root.js';

export const CLIENT = { v4: '10.9.0.1', v6: '2001:db8:9::1' } as const;
export const SERVER = { v4: '10.9.0.2', v6: '2001:db8:9::2' } as const;
/** The daemon's program. */
export const DAEMON = join(ROOT, 'bin/bridgewalld');

/** A policy in which the client may ping the server, and reach `tcp` of it. */
export function policy(tcp: readonly number[], more = ''): string {
  return [
    'apiVersion: bridgewall/v1',
    'groups:',
    '  local: [10.9.0.0/24, "2001:db8:9::/64"]',
    '  badguys: {dynamic: true, max: 3}',
    'hosts:',
    '  server:',
    `    addresses: [${SERVER.v4}, "${SERVER.v6}"]`,
    '    in:',
    '      ping: local',
    ...tcp.map((port) => `      ${port}/tcp: {from: local, log: true}`),
    'deny:',
    '  - {from: badguys}',
    more,
  ].join('\n');
}

/** MAC address of the device that a client or server of the lab has. */
export function macOf(of: Namespace): string {
  return /link\/ether (\S+)/.exec(of.ip('link', 'show', 'e0'))![1]!;
}

/** A daemon that was started, until it ends. */
export class Daemon {
  readonly child: ChildProcess;
  readonly #log: string;

  constructor(child: ChildProcess, log: string) {
    this.child = child;
    this.#log = log;
  }

  /** What it has logged so far. */
  get log(): string {
    return readFileSync(this.#log, 'utf8');
  }

  /** Resolves with its exit status, or -1 when a signal ended it. */
  async end(signal?: NodeJS.Signals): Promise<number> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const ended = new Promise((resolve) => this.child.once('exit', resolve));
      if (signal !== undefined) this.child.kill(signal);
      await ended;
    }
    return this.child.exitCode ?? -1;
  }
}

/** `client -- up0 [wall] dn0 -- server`. */
export class Bench {
  readonly lab: Lab;
  readonly wall: Namespace;
  readonly client: Namespace;
  readonly server: Namespace;
  readonly pins: string;
  readonly socket: string;
  readonly config: string;
  readonly #daemons: Daemon[] = [];
  #api: NodeClient | null = null;

  constructor(attach = 'tc') {
    this.lab = new Lab('daemon');
    this.wall = this.lab.namespace('wall');
    this.client = this.lab.namespace('client');
    this.server = this.lab.namespace('server');
    const end = (namespace: Namespace, { v4, v6 }: typeof CLIENT | typeof SERVER) => ({
      namespace,
      device: 'e0',
      addresses: [`${v4}/24`, `${v6}/64`],
    });
    this.lab.link({ namespace: this.wall, device: 'up0' }, end(this.client, CLIENT));
    this.lab.link({ namespace: this.wall, device: 'dn0' }, end(this.server, SERVER));
    this.pins = this.lab.bpffs();
    this.socket = join(this.lab.directory, 'api.sock');
    this.config = join(this.lab.directory, 'node.yaml');
    this.configure({ attach });
  }

  get api(): NodeClient {
    this.#api ??= new NodeClient(this.socket);
    return this.#api;
  }

  /** Writes the node file. */
  configure(o: { attach?: string; ports?: string; pins?: string; state?: string }): void {
    const ports = o.ports ?? '[{name: up0, side: uplink}, {name: dn0, side: inside}]';
    const lines = [
      'node: fw-1',
      `bridge: {name: br0, ports: ${ports}}`,
      `attach: ${o.attach ?? 'tc'}`,
      `api: {socket: ${this.socket}}`,
      'log: {group: 5, rate: 10000/s}',
      `store: ${join(this.lab.directory, 'store')}`,
      `pins: ${o.pins ?? this.pins}`,
      ...(o.state === undefined ? [] : [`state: ${o.state}`]),
    ];
    writeFileSync(this.config, lines.join('\n'));
  }

  /** Makes two more ports, and a node file for a second node on them; returns its path. */
  secondNode(group: number): string {
    this.wall.ip('link', 'add', 'up9', 'type', 'veth', 'peer', 'name', 'dn9');
    const text = readFileSync(this.config, 'utf8')
      .replace('fw-1', 'fw-2')
      .replace('br0', 'br9')
      .replace('up0', 'up9')
      .replace('dn0', 'dn9')
      .replace('group: 5', `group: ${group}`)
      .replaceAll(/(api\.sock|store$)/gm, '$1-2');
    return this.lab.file('second.yaml', text);
  }

  /** Starts the daemon and leaves it be. */
  spawn(...more: string[]): Daemon {
    const log = join(this.lab.directory, `daemon-${this.#daemons.length}.log`);
    const args = ['sh', '-c', 'log=$1; shift; exec "$@" 2>"$log"', 'sh', log, DAEMON];
    const child = this.wall.spawn([...args, '--config', this.config, ...more], { stdio: 'ignore' });
    const daemon = new Daemon(child, log);
    this.#daemons.push(daemon);
    return daemon;
  }

  /** Starts the daemon and waits until it serves. */
  async start(...more: string[]): Promise<Daemon> {
    this.#api?.close();
    this.#api = null;
    await this.lab.settled();
    const daemon = this.spawn(...more);
    for (;;) {
      if (daemon.child.exitCode !== null) throw new Error(`bridgewalld ended: ${daemon.log}`);
      try {
        if (daemon.log.includes('the wall stands')) return daemon;
      } catch {
        // Not even its log is there yet.
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Kills the daemon that was started last, without a word. */
  async kill(): Promise<void> {
    await this.#daemons.at(-1)?.end('SIGKILL');
  }

  /** Ends the daemon that was started last, and starts it anew. */
  async restart(signal: NodeJS.Signals = 'SIGTERM'): Promise<Daemon> {
    await this.#daemons.at(-1)?.end(signal);
    return await this.start();
  }

  /** Runs the daemon where it is expected to end by itself. */
  run(...args: string[]): Promise<Ended> {
    return this.wall.run([DAEMON, '--config', this.config, ...args]);
  }

  apply(text: string) {
    return this.api.apply({ text, file: 'policy.yaml' }, 'test');
  }

  /**
   * How many of `count` pings were answered, within the time that a lost ARP request takes to be repeated.
   * Addresses that were asked for while all was dropped are forgotten first: the third such request on its way
   * ends as unreachable at once, whatever the wall does by then.
   */
  async pings(to: string = SERVER.v4, count = 2, from: Namespace = this.client): Promise<number> {
    for (const state of ['incomplete', 'failed']) from.ip('neigh', 'flush', 'all', 'nud', state);
    const args = ['ping', '-q', '-c', String(count), '-i', '0.2', '-W', '3', to];
    return received((await from.run(args)).stdout);
  }

  /** Whether a TCP connection to the server comes about. */
  async connects(port: number, to: string = SERVER.v4): Promise<boolean> {
    const code = `const s = require('net').connect(${port}, '${to}');
      s.setTimeout(1500, () => process.exit(1)).on('connect', () => process.exit(0)).on('error', () => process.exit(2));`;
    return (await this.client.run([process.execPath, '-e', code])).status === 0;
  }

  /** Lets the server echo on these ports. */
  async serve(...ports: number[]): Promise<void> {
    const code = `const net = require('net'); let left = ${ports.length};
      for (const port of ${JSON.stringify(ports)}) net.createServer((s) => s.on('error', () => {}).pipe(s))
        .listen(port, '::', () => { if (--left === 0) console.log('ready'); });`;
    const child = this.server.spawn([process.execPath, '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => child.stdout!.once('data', resolve));
  }

  async close(): Promise<void> {
    this.#api?.close();
    for (const daemon of this.#daemons) await endChild(daemon.child, 5000);
    await this.lab.close();
  }
}

/** The events of a node since it began to listen. */
export class EventEar {
  readonly events: NodeEvent[] = [];
  readonly #watching = new AbortController();

  /** Resolves once every event from here on is heard. */
  static async listen(api: NodeClient): Promise<EventEar> {
    const ear = new EventEar();
    await new Promise<void>((ready) => {
      void (async () => {
        for await (const batch of api.watchEvents(ear.#watching.signal, ready)) {
          ear.events.push(...batch.events);
        }
      })().catch(() => {});
    });
    return ear;
  }

  /** Those of one kind, in their order. */
  of(kind: string): NodeEvent[] {
    return this.events.filter(({ event }) => event === kind);
  }

  close(): void {
    this.#watching.abort();
  }
}

/** `N received` of ping's summary. */
export function received(summary: string): number {
  return Number(/(\d+) received/.exec(summary)?.[1] ?? Number.NaN);
}

/** A TCP connection that is kept open. */
export class LiveConnection {
  readonly #child: ChildProcess;
  readonly #heard: string[] = [];
  #waiting: (() => void) | null = null;

  constructor(bench: Bench, port: number) {
    const code = `const s = require('net').connect(${port}, '${SERVER.v4}', () => console.log('open'));
      s.on('data', (d) => process.stdout.write(d)).on('error', () => {});
      process.stdin.on('data', (d) => s.write(d));`;
    this.#child = bench.client.spawn([process.execPath, '-e', code], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      this.#heard.push(line);
      this.#waiting?.();
    });
  }

  /** Resolves true once the line was heard, false when it was not in time. */
  async hears(line: string, withinMs = 2000): Promise<boolean> {
    const deadline = Date.now() + withinMs;
    while (!this.#heard.includes(line)) {
      const left = deadline - Date.now();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => {
        const late = setTimeout(resolve, left);
        this.#waiting = () => {
          clearTimeout(late);
          resolve();
        };
      });
    }
    return true;
  }

  /** Sends a line and says whether it came back. */
  echoes(line: string, withinMs?: number): Promise<boolean> {
    this.#child.stdin!.write(`${line}\n`);
    return this.hears(line, withinMs);
  }
}
