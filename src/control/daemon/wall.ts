/** The node itself, as its API and its operators see it. */

import { Action, Phase } from '../../generated/layouts.js';
import type { SharedSets } from '../../sync/shared/index.js';
import {
  attachedMode,
  DataplaneError,
  explainFrame,
  fragsTrouble,
  frameLimits,
  type Installer,
  learnedCount,
  type NumberedPort,
  newRuleSlots,
  phaseName,
  phaseNames,
  portCounts,
  ruleCounts,
  type StateSelection,
  sumCounts,
} from '../dataplane/index.js';
import type { NodeEvent } from '../events.js';
import { addressKey } from '../policy/index.js';
import {
  type ApplyOptions,
  type ApplyResult,
  type Caller,
  type CountersResult,
  type CounterTotals,
  type ExplainQuery,
  type ExplainResult,
  type HaStatus,
  type HistoryEntry,
  type LogRecord,
  type MatrixResult,
  type NodeService,
  type PackedAddresses,
  type PlanResult,
  type PolicyDifference,
  type PolicySource,
  type PolicyText,
  type PortInfo,
  type PortStatus,
  type RuleCounters,
  ServiceError,
  type SessionRecord,
  type SetChange,
  type SetInfo,
  type SetLoad,
  type SetLoadResult,
  type SetMember,
  type SetUpdateResult,
  type StateFilter,
  type StateRows,
  type StatusResult,
} from '../service.js';
import { limitOf } from './limit-of.js';
import { matrixCells } from './matrix-view.js';
import type { Pair } from './pair.js';
import type { WallParts } from './parts.js';
import { boundPort, frameOf, portOf } from './query.js';
import { whoFields } from './records.js';
import { ruleRef } from './rules.js';
import { SetService } from './set-service.js';
import { filterText, stateSelection } from './state-filter.js';

/** Slots of rules, as many as their counters have room for. */
const MOST_RULES = 131_072;

/** Whoever asks is told to ask again. @throws ServiceError `precondition` */
function refuse(error: unknown): never {
  if (!(error instanceof DataplaneError) || error.code !== 'busy') throw error;
  throw new ServiceError('precondition', error.message);
}

async function* refusing<T>(batches: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* batches;
  } catch (error) {
    refuse(error);
  }
}

/** One bridge, one policy, one kernel. */
export class Wall implements NodeService {
  readonly #parts: WallParts;
  readonly #sets: SetService;

  constructor(parts: WallParts, installer: Installer) {
    this.#parts = parts;
    const { sets, policies, cutter } = parts;
    const cutStates = () => cutter.ask();
    this.#sets = new SetService({ sets, policies, installer, cutStates });
  }

  /** Dynamic groups, as the two nodes of a pair share them. */
  get sharedSets(): SharedSets {
    const sets = this.#sets;
    return {
      watch: (listener, signal) => sets.watch(listener, signal),
      names: () => sets.names(),
      take: (change) => sets.take(change),
      digests: () => sets.digests(),
      dump: (name) => sets.dump(name),
      replace: (name, records) => sets.replaceWith(name, records),
    };
  }

  async apply(source: PolicySource, by: Caller, options: ApplyOptions = {}): Promise<ApplyResult> {
    const result = await this.#parts.policies.apply(source, by, options);
    this.#tellInstalled(result, by, options.why ?? '');
    return result;
  }

  async confirm(by: Caller): Promise<number> {
    const generation = await this.#parts.policies.confirm(by);
    this.#parts.log.info({ generation, by }, 'policy confirmed');
    return generation;
  }

  async rollback(generation: number | null, by: Caller, why = ''): Promise<ApplyResult> {
    const result = await this.#parts.policies.rollback(generation, by, why);
    this.#tellInstalled(result, by, why);
    return result;
  }

  history(): Promise<HistoryEntry[]> {
    return this.#parts.policies.history();
  }

  policyText(generation: number | null): Promise<PolicyText> {
    return this.#parts.policies.text(generation);
  }

  diff(from: number, to: number): Promise<PolicyDifference> {
    return this.#parts.policies.diff(from, to);
  }

  plan(source: PolicySource): Promise<PlanResult> {
    return this.#parts.policies.plan(source);
  }

  async explain(query: ExplainQuery): Promise<ExplainResult> {
    const { dataplane, policies, ports } = this.#parts;
    const hosts = policies.active?.plan.hosts ?? [];
    const frame = frameOf(query, hosts);
    const port = portOf(query.port, ports, this.#isScreened(frame.source), boundPort(frame, hosts));
    if (attachedMode(dataplane, port.ifindex) === 'gone') {
      throw new ServiceError('precondition', `the device of port ${port.name} is gone`);
    }
    const verdict = explainFrame(dataplane, frame, port.ifindex);
    const reason = dataplane.reasons.get(verdict.reason);
    const { index } = policies;
    return {
      verdict: verdict.action === Action.DROP ? 'drop' : 'accept',
      reason: reason.name,
      explanation: reason.text,
      limit: limitOf(verdict, policies.active?.plan ?? null, index),
      port: port.name,
      vlan: frame.vlan.filter((vid) => vid !== 0),
      rules: {
        out: index.ref(verdict.ruleOut),
        in: index.ref(verdict.ruleIn),
        transit: index.ref(verdict.ruleTransit),
        deny: index.ref(verdict.ruleDeny),
      },
      state: verdict.phase === Phase.NONE ? null : { phase: phaseName(verdict.phase) },
    };
  }

  async status(): Promise<StatusResult> {
    const { config, dataplane, policies, sweeper } = this.#parts;
    const live = await sweeper.count();
    const { active } = policies;
    return {
      node: config.node,
      role: this.#parts.pair?.role ?? 'active',
      mode: 'enforce',
      generation: policies.generation,
      policy: active && {
        digest: active.plan.digest,
        rules: active.plan.rules.length,
        hosts: active.plan.hosts.length,
      },
      attach: this.#parts.ports.map((port) => this.#attachment(port)),
      states: {
        pending: live.pending,
        established: live.established,
        max: dataplane.map('established').info.maxEntries,
      },
      counters: this.#total(this.#portCounts().values()),
      sync: this.#parts.sync?.status ?? null,
      confirm: policies.confirmation,
      alarms: [...this.#parts.room.alarms, ...(this.#parts.sync?.alarms ?? [])],
    };
  }

  async counters(): Promise<CountersResult> {
    const ports = this.#portCounts();
    const total = this.#total(ports.values());
    const { reasons } = this.#parts.dataplane;
    return {
      total,
      ports: Object.fromEntries(ports),
      rules: await this.#ruleCounters(),
      reasons: Object.fromEntries(
        Object.keys(total.dropped).map((name) => [name, reasons.explain(name)]),
      ),
    };
  }

  async *states(filter: StateFilter, limit: number | null): AsyncGenerator<StateRows> {
    const { passes, policies } = this.#parts;
    const told = new Uint8Array(MOST_RULES / 8);
    let { index } = policies;
    let phases = phaseNames();
    const batches = refusing(passes.list(this.#selection(filter), limit ?? undefined));
    for await (const rows of batches) {
      // Another policy may have given a slot to another rule.
      if (policies.index !== index) told.fill(0);
      index = policies.index;
      const rules = newRuleSlots(rows, told).map((slot) => ({ slot, id: index.id(slot) ?? '' }));
      yield { rows, rules, phases };
      phases = [];
    }
  }

  async countStates(filter: StateFilter): Promise<number> {
    return await this.#parts.passes.matching(this.#selection(filter)).catch(refuse);
  }

  #selection(filter: StateFilter): StateSelection {
    const { active, index } = this.#parts.policies;
    const hosts = active?.plan.hosts ?? [];
    return stateSelection(filter, { hosts, slotOf: (id) => index.slotOf(id) });
  }

  async ha(): Promise<HaStatus> {
    return this.#pair.status;
  }

  async haTakeover(by: Caller, force: boolean): Promise<HaStatus> {
    await this.#pair.takeOver(by, force);
    return this.#pair.status;
  }

  async haYield(by: Caller): Promise<HaStatus> {
    await this.#pair.yield(by);
    return this.#pair.status;
  }

  async killStates(filter: StateFilter, all: boolean, by: Caller): Promise<number> {
    const { passes, events, log } = this.#parts;
    const selection = this.#selection(filter);
    const everything = Object.keys(filter).length === 0;
    if (everything !== all) {
      const why = everything
        ? 'this would end every connection: say all if that is meant'
        : 'all goes without a filter';
      throw new ServiceError('invalid', why);
    }
    const count = await passes.kill(selection).catch(refuse);
    const what = all ? 'all' : filterText(filter);
    events.emit('states-killed', { filter: what, count, ...whoFields(by) });
    log.info({ filter: what, count, by }, 'live connections ended');
    return count;
  }

  async ports(): Promise<PortInfo[]> {
    const { dataplane, links, ports } = this.#parts;
    const known = new Map((await links.list()).map((link) => [link.ifindex, link]));
    return ports.map((port) => {
      const link = known.get(port.ifindex);
      const { mode, why } = this.#attachment(port);
      return {
        name: port.name,
        side: port.side,
        ifindex: port.ifindex,
        mac: link?.mac ?? port.mac,
        mtu: link?.mtu ?? 0,
        carrier: link?.carrier ?? false,
        stp: link?.portState ?? 'none',
        mode,
        why,
        macs: learnedCount(dataplane, port.number),
        counters: portCounts(dataplane, port.number),
      };
    });
  }

  async matrix(): Promise<MatrixResult> {
    const { active } = this.#parts.policies;
    return {
      generation: this.#parts.policies.generation,
      cells: active ? matrixCells(active.plan) : [],
    };
  }

  async sets(): Promise<SetInfo[]> {
    return this.#sets.list();
  }

  setMembers(name: string): Promise<SetMember[]> {
    return this.#sets.members(name);
  }

  setAdd(name: string, addresses: string[], ttlSeconds: number | null): Promise<number> {
    return this.#sets.add(name, addresses, ttlSeconds);
  }

  setDelete(name: string, addresses: string[]): Promise<number> {
    return this.#sets.delete(name, addresses);
  }

  setLoad(load: SetLoad, addresses: AsyncIterable<PackedAddresses>): Promise<SetLoadResult> {
    return this.#sets.load(load, addresses);
  }

  setUpdate(changes: readonly SetChange[]): Promise<SetUpdateResult> {
    return this.#sets.update(changes);
  }

  setDump(name: string): AsyncIterable<Uint8Array> {
    return this.#sets.dump(name);
  }

  /** Puts sources into a group of their own accord, see {@link SetService.ban}. */
  ban(group: string, sources: readonly Uint8Array[], ttlSeconds: number) {
    return this.#sets.ban(group, sources, ttlSeconds);
  }

  /** Members of some group are gone by themselves. */
  membersLeft(): void {
    this.#sets.changed(-1);
  }

  watchDrops(onRecord: (record: LogRecord) => void, signal: AbortSignal): void {
    this.#parts.logFeed.watch(onRecord, signal);
  }

  watchEvents(onEvent: (event: NodeEvent) => void, signal: AbortSignal): void {
    this.#parts.events.watch(onEvent, signal);
  }

  watchSessions(onRecord: (record: SessionRecord) => void, signal: AbortSignal): void {
    this.#parts.sessions.watch(onRecord, signal);
  }

  close(): void {
    this.#sets.close();
  }

  get #pair(): Pair {
    const { pair } = this.#parts;
    if (pair !== null) return pair;
    throw new ServiceError('precondition', 'the node file names no other node (ha:)');
  }

  #tellInstalled(result: ApplyResult, by: Caller, why: string): void {
    if (!result.installed) return;
    const { generation, digest, rules, hosts, confirm } = result;
    const fields = { generation, digest, rules, hosts, by, why, confirm };
    this.#parts.log.info(fields, 'policy installed');
  }

  #isScreened(address: Uint8Array): boolean {
    const key = addressKey(address);
    return (this.#parts.policies.active?.plan.addresses ?? []).some(
      (entry) => entry.host !== 0 && entry.length === 128 && addressKey(entry.address) === key,
    );
  }

  /** What the kernel says of a port, not what was once done to it. */
  #attachment(port: NumberedPort): PortStatus {
    const { dataplane, mode, ports } = this.#parts;
    const now = attachedMode(dataplane, port.ifindex);
    const { name, side } = port;
    if (now === 'gone') return { port: name, side, mode: 'none', why: 'its device is gone' };
    if (now !== mode.mode) {
      const still = now === 'none' ? 'unjudged frames are dropped' : 'frames are judged there';
      const why = `${mode.mode} was attached, the kernel has ${now}: ${still}`;
      return { port: name, side, mode: now, why };
    }
    const why = mode.why.get(name) ?? `${now}: the mode of the other ports when it came back`;
    const trouble = now === 'xdp' && fragsTrouble(frameLimits(dataplane, ports));
    return {
      ...{ port: name, side, mode: now },
      why: trouble ? `${why}; ${trouble}: tc sends them` : why,
    };
  }

  #portCounts(): Map<string, CounterTotals> {
    const { dataplane, ports } = this.#parts;
    return new Map(ports.map((port) => [port.name, portCounts(dataplane, port.number)]));
  }

  #total(ports: Iterable<CounterTotals>): CounterTotals {
    const total = sumCounts(ports);
    total.logLost = this.#parts.logFeed.lost;
    total.sessionsLost = this.#parts.sessions.lost;
    return total;
  }

  async #ruleCounters(): Promise<RuleCounters[]> {
    const { dataplane, policies } = this.#parts;
    const { index } = policies;
    const counts = await ruleCounts(dataplane, index.highestSlot);
    const now = dataplane.clock.now();
    return [...index.rules].map(([slot, rule]) => {
      const count = counts.get(slot);
      const last = count?.last ?? 0n;
      return {
        rule: ruleRef(rule),
        packets: count?.packets ?? 0,
        bytes: count?.bytes ?? 0,
        connections: count?.connections ?? 0,
        idle: last === 0n ? null : Math.floor(dataplane.clock.seconds(last, now)),
      };
    });
  }
}
