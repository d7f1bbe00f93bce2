/** The real thing in the lab: `bin/bridgewalld` in its namespace and `bin/bwctl` to talk to it. */
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connectionKey, type Drop } from './judge.js';
import { type Ended, endChild, type Lab, LabError, type Namespace } from './netns.js';
import { ROOT } from './root.js';

const BRIDGEWALLD = join(ROOT, 'bin/bridgewalld');

export type AttachMode = 'auto' | 'tc' | 'xdp' | 'generic';

export interface WallPort {
  readonly name: string;
  readonly side: 'uplink' | 'inside';
}

export interface WallOptions {
  readonly lab: Lab;
  readonly namespace: Namespace;
  readonly ports: readonly WallPort[];
  readonly attach: AttachMode;
  /** Default `fw1`. */
  readonly node?: string;
  /** Default `off`. */
  readonly stp?: 'off' | 'kernel';
  /** More of `api` in the node file, such as `listen: ..., tls: {...}`. */
  readonly api?: string;
  /** More lines of the node file, such as `ha: {...}`. */
  readonly more?: readonly string[];
  /** The daemon's program; that of this project unless given. */
  readonly daemon?: string;
}

/** One bridgewall node. */
export class Wall {
  readonly socket: string;
  /** Path of its node.yaml. */
  readonly config: string;
  /** Where its standard error goes. */
  readonly log: string;
  readonly #options: WallOptions;
  #program: string;
  #daemon: ChildProcess | null = null;

  /** Writes the node file; `start` starts the daemon. */
  constructor(options: WallOptions) {
    const { lab, ports, attach, node = 'fw1', stp = 'off', api, more = [] } = options;
    this.#options = options;
    this.#program = options.daemon ?? BRIDGEWALLD;
    this.socket = join(lab.directory, `${node}.sock`);
    this.log = join(lab.directory, `${node}.log`);
    const pins = lab.bpffs(`${node}-bpf`);
    const lines = [
      `node: ${node}`,
      'bridge:',
      '  name: br0',
      '  ports:',
      ...ports.map((port) => `    - {name: ${port.name}, side: ${port.side}}`),
      `  stp: ${stp}`,
      `attach: ${attach}`,
      `api: {socket: ${this.socket}${api === undefined ? '' : `, ${api}`}}`,
      // Every drop is looked for: none may be left out for its rate.
      'log: {group: 5, rate: 100000/s}',
      `store: ${join(lab.directory, `${node}-store`)}`,
      `pins: ${pins}`,
      ...more,
    ];
    this.config = lab.file(`${node}.yaml`, `${lines.join('\n')}\n`);
  }

  /** The daemon's process id, or undefined when it does not run. */
  get pid(): number | undefined {
    return this.#daemon?.pid;
  }

  /**
   * Starts the daemon and waits until it answers.
   * @throws LabError `COMMAND` with the daemon's last words, or `TIMEOUT`
   */
  async start(timeoutMs = 30_000): Promise<void> {
    const log = openSync(this.log, 'a');
    const daemon = this.#options.namespace.spawn([this.#program, '--config', this.config], {
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.#daemon = daemon;
    const deadline = Date.now() + timeoutMs;
    while (Date.now() < deadline) {
      if (daemon.exitCode !== null || daemon.signalCode !== null) {
        throw new LabError('COMMAND', `bridgewalld ended: ${this.lastWords()}`);
      }
      if (existsSync(this.socket) && (await this.try('status', '-o', 'json')).status === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new LabError('TIMEOUT', `bridgewalld does not answer: ${this.lastWords()}`);
  }

  /** Ends the daemon with SIGTERM; the wall stays up. */
  async stop(): Promise<void> {
    if (this.#daemon) await endChild(this.#daemon, 10_000);
    this.#daemon = null;
  }

  /** Which daemon the next `start` starts; without an argument that of this project. */
  use(program = BRIDGEWALLD): void {
    this.#program = program;
  }

  /** Kills the daemon, which gets no chance to do anything about it; the wall stays up. */
  async kill(): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === null) return;
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGKILL');
    await ended;
    this.#daemon = null;
  }

  /** The end of the daemon's log. */
  lastWords(lines = 12): string {
    try {
      return readFileSync(this.log, 'utf8').trim().split('\n').slice(-lines).join('\n');
    } catch {
      return '(no log)';
    }
  }

  /** The command line of `bwctl` for this node. */
  bwctl(...args: string[]): string[] {
    return [join(ROOT, 'bin/bwctl'), '--socket', this.socket, ...args];
  }

  /** Runs `bwctl`, at the top of the project, and says how it ended. */
  try(...args: string[]): Promise<Ended> {
    return this.#options.namespace.run(this.bwctl(...args), { timeoutMs: 30_000, cwd: ROOT });
  }

  /**
   * Runs `bwctl` and returns what it printed.
   * @throws LabError `COMMAND` when its exit status is not in `accept` (default 0)
   */
  async run(args: readonly string[], accept: readonly number[] = [0]): Promise<string> {
    const ended = await this.try(...args);
    if (!accept.includes(ended.status)) {
      const words = (ended.stderr || ended.stdout).trim();
      throw new LabError('COMMAND', `bwctl ${args.join(' ')}: exit ${ended.status}: ${words}`);
    }
    return ended.stdout;
  }

  /** Runs `bwctl ... -o json` and returns the parsed output. */
  async json<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.run([...args, '-o', 'json'], [0, 2])) as T;
  }

  /** Starts `bwctl watch drops -o json`. */
  watchDrops(): DropWatch {
    const child = this.#options.namespace.spawn(this.bwctl('watch', 'drops', '-o', 'json'), {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return new DropWatch(child);
  }
}

/** The drop log as it comes in. */
export class DropWatch {
  readonly #byConnection = new Map<string, Drop[]>();
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  #count = 0;
  #lost = 0;

  constructor(child: ChildProcess) {
    this.#child = child;
    createInterface({ input: child.stdout! }).on('line', (line) => this.#take(line));
  }

  #take(line: string): void {
    const drop = JSON.parse(line) as Drop & { verdict?: string; lost?: number };
    if (drop.lost !== undefined) this.#lost += drop.lost;
    if (drop.verdict !== 'drop') return;
    this.#count++;
    this.#lines.push(line);
    if (this.#lines.length > 100) this.#lines.shift();
    const key = connectionKey(drop);
    const known = this.#byConnection.get(key);
    if (known) known.push(drop);
    else this.#byConnection.set(key, [drop]);
  }

  /** How many drops were recorded. */
  get count(): number {
    return this.#count;
  }

  /** Records that the reader was told it missed. */
  get lost(): number {
    return this.#lost;
  }

  /** The latest records, as they were printed. */
  get latest(): readonly string[] {
    return this.#lines;
  }

  /** Drops recorded for a connection. */
  of(key: string): readonly Drop[] {
    return this.#byConnection.get(key) ?? [];
  }

  /** Waits until `found` says true; looks every 20 ms. Resolves false after `timeoutMs`. */
  async until(found: () => boolean, timeoutMs: number): Promise<boolean> {
    const deadline = Date.now() + timeoutMs;
    while (!found()) {
      if (Date.now() > deadline) return false;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return true;
  }

  async stop(): Promise<void> {
    await endChild(this.#child, 2000);
  }
}
