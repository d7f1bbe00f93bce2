/** Connections, and which of them somebody asks for. */
/** Of one end of a connection; an aggregated frame counts as its segments. */
export interface Traffic {
  packets: number;
  bytes: number;
}

export interface StateEntry {
  proto: string;
  src: string;
  sport: number;
  dst: string;
  dport: number;
  vlan: number[];
  phase: string;
  /** Its handshake was before the wall. */
  pickedUp: boolean;
  /** Seconds. */
  age: number;
  /** Since its last packet. */
  idle: number;
  timeout: number;
  rules: { out: string | null; in: string | null; transit: string | null };
  /** By the end that opened it, and by the other one; null: nobody counts. */
  sent: Traffic | null;
  received: Traffic | null;
}

/** Fields that are set must match. */
export interface StateFilter {
  proto?: string;
  /** Of either end; or a prefix. */
  address?: string;
  /** Of either end. */
  port?: number;
  /** Either end. */
  host?: string;
  phase?: string;
  vlan?: number;
  /** The end that opened it: an address, a prefix or a screened host. */
  src?: string;
  dst?: string;
  sport?: number;
  dport?: number;
  family?: number;
  /** in, out, transit: it has such a rule. */
  direction?: string;
  /** Id of one of its rules. */
  rule?: string;
  /** Seconds since it was opened, at least. */
  older?: number;
  /** Less than so many seconds ago. */
  younger?: number;
  /** Seconds since its last packet, at least. */
  idle?: number;
  /** Seconds until it expires if nothing more is seen, at most. */
  expires?: number;
}

/** Connections as the kernel lists them. */
export interface StateRows {
  /** One after the other, see StateDumpResponse in node.proto. */
  readonly rows: Uint8Array;
  /** Ids of the rules that occur in them and were not told before; '': no policy names it any more. */
  readonly rules: readonly { slot: number; id: string }[];
  /** Names of phases by their number: with the first rows. */
  readonly phases: readonly string[];
}
