/** This node as one of two. */
/** How well the other node of a pair knows this one, or this one the other. */
export interface SyncStatus {
  peer: string;
  connected: boolean;
  /** Milliseconds from a change on the active node to where it is known on the other. */
  lagMs: number;
  /** The tables were the same when they were compared last. */
  digestsMatch: boolean;
  /** Bytes that wait for the other node. */
  queue: number;
  /** Changes that found no room on their way, since the dataplane was loaded; digests find them. */
  lost: number;
  /** What became of what this node was told, since the daemon started. */
  told: {
    added: number;
    moved: number;
    ended: number;
    stale: number;
    full: number;
    bad: number;
    bytes: number;
  };
  /** As far as is known the other node has the policy of this one. */
  policyMatches: boolean;
  /** If not, what keeps it from that, in words; else ''. */
  policyPending: string;
  /** Members of dynamic groups were the same when they were compared last. */
  setsMatch: boolean;
  /** The last time that something was told again. */
  repair: { added: number; dropped: number; bytes: number; ms: number } | null;
}

/** This node as one of two. */
export interface HaStatus {
  /** init, joining, standby, active, fault. */
  state: string;
  epoch: number;
  /** Of the last change of state, in words. */
  reason: string;
  /** ISO 8601: since when it is so. */
  since: string;
  priority: number;
  /** internal, external. */
  manager: string;
  /** Connections of the other node are all known here. */
  ready: boolean;
  /** The nodes have agreed on a key for probes. */
  paired: boolean;
  /** The other node, by what it said last. */
  peer: {
    name: string;
    /** active, standby, fault, unknown. */
    state: string;
    epoch: number;
    priority: number;
    ready: boolean;
    /** Its daemon runs. */
    daemon: boolean;
  };
  paths: {
    /** uplink, inside, sync. */
    name: string;
    /** A port of that side has carrier. */
    up: boolean;
    /** Milliseconds since the other node was heard there; null: never since the daemon started. */
    heardMs: number | null;
    /** What it said last there: it hears this node on that path. */
    peerHears: boolean;
  }[];
  /** Rounds of probes sent, frames that could not be, datagrams not believed, and times that the prober was asleep. */
  probes: { rounds: number; failed: number; refused: number; naps: number };
  /** After the last takeover: what neighbours were told, and how long that took. */
  announced: { addresses: number; frames: number; failed: number; ms: number };
}
