/** What a node tells about itself: the vocabulary of `watch events`. Kinds and fields are only ever added. */

/** Fields of every kind of event; a part that has something new to tell adds its kind here. */
export interface EventFields {
  /** A policy was installed. `confirm`: seconds in which it must be confirmed; 0: it stays. */
  applied: {
    generation: number;
    digest: string;
    user: string;
    uid?: number;
    why: string;
    confirm: number;
  };
  confirmed: { generation: number; user: string; uid?: number };
  /** `from` was not confirmed in time: the policy of `to` judges, as `generation`. */
  reverted: { generation: number; from: number; to: number; user: string; why: string };
  /** An operator went back to the policy of `to`. */
  'rolled-back': {
    generation: number;
    from: number;
    to: number;
    user: string;
    uid?: number;
    why: string;
  };
  /**
   * Connections found no room; `count` is how many of them this event stands for. It comes when the first one
   * finds none, and once a minute while that lasts.
   */
  'table-full': { port: string; count: number };
  /** Nine tenths of the table of established connections are taken. */
  'table-nearly-full': { established: number; max: number };
  /** There is room in it again, for the first time after `table-full` or `table-nearly-full`. */
  'table-room': { established: number; max: number };
  'mac-moved': { mac: string; fromPort: string; toPort: string; vlan: string };
  /** A live connection ended because the policy no longer allows it. */
  'state-cut': { proto: string; low: string; high: string; reason: string };
  /**
   * A source had `drops` frames dropped within `seconds`, the last of them for `reason` (`last`: what it
   * was for), and is in `group` for `ttl` seconds. `file`, `line`: of the `onDrop`.
   */
  'auto-denied': {
    address: string;
    group: string;
    ttl: number;
    reason: string;
    drops: number;
    seconds: number;
    port: string;
    last: string;
    file: string;
    line: number;
  };
  /** So many sources found no room in their group, or may not be in it. */
  'auto-deny-failed': { group: string; count: number; why: string };
  /** An operator ended live connections; `filter` as in `bwctl states`, or `all`. */
  'states-killed': { filter: string; count: number; user: string; uid?: number };
  /** Log records that netfilter made and that nobody got. */
  'log-lost': { count: number };
  /** Sessions of which nothing was kept or told, for want of room. */
  'sessions-lost': { count: number };
  /** Events of the packet path that never got here. */
  'events-lost': { count: number };
  /** Something of the wall that somebody had changed is as it must be again; `by`: a process, where known. */
  repaired: { thing: string; port: string; what: string; by: string };
  /** State in the bridge, carrier or MTU of a port changed; `state` `none`: it is not in the bridge. */
  'port-state': { port: string; state: string; carrier: boolean; mtu: number };
  /** The device of a port is gone; `repaired` tells of its return. */
  'port-gone': { port: string };
  /**
   * Another version of the dataplane took over. `migrated`: maps that were made anew, with what was in
   * them; `states`: connections in those; `ms`: how long it took, the wall judging all the while.
   */
  upgraded: {
    from: string;
    to: string;
    shared: number;
    migrated: string;
    states: number;
    ms: number;
  };
  /** The other node of the pair is connected, and said hello. */
  'peer-up': { peer: string; address: string; version: string; format: number };
  'peer-down': { peer: string; address: string; why: string };
  /**
   * Somebody was not taken for the peer, or for one who may read: `count` times from `remote`. `name`: what
   * the certificate says; `reason` `not-the-peer` and `not-a-reader`: let in, but not for that call.
   */
  'peer-refused': { remote: string; name: string; reason: string; count: number };
  /** The other node does not know of connections what it should: `why`, and for a second already. */
  'sync-alarm': { peer: string; why: string };
  'sync-recovered': { peer: string };
  /** Connections that one node had missed were told again; `whole`: the tables are the same now. */
  'sync-repaired': {
    peer: string;
    added: number;
    dropped: number;
    bytes: number;
    ms: number;
    whole: boolean;
  };
  /**
   * Nothing was taken of what the other node said of its connections: `reason` is garbled, replayed or format.
   * The same again is told every ten seconds at most.
   */
  'sync-refused': { peer: string; reason: string; why: string };
  /** So many connections of the other node found no room here. */
  'sync-full': { peer: string; count: number };
  /** What was applied on the other node of the pair judges here, too; `user` applied it there. */
  'policy-received': {
    generation: number;
    digest: string;
    peer: string;
    user: string;
    uid?: number;
    why: string;
  };
  /** This node cannot install what was applied on the other one, as `generation` there. */
  'policy-refused': { peer: string; generation: number; why: string };
  /** The nodes are connected, and have not had the same policy for a while: `why`. */
  'policy-differs': { peer: string; why: string };
  'policy-agreed': { peer: string };
  /** Other certificates hold from now on; `expires` is ISO 8601. */
  'certificates-loaded': { name: string; serial: string; expires: string };
  /** The files changed and are not usable: what held before goes on. */
  'certificates-refused': { why: string };
  /** The node's certificate has `days` left; less than 0: it has none. */
  'certificate-expires': { name: string; days: number };
  /** Nobody can connect at `api.listen` as yet; it is tried again. */
  'listen-failed': { why: string };
  /**
   * What this node is in its pair: init, joining, standby, active, fault. `epoch` counts activations, `reason` is
   * a sentence.
   */
  'role-changed': { from: string; to: string; epoch: number; reason: string };
  /** After a takeover: so many frames told the neighbours where MACs are now; `failed`: not sent. */
  'addresses-announced': { frames: number; failed: number; ms: number };
  'daemon-started': { node: string; generation: number; policy: string };
}

export type EventKind = keyof EventFields;

export type EventValue = string | number | boolean;

/** One event, as it is shown: `ts` is ISO 8601, `event` its kind, the rest its fields. */
export type NodeEvent = { readonly ts: string; readonly event: string } & Readonly<
  Record<string, EventValue>
>;
