/** The packet that asks for a connection, as far as the policy looks at it. */
export interface Opening {
  /** 16 bytes each. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** Service code, or null: a fragment that shows no ports. */
  readonly code: number | null;
  /** Does it enter by an uplink port? */
  readonly fromUplink: boolean;
  /** VLAN tags as states have them, the outer one first; left out: none. */
  readonly tags?: readonly [number, number];
}

/** Is an address in a dynamic group now? */
export type Members = (group: string, address: Uint8Array) => boolean;

/** No dynamic group has a member. */
export const NO_MEMBERS: Members = () => false;

/** What the policy says. Names of reasons are those of bpf/reasons.h. */
export interface Judgement {
  readonly verdict: 'accept' | 'drop';
  readonly reason: 'none' | 'spoofed' | 'denied' | 'no-out' | 'no-in' | 'not-screened';
  /** Ids of the rules that decided; with `no-in`, the out rule that did allow it. */
  readonly rules: {
    readonly out: string | null;
    readonly in: string | null;
    readonly transit: string | null;
    readonly deny: string | null;
  };
  /** Does one of these rules ask for a log record? */
  readonly log: boolean;
  /** What they ask for besides: see detour.ts. */
  readonly detour: number;
}
