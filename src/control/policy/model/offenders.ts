import { addressKey } from '../address.js';
import type { DenyStatement, OnDropStatement, Policy } from '../ast.js';
import { type Frame, macText } from './frame.js';
import { denyRuleId, isScreenedAnywhere, peersHold, type Tags, type World } from './judge.js';
import type { Outcome } from './outcome.js';

/** Seconds for which a handshake speaks for who completed it. */
const PROOF_LIFE = 3600;

/** By which way frames of a source come. */
interface Proof {
  seen: number;
  /** Last frame in its name that came another way. */
  spoilt: number | null;
  readonly way: string;
}

/** Drops of one source that one `onDrop` has counted. */
export interface Offence {
  readonly source: string;
  /** Number of the `onDrop`, in the order of the file. */
  readonly number: number;
  readonly begun: number;
  drops: number;
  /** It was told: too many. */
  told: boolean;
  readonly generation: number;
}

/** What of a frame decides whether it counts. */
export interface Watched {
  readonly frame: Frame;
  readonly port: number;
  readonly fromUplink: boolean;
  readonly now: number;
}

/** Counts dropped frames by source, and tells who has too many. */
export class Offenders {
  readonly #hz: number;
  readonly #proofs = new Map<string, Proof>();
  readonly #offences = new Map<string, Offence>();
  #generation = 0;

  constructor(hz: number) {
    this.#hz = hz;
  }

  /** Another policy: it counts anew. */
  install(): void {
    this.#generation++;
  }

  /** All that was counted since the policy came. */
  get offences(): Offence[] {
    return [...this.#offences.values()].filter(({ generation }) => generation === this.#generation);
  }

  /** Sources that have completed a handshake, when they last did, and when that was spoilt. */
  get proofs(): { source: string; seen: number; spoilt: number | null }[] {
    return [...this.#proofs].map(([source, { seen, spoilt }]) => ({ source, seen, spoilt }));
  }

  /** The sender of a frame that was let through has shown that it gets what is sent to its address. */
  prove(source: Uint8Array, { frame, port, now }: Watched): void {
    const key = addressKey(source);
    const way = wayOf(frame, port);
    const known = this.#proofs.get(key);
    if (known !== undefined && known.way === way && now - known.seen < this.#hz) return;
    this.#proofs.set(key, { seen: now, spoilt: known?.spoilt ?? null, way });
  }

  /** Takes a frame that was dropped; returns the groups that its sender shall go into. */
  drop(world: World, watched: Watched, { reason, rules }: Outcome): OnDropStatement[] {
    const { policy } = world;
    const source = watched.frame.packet!.source;
    const told: OnDropStatement[] = [];
    for (const [number, { statement, line }] of watchesOf(policy).entries()) {
      const side = watched.fromUplink ? 'uplink' : 'inside';
      if (statement.side !== 'both' && statement.side !== side) continue;
      if (!statement.reasons.some((one) => one === reason)) continue;
      if (line !== null && rules.deny !== denyRuleId(line)) continue;
      if (!statement.spoofable && !this.#isProven(source, watched)) continue;
      const offence = this.#count(source, number, statement, watched.now);
      if (offence.drops !== statement.after) continue;
      if (isSpared(world, statement, source, watched.frame.tags)) continue;
      offence.told = true;
      told.push(statement);
    }
    return told;
  }

  #count(source: Uint8Array, number: number, statement: OnDropStatement, now: number): Offence {
    const key = `${addressKey(source)} ${number}`;
    const known = this.#offences.get(key);
    const generation = this.#generation;
    const window = statement.windowSeconds * this.#hz;
    if (known !== undefined && known.generation === generation && now - known.begun < window) {
      known.drops++;
      return known;
    }
    const fresh = { begun: now, drops: 1, told: false, generation };
    const offence = { source: addressKey(source), number, ...fresh };
    this.#offences.set(key, offence);
    return offence;
  }

  /** A frame that came another way shows that somebody sends in this name: that spoils the proof. */
  #isProven(source: Uint8Array, { frame, port, now }: Watched): boolean {
    const life = PROOF_LIFE * this.#hz;
    const proof = this.#proofs.get(addressKey(source));
    if (proof === undefined || now - proof.seen >= life) return false;
    if (proof.way === wayOf(frame, port)) {
      return proof.spoilt === null || now - proof.spoilt >= life;
    }
    if (proof.spoilt === null || now - proof.spoilt >= this.#hz) proof.spoilt = now;
    return false;
  }
}

/** Does a policy count drops at all? */
export function watches(policy: Policy): boolean {
  return watchesOf(policy).length > 0;
}

function watchesOf(policy: Policy): { statement: OnDropStatement; line: DenyStatement | null }[] {
  return [
    ...policy.onDrop.map((statement) => ({ statement, line: null })),
    ...policy.deny.flatMap((line) =>
      line.onDrop === null ? [] : [{ statement: line.onDrop, line }],
    ),
  ];
}

/** Who is in the group already, who is exempt, and a screened host that the group may not hold. */
function isSpared(
  world: World,
  { group, except }: OnDropStatement,
  source: Uint8Array,
  tags: Tags,
): boolean {
  const { allowScreened } = world.policy.groups.get(group)!.dynamic!;
  if (isScreenedAnywhere(world, source) && !allowScreened) return true;
  return world.members(group, source) || peersHold(world, except, source, tags);
}

function wayOf({ sourceMac, tags, packet }: Frame, port: number): string {
  return [port, macText(sourceMac), ...tags, packet!.hopLimit].join(' ');
}
