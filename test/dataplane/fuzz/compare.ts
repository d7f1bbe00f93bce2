/** Runs an episode on the dataplane and on the reference model, side by side. */
import { type Policy, parsePolicy } from '../../../src/control/policy/index.js';
import {
  type Connection,
  Wall as Model,
  type Outcome as Verdict,
} from '../../../src/control/policy/model/index.js';
import * as layouts from '../../../src/generated/layouts.js';
import { describeFrame, ipv6Text, macBytes, wideBytes } from '../../packet/index.js';
import { SELF_MAC } from '../fixtures/link.js';
import { expectedOf, writeExpectation } from '../harness/expected.js';
import {
  Explainer,
  type Explanation,
  type Hook,
  shown,
  TcHook,
  XdpHook,
} from '../harness/hooks.js';
import { countAnew, isLimited } from '../harness/limits.js';
import { expectedOffence } from '../harness/model.js';
import { planOf } from '../harness/plans.js';
import {
  held,
  liveStates,
  offenceLines,
  offences,
  pass,
  phaseName,
  proofLine,
  proofLines,
  recount,
  sweep,
} from '../harness/states.js';
import type { TestWall } from '../harness/wall.js';
import { type Episode, type Event, SWEEP_JIFFIES } from './episode.js';

const { Outcome } = layouts;

/** The first thing that the two did not agree on. */
export interface Disagreement {
  /** Index of the event. */
  readonly at: number;
  readonly words: string[];
}

/** A wall, one of its hooks, and models to compare with. */
export class Comparison {
  readonly wall: TestWall;
  /** How often each verdict came: reasons of drops, and other actions. */
  readonly verdicts = new Map<string, number>();
  readonly #hook: XdpHook | TcHook;
  readonly #explainer: Explainer;

  constructor(wall: TestWall, hook: Hook) {
    this.wall = wall;
    this.#hook = hook === 'xdp' ? new XdpHook(wall) : new TcHook(wall);
    this.#explainer = new Explainer(wall);
  }

  /** Undefined: they agreed on every frame, and on what is left at the end. */
  run({ events, fdbQuota, stp, detour }: Episode): Disagreement | undefined {
    const { wall } = this;
    const bpdu = stp ? 'kernel' : 'forward';
    wall.reset({ bpdu, detour, ...(fdbQuota === undefined ? {} : { fdbQuota }) });
    const model = new Model({
      ports: new Map(wall.ports.map(({ side }, number) => [number, side])),
      names: new Map(wall.ports.map(({ name }, number) => [number, name])),
      macs: [SELF_MAC, ...wall.ports.map(({ mac }) => mac)].map(macBytes),
      reserved: { bpdu, lldp: 'drop', lacp: 'drop', eapol: 'drop' },
      hz: wall.hz,
      detour,
      ...(fdbQuota === undefined ? {} : { fdbQuota }),
    });
    const run = new Run(wall, model);
    for (const [at, event] of events.entries()) {
      const words = event.kind === 'frame' ? this.#frame(run, event) : run.change(event);
      if (words.length > 0) return { at, words };
    }
    const words = run.remains();
    return words.length > 0 ? { at: events.length, words } : undefined;
  }

  #frame(run: Run, { port, frame }: Event & { kind: 'frame' }): string[] {
    const number = this.wall.number(port);
    const words: string[] = [];
    const compare = (what: string, model: unknown, dataplane: unknown) => {
      if (model !== dataplane) words.push(`${what}: model ${model}, dataplane ${dataplane}`);
    };
    // To its own sender: what explain does not learn, it does not find.
    const toItself = frame.subarray(0, 6).equals(frame.subarray(6, 12));
    const explained = toItself ? undefined : this.#explainer.explain(port, frame);
    const outcome = this.#hook.run(port, frame);
    const verdict = run.receive(frame, number);
    const kind = verdict.action === 'drop' ? verdict.reason : verdict.action;
    this.verdicts.set(kind, (this.verdicts.get(kind) ?? 0) + 1);

    compare('action', shown(verdict.action, outcome), outcome.action);
    if (!outcome.bytes.equals(frame)) words.push(`bytes: ${outcome.bytes.toString('hex')}`);
    const counter = this.#counterOf(verdict);
    const expected = run.tally(number, counter);
    const counted = this.wall.count(number, counter);
    if (expected !== counted) {
      words.push(
        `model ${verdict.action} ${verdict.reason}; ${JSON.stringify(this.wall.tally(number))}`,
      );
    }
    if (explained !== undefined) {
      this.#compareExplanation(verdict, explained, compare);
      if (verdict.stateKey !== null) {
        const after = this.#explainer.explain(port, frame)!.phase;
        compare('phase after', verdict.phaseAfter ?? 'none', phaseName(after));
      }
    }
    return words;
  }

  #compareExplanation(
    verdict: Verdict,
    explained: Explanation,
    compare: (what: string, model: unknown, dataplane: unknown) => void,
  ): void {
    compare('explained action', verdict.action, explained.action);
    compare('explained reason', verdict.reason, explained.reason);
    compare('log', verdict.log, explained.log);
    if (verdict.outPort !== null) compare('out port', verdict.outPort, explained.out);
    if (verdict.stateKey !== null) {
      compare('phase before', verdict.phaseBefore ?? 'none', phaseName(explained.phase));
    }
    if (verdict.action === 'drop' && verdict.reason !== 'denied') return;
    for (const kind of ['out', 'in', 'transit', 'deny'] as const) {
      compare(`${kind} rule`, verdict.rules[kind] ?? '', explained.rules[kind]);
    }
  }

  #counterOf({ action, reason }: Verdict): number {
    if (action === 'flood' || action === 'detour') return Outcome.PASSED;
    return action === 'drop' ? Outcome.DROP + this.wall.reasonNumber(reason) : Outcome.FORWARDED;
  }

  close(): void {
    this.#hook.close();
  }
}

/** What one run of an episode keeps book of. */
class Run {
  readonly #wall: TestWall;
  readonly #model: Model;
  readonly #outcomes = new Map<string, number>();
  #rules = new Map<string, { packets: number; connections: number }>();
  #groups: ReadonlySet<string> = new Set();
  #policy: Policy | null = null;
  #now = 0;

  constructor(wall: TestWall, model: Model) {
    this.#wall = wall;
    this.#model = model;
  }

  /** The model takes the frame, and its rules are counted. */
  receive(frame: Buffer, port: number): Verdict {
    const verdict = this.#model.receive(frame, port, this.#jiffies(this.#now));
    const { rules, opened, action } = verdict;
    const hit = action === 'drop' ? [rules.deny] : [rules.out, rules.in, rules.transit];
    for (const id of hit) {
      const count = id === null ? undefined : this.#rules.get(id);
      if (count === undefined) continue;
      count.packets++;
      if (opened) count.connections++;
    }
    return verdict;
  }

  /** Counts one more of an outcome. */
  tally(port: number, counter: number): number {
    const key = `${port} ${counter}`;
    const count = (this.#outcomes.get(key) ?? 0) + 1;
    this.#outcomes.set(key, count);
    return count;
  }

  change(event: Exclude<Event, { kind: 'frame' }>): string[] {
    switch (event.kind) {
      case 'clock':
        this.#setClock(event.jiffies);
        return [];
      case 'sweep':
        this.#sweep();
        this.#setClock(this.#now + SWEEP_JIFFIES);
        this.#sweep();
        return [];
      case 'recount':
        return this.#recount();
      case 'cut':
        return this.#cut();
      case 'port':
        this.#wall.setPort(event.port, event);
        this.#model.setPort(this.#wall.number(event.port), event);
        return [];
      case 'lease':
        this.#wall.believeUntil(event.jiffies / this.#wall.hz);
        this.#model.believeUntil(this.#jiffies(event.jiffies));
        return [];
      case 'expected':
        writeExpectation(this.#wall, event, this.#wall.jiffies(event.jiffies / this.#wall.hz));
        this.#model.expect(expectedOf(event, this.#jiffies(event.jiffies)));
        return [];
      case 'policy':
        return this.#install(event.text);
      case 'member':
        this.#member(event);
        return [];
    }
  }

  #sweep(): void {
    sweep(this.#wall);
    this.#model.sweep(this.#jiffies(this.#now));
  }

  /** What is held is what was counted all along. */
  #recount(): string[] {
    const before = held(this.#wall);
    recount(this.#wall);
    const after = held(this.#wall);
    return difference('held', holdings(before), holdings(after));
  }

  /** What the kernel counts as refused, and then ends, is what the model refuses. */
  #cut(): string[] {
    if (this.#policy === null) return [];
    const refused = this.#model.refused(this.#jiffies(this.#now), this.#policy);
    const counted = pass(this.#wall, 'count');
    this.#wall.rejudge();
    const cut = pass(this.#wall, 'cut');
    this.#model.end(refused);
    // What the pass accepted is judged again all the same: of pending states it marks none.
    this.#wall.rejudge();
    this.#model.rejudge();
    if (counted === refused.length && cut === refused.length) return this.#stateDifferences();
    return [`refused: model ${refused.length}, dataplane counts ${counted} and cuts ${cut}`];
  }

  #install(text: string): string[] {
    const words = [...this.#ruleDifferences(), ...this.#offenceDifferences()];
    const plan = planOf(text);
    this.#wall.install(plan);
    this.#policy = parsePolicy(text, 'random.yaml');
    this.#model.install(this.#policy, new Map(), this.#jiffies(this.#now));
    const before = this.#rules;
    this.#rules = new Map(
      plan.rules.ids.map((id) => [id, before.get(id) ?? { packets: 0, connections: 0 }]),
    );
    this.#groups = new Set(plan.dynamicGroups.map(({ name }) => name));
    if (isLimited(plan)) {
      const now = this.#jiffies(this.#now);
      countAnew(this.#wall);
      this.#model.sweep(now);
      this.#model.end(this.#model.refused(now, this.#policy));
      this.#model.rejudge();
    } else {
      // What was held under limits that are gone is forgotten.
      recount(this.#wall);
      recount(this.#wall);
    }
    return words;
  }

  #member({ group, address, expires, remove }: Event & { kind: 'member' }): void {
    if (!this.#groups.has(group)) return;
    if (remove) {
      this.#wall.setMember(group, address, 'remove');
      this.#model.removeMember(group, wideBytes(address));
    } else {
      const seconds = expires / this.#wall.hz;
      this.#wall.setMember(group, address, expires === 0 ? {} : { expires: seconds });
      const until = expires === 0 ? 0 : this.#jiffies(expires);
      this.#model.addMember(group, wideBytes(address), until);
    }
  }

  #setClock(jiffies: number): void {
    this.#now = Math.max(this.#now, jiffies);
    this.#wall.setClock(this.#now / this.#wall.hz);
  }

  #jiffies(since: number): number {
    return Number(this.#wall.jiffies(since / this.#wall.hz));
  }

  /** Differences in what both hold at the end. */
  remains(): string[] {
    const { pickedUp } = this.#wall.tally();
    const counted = pickedUp === this.#model.pickedUp ? [] : [`${pickedUp} picked up`];
    return [
      ...this.#stateDifferences(),
      ...this.#ruleDifferences(),
      ...this.#offenceDifferences(),
      ...counted,
    ];
  }

  #offenceDifferences(): string[] {
    const model = offenceLines(this.#model.offences.map(expectedOffence));
    const proven = this.#model.proofs
      .map(({ source, seen, spoilt }) =>
        proofLine(ipv6Text(Buffer.from(source, 'hex')), seen, spoilt),
      )
      .sort();
    return [
      ...difference('offences', model, offenceLines(offences(this.#wall))),
      ...difference('proofs', proven, proofLines(this.#wall)),
    ];
  }

  #stateDifferences(): string[] {
    const model = this.#model.connections(this.#jiffies(this.#now)).map(connectionLine).sort();
    const dataplane = liveStates(this.#wall)
      .map(({ src, dst, proto, phase, seen }) => `${proto} ${src} > ${dst} ${phase} ${seen}`)
      .sort();
    return difference('states', model, dataplane);
  }

  #ruleDifferences(): string[] {
    return [...this.#rules].flatMap(([id, { packets, connections }]) => {
      const counted = this.#wall.ruleCount(id);
      if (counted.packets === packets && counted.connections === connections) return [];
      return [
        `rule ${id}: model ${packets} packets, ${connections} connections; ` +
          `dataplane ${counted.packets}, ${counted.connections}`,
      ];
    });
  }
}

function holdings(counts: Record<string, number>): string[] {
  return Object.entries(counts).map(([name, count]) => `${name} ${count}`);
}

function connectionLine(connection: Connection): string {
  const { opening, protocol, icmp, phase, seen } = connection;
  const name = icmp
    ? protocol === 1
      ? 'icmp'
      : 'icmp6'
    : ({ 6: 'tcp', 17: 'udp', 132: 'sctp' }[protocol] ?? protocol);
  return `${name} ${ipv6Text(opening.source)} > ${ipv6Text(opening.destination)} ${phase} ${seen}`;
}

function difference(what: string, model: string[], dataplane: string[]): string[] {
  const missing = model.filter((line) => !dataplane.includes(line));
  const surplus = dataplane.filter((line) => !model.includes(line));
  return [
    ...missing.map((line) => `${what}, only in the model: ${line}`),
    ...surplus.map((line) => `${what}, only in the dataplane: ${line}`),
    ...(missing.length + surplus.length === 0 && model.length !== dataplane.length
      ? [`${what}: model ${model.length}, dataplane ${dataplane.length}`]
      : []),
  ];
}

/** An event in words. */
export function describeEvent(event: Event, hz: number): string {
  switch (event.kind) {
    case 'frame':
      return `${event.port}: ${describeFrame(event.frame)} | ${event.frame.toString('hex')}`;
    case 'clock':
      return `clock ${event.jiffies / hz} s`;
    case 'port':
      return `${event.port} is ${event.state}, carrier ${event.carrier}, MTU ${event.mtu}`;
    case 'lease':
      return `believed until ${event.jiffies / hz} s`;
    case 'policy':
      return `policy\n${event.text.replaceAll(/^/gm, '    ')}`;
    case 'sweep':
    case 'recount':
    case 'cut':
      return event.kind;
    case 'expected': {
      const { kind, ...rest } = event;
      return `${kind} ${JSON.stringify(rest)}`;
    }
    case 'member':
      return `${event.remove ? 'remove' : 'add'} ${event.address} ${event.group} until ${event.expires / hz} s`;
  }
}
