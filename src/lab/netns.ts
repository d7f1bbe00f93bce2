/**
 * Network namespaces of one run: made under names of their own, wired with veth pairs, and taken away
 * again whatever happens. Used by the demo and by every test that needs the kernel's network.
 *
 * Commands enter a namespace with `nsenter --net`, which keeps the mount namespace: `ip netns exec`
 * would hide the bpffs that pins live in.
 */
import {
  type ChildProcess,
  execFile,
  type SpawnOptions,
  spawn,
  spawnSync,
} from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command, endChild, isAlive, LabError, markProcess, type ProcessMark } from './process.js';

export { command, endChild, LabError } from './process.js';

/** Where each living run notes what it made, so that `lab-down` can clear up after a run that was killed. */
export const RUNS_DIRECTORY = '/run/bridgewall-lab';

/** How a command ended. `status` is 128 + the signal's number when a signal ended it. */
export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One end of a veth pair. */
export interface LinkEnd {
  readonly namespace: Namespace;
  /** At most 15 characters. */
  readonly device: string;
  /** `10.0.0.1/24`, `2001:db8::1/64`. */
  readonly addresses?: readonly string[];
  readonly mac?: string;
  /**
   * True for an end where a host lives (default: it has addresses): full checksums and GRO, without
   * which frames that native XDP redirects are lost on veth.
   */
  readonly endpoint?: boolean;
}

/** What a run owns; written to RUNS_DIRECTORY while it lives. */
export interface RunRecord {
  process: ProcessMark;
  directory: string;
  namespaces: string[];
  mounts: string[];
  children: ProcessMark[];
  /** Anything that a user of the run may want to find again, e.g. the API socket. */
  notes: Record<string, string>;
}

/** A network namespace of a Lab. */
export class Namespace {
  /** Short name, as given to `Lab.namespace`. */
  readonly name: string;
  /** Name in /run/netns. */
  readonly id: string;
  readonly #lab: Lab;

  /** Made by `Lab.namespace`. */
  constructor(lab: Lab, name: string, id: string) {
    this.#lab = lab;
    this.name = name;
    this.id = id;
  }

  /** What stands for it in the file system. */
  get path(): string {
    return `/run/netns/${this.id}`;
  }

  /** The command line that runs `args` in here. */
  wrap(args: readonly string[]): string[] {
    return ['nsenter', `--net=${this.path}`, ...args];
  }

  /** Runs a command in here to its end and returns its output; throws LabError `COMMAND` on failure. Blocks. */
  exec(file: string, ...args: string[]): string {
    return command('nsenter', [`--net=${this.path}`, file, ...args]);
  }

  /** `ip` with a netlink socket of this namespace. */
  ip(...args: string[]): string {
    return command('ip', ['-n', this.id, ...args]);
  }

  /** Sets a sysctl of this namespace, `net.ipv6.conf.all.accept_dad` style. */
  sysctl(key: string, value: number | string): void {
    this.exec('sysctl', '-qw', `${key}=${value}`);
  }

  /** Runs a command in here without blocking; resolves also when it fails. */
  run(args: readonly string[], o: { timeoutMs?: number; cwd?: string } = {}): Promise<Ended> {
    const [file, ...rest] = this.wrap(args) as [string, ...string[]];
    return new Promise((resolve) => {
      const child = execFile(
        file,
        rest,
        { encoding: 'utf8', maxBuffer: 64 << 20, timeout: o.timeoutMs ?? 0, cwd: o.cwd },
        (error, stdout, stderr) => {
          const status = error === null ? 0 : typeof error.code === 'number' ? error.code : 255;
          resolve({ status, stdout, stderr });
        },
      );
      this.#lab.track(child);
    });
  }

  /** Starts a process in here that lives until it ends itself or the lab closes. */
  spawn(args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const [file, ...rest] = this.wrap(args) as [string, ...string[]];
    const child = this.#lab.track(spawn(file, rest, { detached: true, ...options }));
    this.#lab.record(child);
    return child;
  }
}

/**
 * One run: its namespaces, processes, temporary directory and bpffs. Everything goes when `close` is
 * called, when the process exits, and on SIGINT, SIGTERM and SIGHUP.
 */
export class Lab {
  /** Part of every name this run makes. */
  readonly suffix: string;
  /** Temporary directory of this run. */
  readonly directory: string;
  readonly #record: RunRecord;
  readonly #namespaces = new Map<string, Namespace>();
  readonly #endpoints: LinkEnd[] = [];
  readonly #children = new Set<ChildProcess>();
  readonly #onClose: (() => void | Promise<void>)[] = [];
  readonly #onExit = () => this.#clear();
  readonly #onSignal: (signal: NodeJS.Signals) => void;
  #closed = false;
  #closing: Promise<void> | null = null;

  /**
   * @param label part of the directory's name; `lab` marks a standing lab, which `lab-down` ends.
   * @param signalStatus exit status after a signal; as a shell counts them unless given.
   * @throws LabError `ROOT`
   */
  constructor(label = 'test', signalStatus?: number) {
    if (process.getuid?.() !== 0) throw new LabError('ROOT', 'network namespaces need root');
    this.suffix = `${process.pid.toString(36)}${randomBytes(2).toString('hex')}`;
    this.directory = mkdtempSync(join(tmpdir(), `bridgewall-${label}-`));
    this.#record = {
      process: markProcess(process.pid),
      directory: this.directory,
      namespaces: [],
      mounts: [],
      children: [],
      notes: { label },
    };
    this.#onSignal = (signal) => {
      const status = signalStatus ?? (signal === 'SIGINT' ? 130 : 143);
      void this.close().finally(() => process.exit(status));
    };
    process.on('exit', this.#onExit);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, this.#onSignal);
    }
    this.#save();
  }

  /** True from the moment that `close` was called, or a signal came. */
  get closing(): boolean {
    return this.#closing !== null;
  }

  /** Adds a line to the run's record. */
  note(key: string, value: string): void {
    this.#record.notes[key] = value;
    this.#save();
  }

  /** Makes a namespace, quiet about IPv6: no DAD, no router solicitation, no autoconfiguration. */
  namespace(name: string): Namespace {
    if (this.#closed) throw new LabError('CLOSED', 'the lab is closed');
    const id = `bw-${name}-${this.suffix}`;
    this.#record.namespaces.push(id);
    this.#save();
    command('ip', ['netns', 'add', id]);
    const made = new Namespace(this, name, id);
    this.#namespaces.set(name, made);
    const quiet = [
      'net.ipv6.conf.all.accept_dad=0',
      'net.ipv6.conf.default.accept_dad=0',
      'net.ipv6.conf.all.accept_ra=0',
      'net.ipv6.conf.default.accept_ra=0',
      'net.ipv6.conf.all.router_solicitations=0',
      'net.ipv6.conf.default.router_solicitations=0',
      'net.ipv4.ping_group_range=0 2147483647',
    ];
    made.exec('sysctl', '-qw', ...quiet);
    made.ip('link', 'set', 'lo', 'up');
    return made;
  }

  /** A namespace made before, by its short name. */
  get(name: string): Namespace {
    const found = this.#namespaces.get(name);
    if (!found) throw new LabError('CLOSED', `no namespace ${name} in this lab`);
    return found;
  }

  /** Wires two namespaces with a veth pair, both ends up. */
  link(a: LinkEnd, b: LinkEnd, o: { mtu?: number } = {}): void {
    const mtu = o.mtu === undefined ? [] : ['mtu', String(o.mtu)];
    const mac = (end: LinkEnd) => (end.mac === undefined ? [] : ['address', end.mac]);
    a.namespace.ip(
      ...['link', 'add', a.device, ...mtu, ...mac(a), 'type', 'veth'],
      ...['peer', 'name', b.device, 'netns', b.namespace.id, ...mtu, ...mac(b)],
    );
    for (const end of [a, b]) {
      const { namespace, device, addresses = [] } = end;
      if (addresses.some((address) => address.includes(':'))) this.#endpoints.push(end);
      for (const address of addresses) {
        const nodad = address.includes(':') ? ['nodad'] : [];
        namespace.ip('address', 'add', address, 'dev', device, ...nodad);
      }
      namespace.ip('link', 'set', device, 'up');
      if (end.endpoint ?? addresses.length > 0) {
        // Once it is up: else the other end does not learn that frames may be redirected here.
        namespace.exec('ethtool', '-K', device, 'tx', 'off', 'gro', 'on');
      }
    }
  }

  /**
   * Waits until every endpoint has its IPv6 link-local address: the kernel tells IPv6 of a new carrier
   * up to a second late, and until then nobody answers neighbour solicitations there.
   * @throws LabError `TIMEOUT`
   */
  async settled(timeoutMs = 10_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    const waiting = [...this.#endpoints];
    while (waiting.length > 0) {
      const { namespace, device } = waiting[0]!;
      const found = namespace.ip('-6', '-o', 'address', 'show', 'dev', device, 'scope', 'link');
      if (found.includes('fe80:') && !found.includes('tentative')) {
        waiting.shift();
        continue;
      }
      if (Date.now() > deadline) {
        throw new LabError('TIMEOUT', `${device} of ${namespace.name} has no link-local address`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** A bpffs of this run's own (mounted where the lab's process lives, so pins outlast their makers). */
  bpffs(name = 'bpf'): string {
    const path = join(this.directory, name);
    mkdirSync(path);
    this.#record.mounts.push(path);
    this.#save();
    command('mount', ['-t', 'bpf', 'bpf', path]);
    return path;
  }

  /** Writes a file in the run's directory; returns its path. */
  file(name: string, text: string): string {
    const path = join(this.directory, name);
    writeFileSync(path, text);
    return path;
  }

  /** Hands a child to the lab: it is ended at close when it still runs. */
  track(child: ChildProcess): ChildProcess {
    if (this.#closed) child.kill('SIGKILL');
    this.#children.add(child);
    const forget = () => {
      this.#children.delete(child);
    };
    child.once('exit', forget);
    child.once('error', forget);
    return child;
  }

  /** Notes a tracked child in the run's record, for those that may outlive a lab that is killed. */
  record(child: ChildProcess): void {
    if (child.pid === undefined) return;
    this.#record.children = this.#record.children.filter(isAlive);
    this.#record.children.push(markProcess(child.pid));
    this.#save();
  }

  /** Registers work for `close`; the last registered runs first, before processes are ended. */
  onClose(work: () => void | Promise<void>): void {
    this.#onClose.push(work);
  }

  /** Ends every process (SIGTERM, then SIGKILL) and removes everything. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const work of this.#onClose.reverse()) {
      try {
        await work();
      } catch {
        // The rest must still go.
      }
    }
    const alive = [...this.#children];
    await Promise.all(alive.map((child) => endChild(child, 3000)));
    this.#clear();
    process.off('exit', this.#onExit);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.off(signal, this.#onSignal);
    }
  }

  /** The part of closing that needs no event loop. */
  #clear(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const child of this.#children) child.kill('SIGKILL');
    removeRun(this.#record);
    rmSync(recordPath(this.suffix), { force: true });
  }

  #save(): void {
    if (this.#closed) return;
    mkdirSync(RUNS_DIRECTORY, { recursive: true });
    writeFileSync(recordPath(this.suffix), `${JSON.stringify(this.#record, null, 2)}\n`);
  }
}

function recordPath(suffix: string): string {
  return join(RUNS_DIRECTORY, `${suffix}.json`);
}

/** Removes namespaces, mounts and directory of a run. Never throws: what is gone is gone. */
export function removeRun(record: RunRecord): void {
  // bpffs first: pinned links would keep devices of a namespace busy.
  for (const path of record.mounts) spawnSync('umount', ['-l', path], { stdio: 'ignore' });
  for (const id of record.namespaces) {
    spawnSync('ip', ['netns', 'delete', id], { stdio: 'ignore' });
  }
  try {
    rmSync(record.directory, { recursive: true, force: true });
  } catch {
    // A mount that is still busy keeps its directory; nothing else can be done about it here.
  }
}
