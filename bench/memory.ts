/** Kernel memory of a wall by what it has room for: the growth of all BPF maps of the machine while it is made. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Builder } from './build.js';
import { command } from './cables.js';
import type { MemoryCost } from './results.js';

const STATES = [262_144, 1_048_576] as const;
const RULES = [1000, 65_000] as const;
const SETTLE_MS = 300;

/** Bytes for a place of an established connection, for a rule of a policy, and for the rest of a wall. */
export async function measureMemory(
  builder: Builder,
  progress: (words: string) => void,
): Promise<MemoryCost> {
  const grown = async (rules: number, maxStates: number) => {
    const [states, lines] = [maxStates, rules].map((count) => count.toLocaleString('en'));
    progress(`Memory: ${states} states, ${lines} rules`);
    const before = await settledBytes();
    const wall = await builder.build({ recipe: 'xdp', x: 1, members: 1, rules, maxStates });
    const bytes = (await settledBytes()) - before;
    wall.close();
    return bytes;
  };
  const least = await grown(RULES[0], STATES[0]);
  const states = (await grown(RULES[0], STATES[1])) - least;
  const rules = (await grown(RULES[1], STATES[0])) - least;
  const perState = states / (STATES[1] - STATES[0]);
  const perRule = rules / (RULES[1] - RULES[0]);
  return { perState, perRule, fixed: least - perState * STATES[0] - perRule * RULES[0] };
}

/** What the kernel has given to maps, once it gives and takes no more: maps that were closed go later. */
async function settledBytes(): Promise<number> {
  for (let before = -1; ; await pause(SETTLE_MS)) {
    const bytes = mapBytes();
    if (bytes === before) return bytes;
    before = bytes;
  }
}

function mapBytes(): number {
  const maps = JSON.parse(command('bpftool', ['-j', 'map', 'show'])) as {
    readonly bytes_memlock?: number;
  }[];
  return maps.reduce((sum, { bytes_memlock = 0 }) => sum + bytes_memlock, 0);
}
