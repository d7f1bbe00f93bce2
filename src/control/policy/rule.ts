/** A rule: one line of the policy as everybody names it, and where that stands. */

/** Where an item of the policy stands, for people: `file:line:column`. Lines and columns from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export type RuleDirection = 'in' | 'out' | 'transit' | 'deny';

/** One line of the policy, as counters, logs and `explain` name it. */
export interface Rule {
  /** Stable across reloads: the policy's `id:`, or a hash of host, direction, service, peers, options. */
  readonly id: string;
  /** Screened host, or '' for transit and deny lines. */
  readonly host: string;
  readonly direction: RuleDirection;
  /** As written: `25/tcp`, `mailin`, `all`. */
  readonly service: string;
  /** As written: `any`, `mgmt`, `local -> extranet` for transit. */
  readonly peers: string;
  readonly log: boolean;
  /** Its connections are told of from beginning to end. */
  readonly session: boolean;
  /** How many connections it may open: `100/s`; '' for any number. */
  readonly rate: string;
  /** `helper` and `inspect`: see detour.ts. */
  readonly detour: number;
  readonly position: Position;
}

/** What a rule may have besides the packets that it is for. */
export type RuleOptions = Pick<Rule, 'log' | 'session' | 'rate' | 'detour'>;

/** What makes a rule the rule it is: as long as this stays, its counters do. */
export type RuleContent = Omit<Rule, 'id' | 'position'>;
