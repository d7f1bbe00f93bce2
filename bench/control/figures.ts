/** What is measured of the control plane, each several times. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { DENY_GROUP, MOST_DENIED, policyText } from '../policy.js';
import { mapInfo, type Site } from './site.js';

export const RULES = 65_000;
/** Room for a million members, and for those that come one by one. */
const SMALL = policyText(1, { deny: true }).replace(String(MOST_DENIED), String(MOST_DENIED + 10));
/** Between two measurements, so that none pays for the one before. */
const REST_MS = 1500;
const IDLE_MS = Number(process.env.CONTROL_IDLE_MS ?? 15_000);

/** Samples by what they are of. */
export type Samples = Record<string, number[]>;

export async function smallPolicy({ api }: Site): Promise<void> {
  await api.apply({ text: SMALL, file: 'small.yaml' }, 'bench');
}

/** From a policy of one rule to one of 65,000: until it judges, until the answer is there, and who waited meanwhile. */
export async function applies(site: Site, repetitions: number, samples: Samples): Promise<void> {
  const { api } = site;
  const text = policyText(RULES);
  const watching = new AbortController();
  let applied: (at: number) => void = () => {};
  const watcher = (async () => {
    for await (const { events } of api.watchEvents(watching.signal)) {
      if (events.some(({ event }) => event === 'applied')) applied(performance.now());
    }
  })();
  for (let i = 0; i < repetitions; i++) {
    await smallPolicy(site);
    await pause(REST_MS);
    const judged = new Promise<number>((resolve) => {
      applied = resolve;
    });
    const began = performance.now();
    let done = false;
    const answered = api.apply({ text, file: 'large.yaml' }, 'bench').then((result) => {
      done = true;
      if (result.rules !== RULES) throw new Error(`${result.rules} rules`);
      return performance.now();
    });
    const longest = longestAnswer(site, () => done);
    put(samples, '65,000 rules compiled and installed, ms', (await judged) - began);
    put(samples, '65,000 rules, until the answer with all changes, ms', (await answered) - began);
    put(samples, 'longest answer of `status` meanwhile, ms', await longest);
    await pause(REST_MS);
  }
  watching.abort();
  await watcher;
}

async function longestAnswer({ api }: Site, over: () => boolean): Promise<number> {
  let longest = 0;
  while (!over()) {
    const began = performance.now();
    await api.status();
    longest = Math.max(longest, performance.now() - began);
    await pause(5);
  }
  return longest;
}

/** `bwctl` from nothing to its answer. */
export async function commands(site: Site, repetitions: number, samples: Samples): Promise<void> {
  for (let i = 0; i < repetitions; i++) {
    put(samples, '`bwctl status` from start to end, ms', (await site.bwctl('status')).ms);
    const began = performance.now();
    await promisify(execFile)(process.execPath, ['-e', '0']);
    put(samples, 'beside it: `node -e 0`, ms', performance.now() - began);
  }
}

/** A million members by `bwctl set load`, and one by the API. */
export async function members(site: Site, repetitions: number, samples: Samples): Promise<void> {
  const path = join(site.lab.directory, 'million');
  const address = (n: number) =>
    `${11 + (n >>> 24)}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`;
  writeFileSync(path, Array.from({ length: MOST_DENIED }, (_, n) => `${address(n)}\n`).join(''));
  for (let i = 0; i < repetitions; i++) {
    const { ms, stdout } = await site.bwctl('set', 'load', DENY_GROUP, path, '-o', 'json');
    if (JSON.parse(stdout).added !== MOST_DENIED) throw new Error(stdout);
    put(samples, '`bwctl set load` of 1,000,000 members, ms', ms);
    for (let one = 0; one < 20; one++) {
      const began = performance.now();
      await site.api.setAdd(DENY_GROUP, ['9.9.9.9'], null);
      put(samples, 'one member added, ms', performance.now() - began);
      await site.api.setDelete(DENY_GROUP, ['9.9.9.9']);
    }
    await site.bwctl('set', 'flush', DENY_GROUP);
    await pause(REST_MS);
  }
}

/** What the daemon takes while nothing happens. */
export async function atRest(site: Site, what: string, samples: Samples): Promise<void> {
  const pid = site.wall.pid!;
  await pause(IDLE_MS);
  const before = ranNs(pid);
  const began = performance.now();
  await pause(IDLE_MS);
  const share = (ranNs(pid) - before) / 1e6 / (performance.now() - began);
  put(samples, `${what}: processor at rest, %`, share * 100);
  put(samples, `${what}: memory at rest, MB`, residentKiB(pid) * 1.024e-3);
}

function residentKiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

function ranNs(pid: number): number {
  const tasks = readdirSync(`/proc/${pid}/task`).map(
    (task) => `/proc/${pid}/task/${task}/schedstat`,
  );
  return tasks.reduce((sum, path) => sum + Number(readFileSync(path, 'utf8').split(' ')[0]), 0);
}

/** Kernel memory: of a place in the table of connections, and of each rule of an installed policy. */
export function kernelMemory(site: Site, samples: Samples): void {
  const states = mapInfo(site, 'established');
  put(samples, 'kernel memory of a state, bytes', states.bytes_memlock / states.max_entries);
  const counters = mapInfo(site, 'rule_counters');
  const matrix = mapInfo(site, 'matrix', true);
  const places = counters.bytes_memlock / counters.max_entries;
  put(samples, 'kernel memory of a rule, bytes', places + matrix.bytes_memlock / RULES);
}

function put(samples: Samples, what: string, value: number): void {
  samples[what] ??= [];
  samples[what].push(value);
}
