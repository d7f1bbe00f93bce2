/** `client -- up0 [wall in the guest] dn0 -- server`, and a way to talk to the wall. */
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { CountersResult, LogRecord, StatusResult } from '../../src/control/service.js';
import { Agent } from '../../src/lab/agent/handle.js';
import type { AttemptResult } from '../../src/lab/agent/protocol.js';
import { command, endChild, Lab, LabError, type Namespace } from '../../src/lab/netns.js';
import { ROOT } from '../../src/lab/root.js';
import { built } from '../dataplane/harness/native.js';
import { Guest } from './guest.js';
import { NETS, type Net, type Pair, SERVICES, type Trial, UNTAGGED } from './site.js';

const RELAY = join(ROOT, 'test/target/relay.mjs');
const API_PORT = 7443;
const MANAGEMENT = { host: '10.62.0.1', guest: '10.62.0.2' } as const;
/** The wall's ports; the guest has the names from us. */
export const PORTS = ['up0', 'dn0'] as const;
/** Everything about the node that has a default is left to it. */
const NODE_FILE = [
  'node: fw1',
  'bridge: {name: br0, ports: [{name: up0, side: uplink}, {name: dn0, side: inside}]}',
  'log: {rate: 100000/s}',
];
/** A card that was reset has no link for some seconds. */
const PATIENCE_MS = 300_000;

/** Frames that a card has received, and what the wall counted of them. */
export interface Sample {
  readonly nic: number;
  readonly rx: number;
  /** Forwarded, passed, answered and dropped frames. */
  readonly ended: number;
}

/** The two machines, the guest between them, and the daemon in it. */
export class TargetBench {
  readonly lab: Lab;
  readonly guest: Guest;
  readonly client: Agent;
  readonly server: Agent;
  readonly #socket: string;
  #pid = 0;
  #starts = 0;
  #log = '';
  #drops: Drops | null = null;
  #watcher: ChildProcess | null = null;
  #nextPort = 20_000;

  private constructor(lab: Lab, guest: Guest, socket: string, client: Agent, server: Agent) {
    this.lab = lab;
    this.guest = guest;
    this.#socket = socket;
    this.client = client;
    this.server = server;
  }

  /** Boots the guest and starts servers; the wall does not stand yet. */
  static async build(): Promise<TargetBench> {
    const lab = new Lab('target');
    try {
      const [outside, inside, desk] = ['client', 'server', 'desk'].map((name) =>
        lab.namespace(name),
      ) as [Namespace, Namespace, Namespace];
      const guest = await Guest.boot(lab, [
        { name: 'up0', model: 'e1000e', mac: '52:54:00:00:61:0a', peer: outside },
        { name: 'dn0', model: 'e1000e', mac: '52:54:00:00:61:0b', peer: inside },
        { name: 'mg0', model: 'virtio-net-pci', mac: '52:54:00:00:61:0c', peer: desk },
      ]);
      furnish(outside, (net) => [net.client]);
      furnish(inside, (net) => [net.server, net.stranger]);
      desk.ip('address', 'add', `${MANAGEMENT.host}/24`, 'dev', 'e0');
      const socket = join(lab.directory, 'api.sock');
      const there = `${MANAGEMENT.guest}:${API_PORT}`;
      desk.spawn([process.execPath, RELAY, `unix:${socket}`, there], { stdio: 'ignore' });
      await guest.must(`ip address add ${MANAGEMENT.guest}/24 dev mg0
        setsid node ${RELAY} ${there} unix:/run/bridgewall/fw1.sock >/dev/null 2>&1 </dev/null &`);
      const bench = new TargetBench(lab, guest, socket, new Agent(outside), new Agent(inside));
      await Promise.all([
        bench.client.ask('serve', {
          host: 'client',
          addresses: NETS.flatMap(({ client }) => [client.v4, client.v6]),
          services: SERVICES,
        }),
        bench.server.ask('serve', {
          host: 'server',
          addresses: NETS.flatMap(({ server }) => [server.v4, server.v6]),
          services: SERVICES,
        }),
      ]);
      return bench;
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  /** What the daemon that was started last has logged. */
  get log(): string {
    return existsSync(this.#log) ? readFileSync(this.#log, 'utf8') : '';
  }

  /** Drops that were told since the daemon was started. */
  get drops(): Drops {
    if (this.#drops === null) throw new LabError('CLOSED', 'nobody watches drops');
    return this.#drops;
  }

  /**
   * Starts the daemon and waits until it serves.
   * @param more lines of the node file
   * @throws LabError `COMMAND` with the daemon's words, `TIMEOUT`
   */
  async start(...more: string[]): Promise<void> {
    const number = this.#starts++;
    writeFileSync(this.guest.onHost('node.yaml'), [...NODE_FILE, ...more, ''].join('\n'));
    this.#log = this.guest.onHost(`daemon-${number}.log`);
    const ended = this.guest.onHost(`daemon-${number}.rc`);
    const path = this.guest.inGuest(`daemon-${number}`);
    const started = await this.guest.must(`cd ${ROOT}
      mkfifo /run/daemon-${number}
      (setsid bin/bridgewalld --config ${this.guest.inGuest('node.yaml')} >${path}.log 2>&1 &
        echo $! >/run/daemon-${number}; wait $!; echo $? >${path}.rc) >/dev/null &
      cat /run/daemon-${number}`);
    this.#pid = Number(started);
    const stands = async () => {
      if (existsSync(ended)) throw new LabError('COMMAND', `bridgewalld ended: ${this.log}`);
      return this.log.includes('the wall stands');
    };
    await until('the wall stands', stands, () => this.log);
  }

  /** Ends the daemon with a signal and waits until it is gone. */
  async end(signal: 'KILL' | 'TERM'): Promise<void> {
    await this.guest.must(
      `kill -${signal} ${this.#pid}; while kill -0 ${this.#pid}; do sleep 0.1; done 2>/dev/null`,
    );
  }

  /** Runs `bwctl` on the host and returns what it printed. */
  bwctl(...args: string[]): string {
    return command(join(ROOT, 'bin/bwctl'), ['--socket', this.#socket, ...args]);
  }

  status(): StatusResult {
    return JSON.parse(this.bwctl('status', '-o', 'json')) as StatusResult;
  }

  counters(): CountersResult {
    return JSON.parse(this.bwctl('counters', '-o', 'json')) as CountersResult;
  }

  /** Waits until frames cross; what the policy says of pings is known by then. */
  async crossing(): Promise<void> {
    const { client, server } = UNTAGGED;
    const ping = ['ping', '-q', '-c', '1', '-W', '1', '-I', client.v4, server.v4];
    await until('frames cross', async () => (await this.client.namespace.run(ping)).status === 0);
  }

  /** Begins to watch drops anew; resolves once one was told. */
  async watchDrops(): Promise<void> {
    if (this.#watcher !== null) await endChild(this.#watcher, 2000);
    const program = [join(ROOT, 'bin/bwctl'), '--socket', this.#socket];
    const { namespace } = this.client;
    const watcher = namespace.spawn([...program, 'watch', 'drops', '-o', 'json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#watcher = watcher;
    const drops = new Drops(watcher);
    this.#drops = drops;
    const unwanted = ['ping', '-q', '-c', '1', '-W', '1', UNTAGGED.stranger.v4];
    await until('a drop is told', async () => {
      await namespace.run(unwanted);
      return drops.records.length > 0;
    });
  }

  /** A source port that nobody has used yet, with `count - 1` more after it. */
  ports(count = 1): number {
    const first = this.#nextPort;
    this.#nextPort += count;
    return first;
  }

  /** Makes attempts side by side. */
  attempt(tried: readonly Trial[]): Promise<AttemptResult[]> {
    return Promise.all(
      tried.map(({ by, spec }) =>
        (by === 'client' ? this.client : this.server).ask('attempt', spec),
      ),
    );
  }

  /** Counts of card and wall by port, taken while no frame came in. */
  async sample(): Promise<Record<(typeof PORTS)[number], Sample>> {
    let before = await this.#received();
    for (;;) {
      const { ports } = this.counters();
      const nic = await this.#received();
      if (PORTS.every((port) => before[port] === nic[port])) {
        const of = (port: (typeof PORTS)[number]): Sample => {
          const { rx, forwarded, passed, answered, dropped } = ports[port]!;
          const drops = Object.values(dropped).reduce((sum, count) => sum + count, 0);
          return { nic: nic[port], rx, ended: forwarded + passed + answered + drops };
        };
        return { up0: of('up0'), dn0: of('dn0') };
      }
      before = nic;
    }
  }

  /** How often the tc program has run. */
  async runs(): Promise<number> {
    const text = await this.guest.must('bpftool -j prog show name tc_wall');
    const programs = JSON.parse(text) as { run_cnt?: number } | { run_cnt?: number }[];
    return [programs].flat().reduce((sum, program) => sum + (program.run_cnt ?? 0), 0);
  }

  async close(): Promise<void> {
    await this.lab.close();
  }

  async #received(): Promise<Record<(typeof PORTS)[number], number>> {
    const text = await this.guest.must('for p in up0 dn0; do ip -s -j link show $p; done');
    const [up0, dn0] = text
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as NicCounts[])[0]!.stats64.rx.packets);
    return { up0: up0!, dn0: dn0! };
  }
}

interface NicCounts {
  readonly stats64: { readonly rx: { readonly packets: number } };
}

/** Gives a machine its addresses, and a device of its own for each tagged network. */
function furnish(namespace: Namespace, pairs: (net: Net) => readonly Pair[]): void {
  const tagger = built('build/test/tagger.bpf.o', 'test/target/tagger.bpf.c', (output) => [
    'clang',
    ...['-O2', '-g', '-Wall', '-target', 'bpf', '-mcpu=v3'],
    ...['-I/usr/include/x86_64-linux-gnu', '-c', 'test/target/tagger.bpf.c', '-o', output],
  ]);
  const redirect = (from: string, section: string, to: string) => {
    const place = ['dev', from, 'ingress', 'protocol', 'all', 'bpf', 'obj', tagger];
    const action = ['action', 'mirred', 'egress', 'redirect', 'dev', to];
    namespace.exec('tc', 'filter', 'add', ...place, 'sec', section, ...action);
  };
  namespace.exec('tc', 'qdisc', 'add', 'dev', 'e0', 'clsact');
  for (const net of NETS) {
    const [outer] = net.vlan;
    if (outer !== undefined) {
      const far = `tag.${outer}`;
      // Cards take one tag beyond the MTU.
      const mtu = ['mtu', net.vlan.length > 1 ? '1496' : '1500'];
      namespace.ip('link', 'add', net.device, ...mtu, 'type', 'veth', 'peer', 'name', far);
      // QEMU completes checksums behind one tag, but not behind any two.
      namespace.exec('ethtool', '-K', net.device, 'tx', 'off');
      namespace.exec('tc', 'qdisc', 'add', 'dev', far, 'clsact');
      redirect(far, `tag/${outer}`, 'e0');
      redirect('e0', `untag/${outer}`, far);
      for (const device of [far, net.device]) namespace.ip('link', 'set', device, 'up');
    }
    for (const { v4, v6 } of pairs(net)) {
      namespace.ip('address', 'add', `${v4}/24`, 'dev', net.device);
      namespace.ip('address', 'add', `${v6}/64`, 'dev', net.device, 'nodad');
    }
  }
}

/** Drops as `bwctl watch drops` tells them. */
export class Drops {
  readonly records: LogRecord[] = [];

  constructor(child: ChildProcess) {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const record = JSON.parse(line) as LogRecord;
      if (record.verdict === 'drop') this.records.push(record);
    });
  }

  /** Reasons and tags of the drops of one attempt. */
  of({ spec }: Trial): { reason: string; vlan: readonly number[] }[] {
    return this.records
      .filter(
        ({ src, sport, dst, dport, icmpType }) =>
          src === spec.source &&
          dst === spec.destination &&
          (spec.transport === 'ping'
            ? icmpType === 8 || icmpType === 128
            : sport === spec.sourcePort && dport === spec.port),
      )
      .map(({ reason, vlan }) => ({ reason, vlan }));
  }
}

/**
 * Waits until `found` resolves true.
 * @param told what to add to the error
 * @throws LabError `TIMEOUT`
 */
export async function until(
  what: string,
  found: () => Promise<boolean>,
  told: () => string = () => '',
): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await found())) {
    if (Date.now() > deadline) {
      throw new LabError('TIMEOUT', `waited in vain until ${what} ${told()}`.trimEnd());
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
