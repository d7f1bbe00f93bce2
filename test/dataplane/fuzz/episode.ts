/** A random episode: policies, and a sequence of frames and events between them. */
import { compile, PolicyError, parsePolicy } from '../../../src/control/policy/index.js';
import { Wall as Model, type PortFacts } from '../../../src/control/policy/model/index.js';
import { type ExpectedConnection, PORTS, type PortName } from '../fixtures/types.js';
import { errorFrame } from './errors.js';
import { fragmentsOf } from './fragments.js';
import {
  type Arrival,
  type Conversation,
  expectedOf,
  firstFrame,
  mutated,
  nextFrame,
  oddFrame,
  randomConversation,
} from './frames.js';
import { DYNAMIC_GROUPS, PEERS_V4, PEERS_V6, SCREENABLE } from './places.js';
import { randomPolicy } from './policies.js';
import { Random } from './random.js';

/** What happens, one after the other. Times are jiffies since the episode began. */
export type Event =
  | ({ readonly kind: 'frame' } & Arrival)
  | { readonly kind: 'clock'; readonly jiffies: number }
  | { readonly kind: 'policy'; readonly text: string }
  | { readonly kind: 'sweep' }
  /** What is held is counted anew, which changes nothing. */
  | { readonly kind: 'recount' }
  /** Live states that the policy of now refuses end. */
  | { readonly kind: 'cut' }
  | ({ readonly kind: 'port'; readonly port: PortName } & PortFacts)
  /** What is told of ports is believed until then. */
  | { readonly kind: 'lease'; readonly jiffies: number }
  /** A helper expects a connection until then. */
  | ({ readonly kind: 'expected'; readonly jiffies: number } & ExpectedConnection)
  | {
      readonly kind: 'member';
      readonly group: string;
      readonly address: string;
      /** Jiffies of the episode; 0: never. */
      readonly expires: number;
      readonly remove: boolean;
    };

export interface Episode {
  readonly seed: number;
  /** MACs that a port may teach; a sweep frees places, so only episodes without one have a quota. */
  readonly fdbQuota: number | undefined;
  /** The kernel bridge takes BPDUs. */
  readonly stp: boolean;
  /** There is a side bridge. */
  readonly detour: boolean;
  readonly events: readonly Event[];
}

/** Seconds: most leaps keep a handshake alive, the others sit at the edges of timeouts. */
const STEPS = [0.004, 0.02, 0.3, 1, 1.004, 2];
const LEAPS = [0.004, 0.1, 1, 9.996, 10, 10.004, 30, 30.004, 60, 61, 119, 120.004, 210, 300, 301];

/** The episode of a seed, with so many frames. */
export function randomEpisode(seed: number, frames: number, hz: number): Episode {
  const random = new Random(seed);
  const quota = random.oneIn(5) ? 3 : undefined;
  const stp = random.oneIn(3);
  const detour = !random.oneIn(4);
  const policies = Array.from({ length: 2 }, () => acceptedPolicy(random));
  const matches = policies.map(matchmaker);
  const talks = Array.from({ length: random.between(4, 12) }, () => matches[0]!(random));
  const events: Event[] = [];
  if (!random.oneIn(25)) events.push({ kind: 'policy', text: policies[0]! });
  const coming: Arrival[] = [];
  let now = 0;
  let expiry: number | undefined;
  let switches = 1;
  for (let sent = 0; sent < frames; ) {
    if (random.oneIn(6)) {
      const seconds = random.weighted([
        [40, random.pick(STEPS)],
        [10, random.pick(LEAPS)],
        [1, 432_000],
      ]);
      now += Math.max(1, Math.round(seconds * hz));
      events.push({ kind: 'clock', jiffies: now });
    }
    if (expiry !== undefined && expiry > now && random.oneIn(10)) {
      now = expiry;
      events.push({ kind: 'clock', jiffies: now });
    }
    if (random.oneIn(60)) {
      const change = memberChange(random, now, hz);
      if (change.expires > 0 && !change.remove) expiry = change.expires;
      events.push(change);
    }
    if (random.oneIn(40)) events.push(portChange(random));
    if (random.oneIn(60)) {
      const ahead = random.oneIn(3) ? random.pick(STEPS) : 1_000_000;
      events.push({ kind: 'lease', jiffies: now + Math.round(ahead * hz) });
    }
    if (quota === undefined && random.oneIn(80)) {
      events.push({ kind: 'sweep' });
      now += SWEEP_JIFFIES;
    }
    if (random.oneIn(80)) events.push({ kind: 'cut' });
    if (random.oneIn(12)) {
      const talk = random.pick(talks);
      const child = expectedOf(random, talk);
      if (child !== null) {
        const jiffies = now + random.pick([1, 30, 300]) * hz;
        events.push({ kind: 'expected', jiffies, ...child.expected });
        if (random.oneIn(2)) talks[random.below(talks.length)] = child.talk;
      }
    }
    if (random.oneIn(80)) events.push({ kind: 'recount' });
    if (sent > (frames * switches) / 3 && switches < 3) {
      events.push({ kind: 'policy', text: policies[switches % 2]! });
      switches++;
    }
    if (random.oneIn(50)) {
      talks[random.below(talks.length)] = random.pick(matches)(random);
    }
    if (coming.length === 0) coming.push(...randomArrivals(random, random.pick(talks)));
    const arrival = coming.shift()!;
    const frame = random.oneIn(9) ? mutated(random, arrival.frame) : arrival.frame;
    events.push({ kind: 'frame', port: arrival.port, frame });
    sent++;
  }
  return { seed, fdbQuota: quota, stp, detour, events };
}

/** How far a sweep moves the clock: past the grace between its two passes. */
export const SWEEP_JIFFIES = 8;

/** What arrives next, one after the other. */
function randomArrivals(random: Random, talk: Conversation): Arrival[] {
  return random.weighted<() => Arrival[]>([
    [6, () => [oddFrame(random)]],
    [6, () => [errorFrame(random, talk)]],
    [2, () => fragmentsOf(random, talk)],
    [36, () => [nextFrame(random, talk)]],
  ])();
}

function acceptedPolicy(random: Random): string {
  for (;;) {
    const text = randomPolicy(random);
    try {
      compile(parsePolicy(text, 'random.yaml'));
      return text;
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
    }
  }
}

const CANDIDATES = 12;

/** Finds conversations that a policy lets begin, if one turns up soon; now and then any. */
function matchmaker(policy: string): (random: Random) => Conversation {
  const model = new Model({
    ports: new Map(PORTS.map(({ side }, number) => [number, side])),
    names: new Map(PORTS.map(({ name }, number) => [number, name])),
    macs: [],
    reserved: { bpdu: 'drop', lldp: 'drop', lacp: 'drop', eapol: 'drop' },
    hz: 1,
  });
  model.install(parsePolicy(policy, 'random.yaml'));
  const allowed = (talk: Conversation): boolean => {
    const { frame, port } = firstFrame(talk);
    const number = PORTS.findIndex(({ name }) => name === port);
    return model.receive(frame, number, 0).action !== 'drop';
  };
  return (random) => {
    let talk = randomConversation(random);
    if (random.oneIn(6)) return talk;
    for (let tries = 0; tries < CANDIDATES && !allowed(talk); tries++) {
      talk = randomConversation(random);
    }
    return talk;
  };
}

function memberChange(random: Random, now: number, hz: number): Event & { kind: 'member' } {
  return {
    kind: 'member',
    group: random.pick(DYNAMIC_GROUPS),
    address: random.pick([...PEERS_V4, ...PEERS_V6, ...SCREENABLE.flat()]),
    expires: random.oneIn(2) ? 0 : now + random.pick([1, 30, 300]) * hz,
    remove: random.oneIn(3),
  };
}

/** Mostly one that lets frames through: else there would be little else to see. */
function portChange(random: Random): Event & { kind: 'port' } {
  return {
    kind: 'port',
    port: random.pick(PORTS).name,
    state: random.weighted([
      [8, 'forwarding'],
      [1, 'unknown'],
      [1, random.pick(['disabled', 'listening', 'learning', 'blocking'] as const)],
    ]),
    carrier: !random.oneIn(8),
    mtu: random.oneIn(6) ? random.between(40, 100) : 65535,
  };
}
