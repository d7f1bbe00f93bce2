/** A wall between two namespaces whose control plane is measured: a real daemon, and the real `bwctl`. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { NodeClient } from '../../src/control/api/client.js';
import type { Lab, Namespace } from '../../src/lab/netns.js';
import { ROOT } from '../../src/lab/root.js';
import { type AttachMode, Wall } from '../../src/lab/wall.js';
import { hostAddress, SERVICE_PORT } from '../policy.js';

const LIVES = join(ROOT, 'build/bench/lives');
/** Nobody else has them. */
const MACS = ['02:00:00:00:aa:01', '02:00:00:00:aa:02'];
const RATE = 20_000;

export interface Site {
  readonly lab: Lab;
  readonly wall: Wall;
  readonly api: NodeClient;
  /** Leads so many connections through the wall; their states stay for an hour. */
  fill(states: number): Promise<void>;
  /** Runs `bwctl` and says how long it took, in milliseconds, and what it printed. */
  bwctl(...words: string[]): Promise<{ ms: number; stdout: string }>;
  close(): Promise<void>;
}

/** @param states that the table has room for */
export async function openSite(lab: Lab, attach: AttachMode, states: number): Promise<Site> {
  const [client, space, server] = ['client', 'wall', 'server'].map((name) => lab.namespace(name));
  const end = (namespace: Namespace) => ({ namespace, device: 'eth0', addresses: [] });
  lab.link({ namespace: space!, device: 'up0' }, end(client!));
  lab.link({ namespace: space!, device: 'dn0' }, end(server!));
  await lab.settled();
  const wall = new Wall({
    lab,
    namespace: space!,
    attach,
    ports: [
      { name: 'up0', side: 'uplink' },
      { name: 'dn0', side: 'inside' },
    ],
    more: [`state: {max: ${states}, timeouts: {tcp-time-wait: 3600s, tcp-close: 3600s}}`],
  });
  await wall.start(120_000);
  const api = new NodeClient(wall.socket);
  return {
    lab,
    wall,
    api,
    fill: async (count) => {
      const spaces = [client!.path, server!.path];
      const seconds = Math.ceil(count / RATE) + 1;
      const args = [...spaces, ...MACS, hostAddress(0), String(SERVICE_PORT), String(RATE)];
      const ended = await client!.run([LIVES, ...args, String(seconds)], { timeoutMs: 120_000 });
      if (ended.status !== 0) throw new Error(`lives: ${ended.stderr}`);
    },
    bwctl: async (...words) => {
      const began = performance.now();
      const stdout = await wall.run(words);
      return { ms: performance.now() - began, stdout };
    },
    close: async () => {
      api.close();
      await wall.stop();
    },
  };
}

interface MapInfo {
  readonly bytes_memlock: number;
  readonly max_entries: number;
}

/** What the kernel keeps of a pinned table, or of the table that a pinned one holds in some slot. */
export function mapInfo(site: Site, name: string, inner = false): MapInfo {
  const found = execFileSync('find', [site.lab.directory, '-path', `*-bpf/*/${name}`]);
  const pin = found.toString().trim().split('\n')[0]!;
  const ask = (...words: string[]) =>
    JSON.parse(execFileSync('bpftool', ['-j', ...words]).toString());
  if (!inner) return ask('map', 'show', 'pinned', pin) as MapInfo;
  const slots = ask('map', 'dump', 'pinned', pin) as { value?: unknown }[];
  const ids = slots.flatMap(({ value }) =>
    Array.isArray(value) ? Buffer.from(value.map(Number)).readUInt32LE() || [] : [],
  );
  if (ids.length === 0) throw new Error(`${name} holds no table`);
  // What is staged or on its way out is there as well.
  const all = ids.map((id) => ask('map', 'show', 'id', String(id)) as MapInfo);
  return all.reduce((most, one) => (one.max_entries > most.max_entries ? one : most));
}
