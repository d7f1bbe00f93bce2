/**
 * A wall without its dataplane: namespace `wall` with ports p1 ... pN, each wired to eN in namespace
 * `hosts`. A small tc program in place of the dataplane gives every frame the mark that its sender
 * wrote into the source MAC. Code under test runs in a process of its own inside `wall`, from dist.
 */
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Bridge from '../../../src/control/bridge/index.js';
import type * as Config from '../../../src/control/config/index.js';
import type * as Netfilter from '../../../src/control/netfilter/index.js';
import { command, Lab, type Namespace } from '../../../src/lab/netns.js';

const ROOT = join(import.meta.dirname, '../../..');
const NATIVE = join(import.meta.dirname, 'native');

/** What code that runs inside gets. */
export interface Inside {
  readonly bridge: typeof Bridge;
  readonly config: typeof Config;
  readonly netfilter: typeof Netfilter;
  /** Runs a command to its end. */
  run(file: string, ...args: string[]): string;
  /** Says a word that the test may wait for. */
  say(word: string): void;
  /** Resolves when the test wants the work to end. */
  readonly stopped: Promise<void>;
}

/** Work under way inside a namespace. */
export interface Running<R> {
  /** Resolves once the work has said the word. */
  heard(word: string): Promise<void>;
  /** Holds the process up, and lets it go on. */
  pause(): void;
  resume(): void;
  /** Lets the work end; rejects with the error that it threw. */
  stop(): Promise<R>;
}

/** Frames that arrive at an interface. */
export interface Listener {
  readonly frames: string[];
  /** Resolves once a frame has arrived that holds `hex`. */
  until(hex: string): Promise<void>;
  end(): void;
}

export class WallLab {
  readonly lab: Lab;
  readonly wall: Namespace;
  readonly hosts: Namespace;
  readonly ports: readonly string[];
  readonly #frames: string;
  readonly #marker: string;

  constructor(label: string, ports: number) {
    this.lab = new Lab(label);
    this.wall = this.lab.namespace('wall');
    this.hosts = this.lab.namespace('hosts');
    this.#frames = join(this.lab.directory, 'frames');
    this.#marker = join(this.lab.directory, 'mark.bpf.o');
    const flags = ['-O1', '-Wall', '-Werror', '-D_GNU_SOURCE'];
    command('cc', [...flags, '-o', this.#frames, join(NATIVE, 'frames.c')]);
    const include = `-I/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
    const source = join(NATIVE, 'mark.bpf.c');
    command('clang', ['-O2', '-g', '-target', 'bpf', include, '-c', source, '-o', this.#marker]);
    this.ports = Array.from({ length: ports }, (_, i) => `p${i + 1}`);
    for (const port of this.ports) {
      this.hosts.exec('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1');
      this.wall.ip(
        ...['link', 'add', port, 'type', 'veth'],
        ...['peer', 'name', hostEnd(port), 'netns', this.hosts.id],
      );
      this.hosts.ip('link', 'set', hostEnd(port), 'up');
    }
  }

  /** The text of a node file over all ports, p1 being the uplink. */
  get nodeFile(): string {
    const ports = this.ports.map((port, i) => `{name: ${port}, side: ${i ? 'inside' : 'uplink'}}`);
    return `node: lab-1\nbridge: {name: br0, ports: [${ports.join(', ')}]}\nlog: {group: 5}\n`;
  }

  /** Makes frames that enter by a port bear the mark of their source MAC. */
  markFrames(...ports: string[]): void {
    for (const port of ports) {
      this.wall.exec('tc', 'qdisc', 'add', 'dev', port, 'clsact');
      const object = ['bpf', 'da', 'obj', this.#marker, 'sec', 'tc'];
      this.wall.exec('tc', 'filter', 'add', 'dev', port, 'ingress', ...object);
    }
  }

  /** Puts an XDP program that passes everything before a port; or takes it away. */
  passXdp(port: string, mode: 'xdpdrv' | 'xdpgeneric', on: boolean): void {
    const program = on ? ['obj', this.#marker, 'sec', 'xdp'] : ['off'];
    this.wall.ip('link', 'set', 'dev', port, mode, ...program);
  }

  /** Sends frames, given in hex, from the host behind a port. */
  send(port: string, ...frames: string[]): void {
    this.hosts.exec(this.#frames, 'send', hostEnd(port), ...frames);
  }

  /** Sends frames out of an interface of the wall itself. */
  sendInWall(device: string, ...frames: string[]): void {
    this.wall.exec(this.#frames, 'send', device, ...frames);
  }

  /** Sends the same frames over and over, without waiting for the end. */
  async flood(port: string, frame: string, count: number): Promise<void> {
    const frames = Array.from({ length: count }, () => frame);
    await this.hosts.run([this.#frames, 'send', hostEnd(port), ...frames]);
  }

  /** Listens at the host behind a port. */
  listen(port: string): Promise<Listener> {
    return this.#listen(this.hosts, hostEnd(port));
  }

  /** Listens at an interface of the wall as its own protocols would. */
  listenInWall(device: string, protocol = 3): Promise<Listener> {
    return this.#listen(this.wall, device, String(protocol));
  }

  /** Runs work inside the wall's namespace to its end. */
  inside<A, R>(work: (m: Inside, args: A) => Promise<R>, args: A): Promise<R> {
    return this.start(work, args).stop();
  }

  /**
   * Starts work inside the wall's namespace. The function's text goes to another process: it may use
   * nothing but its parameters, and what it returns must be JSON.
   */
  start<A, R>(work: (m: Inside, args: A) => Promise<R>, args: A): Running<R> {
    const script = insideScript(work.toString(), JSON.stringify(args));
    const child = this.wall.spawn([process.execPath, '--input-type=module', '-e', script], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const output = collect(child);
    return {
      heard: async (word) => void (await output.until((line) => line === `say ${word}`)),
      pause: () => void child.kill('SIGSTOP'),
      resume: () => void child.kill('SIGCONT'),
      stop: async () => {
        child.stdin?.end();
        const line = await output.until((each) => each.startsWith('{'));
        const result = JSON.parse(line) as { value?: R; error?: object };
        if (result.error !== undefined) throw Object.assign(new Error(), result.error);
        return result.value as R;
      },
    };
  }

  close(): Promise<void> {
    return this.lab.close();
  }

  async #listen(namespace: Namespace, device: string, ...more: string[]): Promise<Listener> {
    const child = namespace.spawn([this.#frames, 'listen', device, ...more]);
    const output = collect(child);
    await output.until((line) => line === 'ready');
    return {
      frames: output.lines,
      until: async (hex) => {
        await output.until((line) => line.includes(hex));
      },
      end: () => void child.kill(),
    };
  }
}

/** A frame in hex. `mark` becomes the mark at the wall; `id` tells frames apart. */
export function frame(o: {
  mark?: number;
  id?: number;
  to?: string;
  type?: string;
  payload?: string;
}): string {
  const mark = (o.mark ?? 0).toString(16).padStart(8, '0');
  const id = (o.id ?? 1).toString(16).padStart(2, '0');
  const payload = o.payload ?? `${'00'.repeat(45)}${id}`;
  return `${o.to ?? 'ffffffffffff'}02${mark}${id}${o.type ?? '88b5'}${payload}`;
}

function hostEnd(port: string): string {
  return port.replace('p', 'e');
}

function collect(child: ChildProcess) {
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  let rest = '';
  let words = '';
  let ended = false;
  const wake = () => {
    for (const each of waiting) each();
  };
  child.stderr?.on('data', (data: Buffer) => {
    words += data;
  });
  child.stdout?.on('data', (data: Buffer) => {
    const parts = `${rest}${data}`.split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
    wake();
  });
  child.once('close', () => {
    ended = true;
    wake();
  });
  const until = (wanted: (line: string) => boolean) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const found = lines.find(wanted);
        if (found === undefined && !ended) return;
        waiting.delete(look);
        if (found !== undefined) resolve(found);
        else reject(new Error(`ended without it: ${words || lines.join('\n')}`));
      };
      waiting.add(look);
      look();
    });
  return { lines, until };
}

function insideScript(work: string, args: string): string {
  const load = (name: string) => {
    const path = join(ROOT, 'dist/src/control', name, 'index.js');
    if (!existsSync(path)) throw new Error(`${path} is missing: make build`);
    return `await import(${JSON.stringify(pathToFileURL(path).href)})`;
  };
  return `
const { execFileSync } = await import('node:child_process');
const modules = {
  run: (file, ...args) => execFileSync(file, args, { encoding: 'utf8' }),
  bridge: ${load('bridge')}, config: ${load('config')}, netfilter: ${load('netfilter')},
  say: (word) => console.log('say ' + word),
  stopped: new Promise((resolve) => process.stdin.on('end', resolve).resume()),
};
const report = (result) => process.stdout.write('\\n' + JSON.stringify(result) + '\\n');
try {
  report({ value: await (${work})(modules, ${args}) });
} catch (error) {
  report({ error: { ...error, name: error.name, message: error.message, stack: error.stack } });
}
process.stdin.destroy();
`;
}
