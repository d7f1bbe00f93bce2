/** Processor time of processes and of the ports of nodes, from the scheduler's own account. */
import { readdirSync, readFileSync } from 'node:fs';
import { command, type Namespace } from '../../src/lab/netns.js';

/** Nanoseconds that a process has run, all threads that live together. */
export function processNs(pid: number | null): number {
  if (pid === null) return 0;
  const tasks = readdirSync(`/proc/${pid}/task`);
  return tasks.reduce((sum, task) => sum + ranNs(`/proc/${pid}/task/${task}`), 0);
}

/** The kernel threads that serve the ports of a node: what packets cost there is their run time. */
export class PortThreads {
  readonly #namespace: Namespace;
  /** Each, and whether it had GRO. */
  readonly #ports = new Map<string, boolean>();
  readonly #pids: readonly number[];

  /** From now on a port's packets are taken in by threads of its own (its NAPI, which veth has by GRO or XDP). */
  constructor(namespace: Namespace, ports: readonly string[]) {
    this.#namespace = namespace;
    const before = new Set(napiThreads());
    for (const port of ports) {
      const features = namespace.exec('ethtool', '-k', port);
      this.#ports.set(port, features.includes('generic-receive-offload: on'));
      namespace.exec('ethtool', '-K', port, 'gro', 'on');
      threaded(namespace, port, true);
    }
    this.#pids = napiThreads().filter((pid) => !before.has(pid));
  }

  ranNs(): number {
    return this.#pids.reduce((sum, pid) => sum + ranNs(`/proc/${pid}`), 0);
  }

  /** Everything as it was. */
  end(): void {
    for (const [port, gro] of this.#ports) {
      threaded(this.#namespace, port, false);
      if (!gro) this.#namespace.exec('ethtool', '-K', port, 'gro', 'off');
    }
  }
}

/** Sysfs shows the devices of the namespace that it was mounted in: `ip netns exec` mounts it anew. */
function threaded(namespace: Namespace, port: string, on: boolean): void {
  const write = `echo ${on ? 1 : 0} > /sys/class/net/${port}/threaded`;
  command('ip', ['netns', 'exec', namespace.id, 'sh', '-c', write]);
}

function napiThreads(): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && nameOf(entry).startsWith('napi/'))
    .map(Number);
}

function nameOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'latin1');
  } catch {
    return '';
  }
}

/** 0 of one that has ended. */
function ranNs(at: string): number {
  try {
    return Number(readFileSync(`${at}/schedstat`, 'latin1').split(' ')[0]);
  } catch {
    return 0;
  }
}
