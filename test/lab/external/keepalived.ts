/** A keepalived of one node, with the shipped files in the place where they belong. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { endChild, type Lab, type Namespace } from '../../../src/lab/netns.js';
import { ROOT } from '../../../src/lab/root.js';

const SHIPPED = join(ROOT, 'examples/keepalived');

export interface KeepalivedOptions {
  readonly lab: Lab;
  readonly namespace: Namespace;
  readonly node: string;
  /** Of the node's daemon. */
  readonly socket: string;
}

export class Keepalived {
  readonly #options: KeepalivedOptions;
  readonly #directory: string;
  #child: ChildProcess | null = null;
  #log = '';

  constructor(options: KeepalivedOptions) {
    this.#options = options;
    this.#directory = join(options.lab.directory, `${options.node}-keepalived`);
    mkdirSync(this.#directory);
    const script = 'bridgewall-notify.sh';
    copyFileSync(join(SHIPPED, script), join(this.#directory, script));
    const text = readFileSync(join(SHIPPED, 'keepalived.conf'), 'utf8');
    const own = text.replaceAll('/run/bridgewall/fw1.', options.socket.replace(/sock$/, ''));
    writeFileSync(join(this.#directory, 'keepalived.conf'), own);
  }

  /** What it said since it was made. */
  get log(): string {
    return this.#log;
  }

  /** In a mount namespace of its own, where /etc/keepalived holds the shipped files. */
  start(): void {
    const command = [
      ...['keepalived', '--dont-fork', '--log-console', '--vrrp'],
      ...['--pid', this.#pidFile('parent'), '--vrrp_pid', this.#pidFile('vrrp')],
    ];
    const shell = `mount --bind ${this.#directory} /etc/keepalived && exec ${command.join(' ')}`;
    const child = this.#options.namespace.spawn(['unshare', '--mount', 'sh', '-c', shell], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    });
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#log += text;
      });
    }
    this.#child = child;
  }

  /** Ends it in good order. */
  async stop(): Promise<void> {
    if (this.#child !== null) await endChild(this.#child, 10_000);
    this.#child = null;
  }

  /** Kills it with all that it started but scripts: nothing of it says anything any more. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined) return;
    const all = [child.pid, ...childrenOf(child.pid)];
    const ended = once(child, 'exit');
    for (const pid of all) process.kill(pid, 'SIGKILL');
    await ended;
    // Else it takes a child for alive that nobody has reaped yet, and does not start again.
    for (const of of ['parent', 'vrrp']) rmSync(this.#pidFile(of), { force: true });
    this.#child = null;
  }

  #pidFile(of: string): string {
    const { lab, node } = this.#options;
    return join(lab.directory, `${node}-keepalived-${of}.pid`);
  }
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}
