/** A node without a dataplane: canned answers, and a record of what was asked. */

import type { NodeEvent } from '../../../src/control/events.js';
import { formatAddress, fromV4, readAddress } from '../../../src/control/policy/address.js';
import type {
  Alarm,
  ApplyOptions,
  ApplyResult,
  Caller,
  Confirmation,
  CountersResult,
  CounterTotals,
  ExplainQuery,
  ExplainResult,
  HaStatus,
  HistoryEntry,
  LogRecord,
  MatrixResult,
  NodeService,
  PackedAddresses,
  PlanResult,
  PolicyDifference,
  PolicySource,
  PolicyText,
  PortInfo,
  RuleRef,
  SessionRecord,
  SetChange,
  SetInfo,
  SetLoad,
  SetLoadResult,
  SetMember,
  SetUpdateResult,
  StateEntry,
  StateFilter,
  StateRows,
  StatusResult,
} from '../../../src/control/service.js';
import { ServiceError } from '../../../src/control/service.js';
import { rowsOf } from './state-rows.js';

export const RULE: RuleRef = {
  id: '5f2c91aa',
  host: 'aquilante',
  direction: 'in',
  service: 'mailin',
  peers: 'any',
  options: '',
  file: 'policy.yaml',
  line: 21,
};

/** More than 32 bits hold, within what a double holds exactly. */
export const MANY = 2 ** 40 + 1;

export const TOTALS: CounterTotals = {
  rx: MANY,
  forwarded: MANY - 15,
  passed: 4,
  answered: 0,
  txFailed: 1,
  dropped: { 'no-in': 8, denied: 3 },
  logSuppressed: 2,
  logLost: 0,
  outOfWindowPassed: 0,
  pickedUp: 0,
  sessionsLost: 0,
};

export const STATE: StateEntry = {
  proto: 'tcp',
  src: '10.0.0.1',
  sport: 40000,
  dst: '193.206.157.12',
  dport: 25,
  vlan: [10, 20],
  phase: 'established',
  pickedUp: false,
  age: 12,
  idle: 3,
  timeout: 431987,
  sent: { packets: 12, bytes: 3400 },
  received: { packets: 9, bytes: 520 },
  rules: { out: null, in: RULE.id, transit: null },
};

export const HISTORY: HistoryEntry[] = [
  {
    generation: 3,
    at: '2026-11-22T03:00:00.000Z',
    who: { user: 'bridgewalld', uid: null },
    why: 'revert of 2 to 1: it was not confirmed',
    digest: 'd1'.repeat(32),
    rules: 42,
    file: 'policy.yaml',
    current: true,
    confirmed: true,
    origin: { epoch: 4, generation: 3, node: 'fw2' },
    received: true,
  },
  {
    generation: 2,
    at: '2026-11-22T02:59:00.000Z',
    who: { user: 'alice', uid: 0 },
    why: '',
    digest: 'd2'.repeat(32),
    rules: 1,
    file: 'policy.yaml',
    current: false,
    confirmed: false,
    origin: { epoch: 4, generation: 2, node: 'fw1' },
    received: false,
  },
];

/** The `n`th of a row of log records. */
export function record(n: number): LogRecord {
  return {
    ts: new Date(1_700_000_000_000 + n).toISOString(),
    verdict: 'drop',
    reason: 'no-in',
    explanation: 'the destination is screened and no in rule allows this',
    proto: 'tcp',
    src: '10.0.0.1',
    sport: n % 65536,
    dst: '193.206.157.12',
    dport: 23,
    icmpType: null,
    port: 'up0',
    vlan: [],
    srcMac: '02:00:00:00:00:01',
    dstMac: '02:00:00:00:00:02',
    length: 74,
    rule: null,
  };
}

/** What its policies open and close. */
export const PACKETS: PlanResult['packets'] = [
  {
    ...{ kind: 'opened', direction: 'in', host: 'aquilante', services: ['25/tcp'] },
    ...{ peers: ['any but not 10.0.0.0/8'], to: [] },
  },
  {
    ...{ kind: 'closed', direction: 'transit', host: '', services: ['all'] },
    ...{ peers: ['10.1.0.0/16'], to: ['any'] },
  },
];

/** A standby that has heard all there is to hear. */
export const HA: HaStatus = {
  state: 'standby',
  epoch: 7,
  reason: 'all connections are known',
  since: '2026-01-02T03:04:05.678Z',
  priority: 100,
  manager: 'internal',
  ready: true,
  paired: true,
  peer: { name: 'fw2', state: 'active', epoch: 7, priority: 120, ready: true, daemon: false },
  paths: [
    { name: 'uplink', up: true, heardMs: 4, peerHears: true },
    { name: 'inside', up: false, heardMs: null, peerHears: false },
    { name: 'sync', up: true, heardMs: 0, peerHears: true },
  ],
  probes: { rounds: MANY, failed: 1, refused: 2, naps: 3 },
  announced: { addresses: 4, frames: 5, failed: 6, ms: 7 },
};

export class FakeNode implements NodeService {
  readonly asked: unknown[] = [];
  /** Installed policy; the same text again changes nothing. */
  installed = '';
  generation = 0;
  states_: StateEntry[][] = [[STATE]];
  members = new Map<string, number | null>();
  /** Lists that were loaded. */
  loads: SetLoad[] = [];
  /** How many changes came together, each time. */
  readonly updates: number[] = [];
  /** While it is unresolved, nothing changes. */
  pause: Promise<void> | null = null;
  /** What no set may hold. */
  screened = '10.0.0.77';
  alarms: Alarm[] = [];
  /** Callbacks of the watches that are on. */
  readonly watchers = new Set<(record: LogRecord) => void>();
  readonly sessionWatchers = new Set<(record: SessionRecord) => void>();
  readonly eventWatchers = new Set<(event: NodeEvent) => void>();
  /** Seconds that the installed policy waits to be confirmed; null: it stays. */
  trial: number | null = null;

  async apply(source: PolicySource, by: Caller, options: ApplyOptions = {}): Promise<ApplyResult> {
    this.asked.push({ apply: source, by, options });
    const planned = await this.plan(source);
    const installed = planned.differs && options.dryRun !== true;
    if (installed) {
      this.installed = source.text;
      this.generation += 1;
      this.trial = options.confirmSeconds ?? null;
    }
    return { ...planned, ...this.#result(), installed };
  }

  async confirm(by: Caller): Promise<number> {
    this.asked.push({ confirm: by });
    if (this.trial === null) {
      throw new ServiceError('precondition', 'no generation waits to be confirmed');
    }
    this.trial = null;
    return this.generation;
  }

  async rollback(generation: number | null, by: Caller, why?: string): Promise<ApplyResult> {
    this.asked.push({ rollback: generation, by, why });
    const planned = await this.plan({ text: 'older', file: 'policy.yaml' });
    this.generation += 1;
    return { ...planned, ...this.#result(), installed: true };
  }

  async history(): Promise<HistoryEntry[]> {
    return HISTORY;
  }

  async policyText(generation: number | null): Promise<PolicyText> {
    if (generation === 9) throw new ServiceError('not-found', 'generation 9 is not kept');
    const text = `# policy ${generation ?? 'now'}\nhosts: {}`;
    return { generation: generation ?? 2, file: 'policy.yaml', digest: 'd1'.repeat(32), text };
  }

  async diff(from: number, to: number): Promise<PolicyDifference> {
    const differs = from !== to;
    const changes = differs ? [{ kind: 'removed' as const, before: RULE, after: null }] : [];
    return {
      from: await this.policyText(from),
      to: await this.policyText(to),
      differs,
      changes,
      limits: [],
      bindings: [],
    };
  }

  get confirmation(): Confirmation | null {
    return this.trial === null ? null : { deadline: this.trial, fallback: this.generation - 1 };
  }

  #result() {
    const { generation, confirmation: confirm } = this;
    return { generation, digest: 'd1'.repeat(32), confirm };
  }

  async plan(source: PolicySource): Promise<PlanResult> {
    if (source.text.includes('crash')) throw new Error('bpf map update failed:\n  E2BIG');
    if (source.text.includes('bad')) {
      const position = { file: source.file, line: 3, column: 14 };
      throw new ServiceError('invalid', 'port 70000 is no port; did you mean 7000?', position);
    }
    const differs = source.text !== this.installed;
    const changes = differs ? [{ kind: 'added' as const, before: null, after: RULE }] : [];
    const position = { file: source.file, line: 7, column: 3 };
    const warnings = [{ message: 'group lonely is empty', position }];
    return {
      ...{
        differs,
        changes,
        limits: [],
        bindings: [],
        warnings,
        packets: differs ? PACKETS : [],
        packetsMore: 0,
      },
      ...{ rules: 42, hosts: 6, statesCut: differs ? 1234 : 0 },
    };
  }

  async explain(query: ExplainQuery): Promise<ExplainResult> {
    this.asked.push(query);
    const rules = { out: null, in: null, transit: null, deny: null };
    if (query.destination === 'nobody') {
      throw new ServiceError('not-found', 'the policy knows no host "nobody"');
    }
    if (query.destinationPort !== 25) {
      const explanation = 'the destination is screened and no in rule allows this';
      return {
        ...{ verdict: 'drop', reason: 'no-in', explanation, limit: '' },
        ...{ port: 'up0', vlan: [], rules, state: null },
      };
    }
    return {
      verdict: 'accept',
      reason: 'none',
      explanation: 'the frame was not dropped',
      limit: '',
      port: query.port === '' ? 'up0' : query.port,
      vlan: query.vlan.filter((vid) => vid !== 0),
      rules: { ...rules, in: RULE },
      state: null,
    };
  }

  async status(): Promise<StatusResult> {
    return {
      node: 'fw1',
      role: 'active',
      mode: 'enforce',
      generation: this.generation,
      policy: this.generation === 0 ? null : { digest: 'd1'.repeat(32), rules: 42, hosts: 6 },
      attach: [
        { port: 'up0', side: 'uplink', mode: 'tc', why: 'veth has no native XDP worth using' },
        { port: 'dn0', side: 'inside', mode: 'tc', why: 'veth has no native XDP worth using' },
      ],
      states: { pending: 2, established: 7, max: 262144 },
      counters: TOTALS,
      sync: null,
      confirm: this.confirmation,
      alarms: this.alarms,
    };
  }

  async counters(): Promise<CountersResult> {
    const quiet = { ...TOTALS, rx: 0, forwarded: 0, passed: 0, dropped: {} };
    return {
      total: TOTALS,
      ports: { up0: TOTALS, dn0: quiet },
      rules: [
        { rule: RULE, packets: MANY, bytes: 800, connections: 1, idle: 3.25 },
        {
          rule: { ...RULE, id: 'feed', line: 22 },
          packets: 0,
          bytes: 0,
          connections: 0,
          idle: null,
        },
      ],
      reasons: { 'no-in': 'the destination is screened and no in rule allows this' },
    };
  }

  async *states(filter: StateFilter, limit: number | null): AsyncGenerator<StateRows> {
    this.asked.push(limit === null ? filter : { filter, limit });
    if (filter.host === 'nobody') {
      throw new ServiceError('not-found', 'the policy knows no host "nobody"');
    }
    yield* this.states_.map(rowsOf);
  }

  async countStates(filter: StateFilter): Promise<number> {
    this.asked.push({ count: filter });
    return MANY;
  }

  async ha(): Promise<HaStatus> {
    return HA;
  }

  async haTakeover(by: Caller, force: boolean): Promise<HaStatus> {
    this.asked.push({ takeover: true, by, force });
    return { ...HA, state: 'active', epoch: 8 };
  }

  async haYield(by: Caller): Promise<HaStatus> {
    this.asked.push({ yield: true, by });
    throw new ServiceError('precondition', 'no other node is heard');
  }

  async killStates(filter: StateFilter, all: boolean, by: Caller): Promise<number> {
    this.asked.push({ filter, all, by });
    return all ? MANY : 3;
  }

  async ports(): Promise<PortInfo[]> {
    return [
      {
        name: 'up0',
        side: 'uplink',
        ifindex: 4,
        mac: '02:00:00:00:00:01',
        mtu: 1500,
        carrier: true,
        stp: 'forwarding',
        mode: 'tc',
        why: 'veth has no native XDP worth using',
        macs: 3,
        counters: TOTALS,
      },
    ];
  }

  async matrix(): Promise<MatrixResult> {
    return {
      generation: this.generation,
      cells: [
        { from: 'any', to: 'aquilante', services: ['mailin', '80/tcp'] },
        { from: 'aquilante', to: 'auth', services: ['636/tcp'] },
      ],
    };
  }

  async sets(): Promise<SetInfo[]> {
    return [{ name: 'badguys', max: 1_000_000, members: this.members.size }];
  }

  async setMembers(name: string): Promise<SetMember[]> {
    this.#known(name);
    return [...this.members].map(([address, ttl]) => ({ address, ttl }));
  }

  async setAdd(name: string, addresses: string[], ttlSeconds: number | null): Promise<number> {
    this.#known(name);
    const fresh = addresses.filter((address) => !this.members.has(address));
    for (const address of addresses) this.members.set(address, ttlSeconds);
    return fresh.length;
  }

  async setDelete(name: string, addresses: string[]): Promise<number> {
    this.#known(name);
    return addresses.filter((address) => this.members.delete(address)).length;
  }

  async setLoad(load: SetLoad, pieces: AsyncIterable<PackedAddresses>): Promise<SetLoadResult> {
    this.#known(load.name);
    this.loads.push(load);
    const before = new Set(this.members.keys());
    const named: string[] = [];
    for await (const { width, bytes } of pieces) {
      for (let at = 0; at < bytes.length; at += width) {
        const one = bytes.subarray(at, at + width);
        named.push(formatAddress(width === 4 ? fromV4(one) : one));
      }
    }
    const counts = { received: named.length, added: 0, removed: 0, refused: null };
    if (load.mode === 'check') {
      const index = named.indexOf(this.screened);
      const refused =
        index < 0 ? null : { index, why: `${this.screened} is the screened host auth` };
      return { ...counts, members: before.size, refused };
    }
    for (const address of named) {
      if (load.mode === 'remove') this.members.delete(address);
      else this.members.set(address, load.ttl);
    }
    if (load.mode === 'replace') {
      for (const address of before) if (!named.includes(address)) this.members.delete(address);
    }
    const added = [...this.members.keys()].filter((address) => !before.has(address)).length;
    const removed = [...before].filter((address) => !this.members.has(address)).length;
    return { ...counts, added, removed, members: this.members.size };
  }

  async setUpdate(changes: readonly SetChange[]): Promise<SetUpdateResult> {
    this.updates.push(changes.length);
    if (this.pause !== null) await this.pause;
    const result: SetUpdateResult = { added: 0, removed: 0, refused: [] };
    for (const [index, { name, address, remove, ttl }] of changes.entries()) {
      if (name !== 'badguys' || address === this.screened) {
        result.refused.push({ index, why: `${address} may not be in ${name}` });
      } else if (remove) {
        if (this.members.delete(address)) result.removed++;
      } else {
        if (!this.members.has(address)) result.added++;
        this.members.set(address, ttl);
      }
    }
    return result;
  }

  async *setDump(name: string): AsyncGenerator<Uint8Array> {
    this.#known(name);
    for (const [text, ttl] of this.members) {
      const record = Buffer.alloc(20);
      record.set(readAddress(text) as Uint8Array);
      record.writeUInt32BE(ttl ?? 0, 16);
      yield record;
    }
  }

  watchDrops(onRecord: (record: LogRecord) => void, signal: AbortSignal): void {
    this.watchers.add(onRecord);
    signal.addEventListener('abort', () => this.watchers.delete(onRecord), { once: true });
  }

  watchEvents(onEvent: (event: NodeEvent) => void, signal: AbortSignal): void {
    this.eventWatchers.add(onEvent);
    signal.addEventListener('abort', () => this.eventWatchers.delete(onEvent), { once: true });
  }

  watchSessions(onRecord: (record: SessionRecord) => void, signal: AbortSignal): void {
    this.sessionWatchers.add(onRecord);
    signal.addEventListener('abort', () => this.sessionWatchers.delete(onRecord), { once: true });
  }

  /** Makes an event, for everybody who watches. */
  tell(event: NodeEvent): void {
    for (const watcher of this.eventWatchers) watcher(event);
  }

  /** Makes log records, for everybody who watches. */
  log(...numbers: number[]): void {
    for (const watcher of this.watchers) for (const n of numbers) watcher(record(n));
  }

  #known(name: string): void {
    if (name !== 'badguys')
      throw new ServiceError('not-found', `no dynamic group is named ${name}`);
  }
}
