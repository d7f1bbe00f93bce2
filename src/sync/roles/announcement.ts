/** What a node of the pair says of itself, in every probe and in every answer to one. */

/** The two segments that frames cross between; a loop needs both. */
export type Segment = 'uplink' | 'inside';
export type Path = Segment | 'sync';

export const SEGMENTS: readonly Segment[] = ['uplink', 'inside'];
export const PATHS: readonly Path[] = ['uplink', 'inside', 'sync'];

export interface Announcement {
  /** Another number after every start. */
  readonly life: bigint;
  readonly standby: boolean;
  /** Of the role. */
  readonly epoch: number;
  readonly priority: number;
  /** It has the states of the pair, as far as it knows. */
  readonly ready: boolean;
  /** One of its sides has no carrier. */
  readonly fault: boolean;
  /** It is active and would rather not be. */
  readonly yielding: boolean;
  /** Its daemon runs; else its dataplane answers alone. */
  readonly attended: boolean;
  /** Milliseconds since a frame other than a probe came in from there. */
  readonly quiet: Readonly<Record<Segment, number>>;
  /** Where it hears the other node. */
  readonly hears: Readonly<Record<Path, boolean>>;
}

/** What decides between two that are active. */
export interface Rank {
  readonly attended: boolean;
  readonly epoch: number;
  readonly priority: number;
}

/**
 * Whether `a` goes before `b`: an active whose daemon runs before one whose daemon does not, then the
 * higher epoch, the higher priority, and the name. `first`: whether the name of `a` comes first. The
 * packet path has the same rule (bpf/probe.h).
 */
export function outranks(a: Rank, b: Rank, first: boolean): boolean {
  if (a.attended !== b.attended) return a.attended;
  if (a.epoch !== b.epoch) return a.epoch > b.epoch;
  if (a.priority !== b.priority) return a.priority > b.priority;
  return first;
}
