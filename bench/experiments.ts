/** What a run consists of, as data. */
import type { AttachMode } from '../src/control/dataplane/index.js';
import type { Experiment } from './results.js';
import {
  DENIED,
  ESTABLISHED_TCP,
  ESTABLISHED_UDP,
  LOGGED,
  manyFlows,
  NEW_IN_TURN,
  NEW_TCP,
  NEW_UDP,
  OTHER_SHAPES,
  PLAIN,
  type Work,
} from './works.js';

/** How a subject is made. */
export type Recipe = 'bridge' | 'bareXdp' | 'bareTc' | 'seed' | 'nft' | 'linear' | AttachMode;

/** A subject of some size. */
export interface Case {
  readonly recipe: Recipe;
  /** What the experiment varies. */
  readonly x: number;
  readonly rules: number;
  readonly members: number;
  readonly maxStates?: number;
  readonly logs?: boolean;
}

/** Subjects that stand side by side, and what is measured of them. */
export interface Group {
  readonly cases: readonly Case[];
  readonly works: readonly Work[];
  /** Works one after the other, each with all its repetitions: their connections find no room beside each other. */
  readonly apart?: boolean;
}

/** An experiment with all its groups. */
export interface Planned extends Experiment {
  readonly groups: readonly Group[];
}

/** All of a run. */
export interface Plan {
  readonly experiments: readonly Planned[];
  /** Whose frames are timed. */
  readonly latency: readonly Recipe[];
  /** Two cores beside one, and memory. */
  readonly scale: boolean;
  /** What cannot be measured, and why. */
  readonly gaps: readonly string[];
}

const WALLS: readonly Recipe[] = ['xdp', 'generic', 'tc'];
const BARE: readonly Recipe[] = ['bridge', 'bareXdp', 'bareTc'];
const FILTERS: readonly Recipe[] = ['seed', 'nft', 'linear'];
/** Where a rule for everything has become absurd, and loading a set of nftables takes minutes. */
const MOST: Partial<Record<Recipe, number>> = { linear: 16_384, nft: 65_536 };
/** The kernel's table of connections holds 262,144, a number of the machine's that is none of ours. */
const MOST_TRACKED = 262_144;
const LEAST_ROOM = 262_144;

const of = (recipe: Recipe, o: Partial<Case>): Case => ({
  recipe,
  x: 1,
  rules: 1,
  members: 1,
  ...o,
});

/** Everything, in some twenty minutes. */
export function wholePlan(): Plan {
  const sized: readonly Recipe[] = [...FILTERS, 'xdp', 'tc'];
  return {
    experiments: [
      traffic([...BARE, ...FILTERS, ...WALLS], [...PLAIN, ...OTHER_SHAPES]),
      logged(),
      members([1, 1000, 16_384, 1_000_000], sized),
      rules([16, 1000, 16_384, 65_000, 1_000_000], sized),
      flows([...BARE, ...FILTERS, ...WALLS], [1, 10_000, 200_000, 1_000_000]),
    ],
    latency: [...BARE, ...FILTERS, ...WALLS],
    scale: true,
    gaps: [
      `1,000,000 flows through netfilter: nf_conntrack_max is ${MOST_TRACKED.toLocaleString('en')} here, and the machine's, not a namespace's`,
      `more than ${MOST.linear!.toLocaleString('en')} rules or members of iptables alone, more than ${MOST.nft!.toLocaleString('en')} of nftables: loading them takes longer than all the rest`,
    ],
  };
}

/** What the goals speak of, in less than three minutes. */
export function quickPlan(): Plan {
  return {
    experiments: [
      traffic(['bridge', 'bareXdp', 'bareTc', 'seed', ...WALLS], PLAIN),
      flows(['seed', 'bareXdp', 'xdp'], [200_000]),
      rules([16, 65_000], ['xdp', 'tc']),
      members([1, 1_000_000], ['xdp', 'tc']),
    ],
    latency: [],
    scale: false,
    gaps: [],
  };
}

function traffic(recipes: readonly Recipe[], works: readonly Work[]): Planned {
  const cases = recipes.map((recipe) => of(recipe, {}));
  return {
    ...{ name: 'traffic', title: 'Kinds of traffic', axis: null },
    groups: [{ cases, works }],
  };
}

function logged(): Planned {
  const cases = [...FILTERS, ...WALLS].map((recipe) => of(recipe, { logs: true }));
  return {
    ...{ name: 'logged', title: 'Drops, each of which is logged', axis: null },
    groups: [{ cases, works: [LOGGED] }],
  };
}

function flows(recipes: readonly Recipe[], amounts: readonly number[]): Planned {
  return {
    ...{ name: 'flows', title: 'Established connections at one time', axis: 'flows' },
    groups: amounts.map((x) => ({
      cases: recipes
        .filter((recipe) => !FILTERS.includes(recipe) || x < MOST_TRACKED)
        // Two protocols, and some room.
        .map((recipe) => of(recipe, { x, maxStates: Math.max(LEAST_ROOM, Math.ceil(x * 2.2)) })),
      works: manyFlows(x),
      apart: true,
    })),
  };
}

function rules(amounts: readonly number[], recipes: readonly Recipe[]): Planned {
  return {
    ...{ name: 'rules', title: 'Rules', axis: 'rules' },
    groups: [
      {
        cases: sizes(recipes, amounts, (x) => ({ x, rules: x })),
        works: [ESTABLISHED_UDP, ESTABLISHED_TCP, NEW_UDP, NEW_TCP, NEW_IN_TURN],
      },
    ],
  };
}

function members(amounts: readonly number[], recipes: readonly Recipe[]): Planned {
  return {
    ...{ name: 'members', title: 'Members of the set that is denied', axis: 'members' },
    groups: [
      {
        cases: sizes(recipes, amounts, (x) => ({ x, members: x })),
        works: [ESTABLISHED_TCP, NEW_TCP, DENIED],
      },
    ],
  };
}

function sizes(
  recipes: readonly Recipe[],
  amounts: readonly number[],
  size: (x: number) => Partial<Case>,
): Case[] {
  return amounts.flatMap((x) =>
    recipes
      .filter((recipe) => x <= (MOST[recipe] ?? Number.POSITIVE_INFINITY))
      .map((recipe) => of(recipe, size(x))),
  );
}
