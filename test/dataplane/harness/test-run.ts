/** Runs fixtures through one entry point by test runs and lists everything that is not as it should be. */
import { describeFrame } from '../../packet/index.js';
import type {
  Expectation,
  Fixture,
  FrameStep,
  PortName,
  RuleIds,
  Step,
} from '../fixtures/types.js';
import { Explainer, type Explanation, type Hook, type Outcome, TcHook, XdpHook } from './hooks.js';
import { planOf } from './plans.js';
import { learnedMacs, liveStates, macLines, type SeenState, stateLines } from './states.js';
import type { Tally, TestWall } from './wall.js';

/** How one fixture went. */
export interface FixtureRun {
  /** Empty: all as expected. */
  readonly problems: string[];
  /** Everything that the wall holds afterwards, to compare hooks with. */
  readonly after: readonly string[];
}

/** Runs fixtures on a wall through `xdp_wall` or `tc_wall`. */
export class TestRunner {
  readonly wall: TestWall;
  readonly #hook: XdpHook | TcHook;
  readonly #explainer: Explainer;

  constructor(wall: TestWall, hook: Hook) {
    this.wall = wall;
    this.#hook = hook === 'xdp' ? new XdpHook(wall) : new TcHook(wall);
    this.#explainer = new Explainer(wall);
  }

  run(fixture: Fixture): FixtureRun {
    const { wall } = this;
    wall.reset(fixture.node, fixture.policy === undefined ? undefined : planOf(fixture.policy));
    const problems: string[] = [];
    let seconds = 0;
    for (const [number, step] of fixture.steps.entries()) {
      if (step.kind === 'at') seconds = step.seconds;
      if (step.kind === 'frame') this.#frame(step, `step ${number + 1}`, problems);
      else this.#change(step, seconds);
    }
    problems.push(...this.#differences(fixture));
    return { problems, after: this.#everything() };
  }

  #change(step: Exclude<Step, FrameStep>, now: number): void {
    if (step.kind === 'at') this.wall.setClock(step.seconds);
    else if (step.kind === 'policy') this.wall.install(planOf(step.text));
    else {
      const change = step.remove
        ? 'remove'
        : step.ttl === undefined
          ? {}
          : { expires: now + step.ttl };
      this.wall.setMember(step.group, step.address, change);
    }
  }

  #frame(step: FrameStep, where: string, problems: string[]): void {
    const port = this.wall.number(step.port);
    for (let time = 0; time < (step.times ?? 1); time++) {
      const before = this.wall.tally(port);
      const explained = this.#explainer.explain(step.port, step.frame);
      const asked = this.wall.tally(port);
      const outcome = this.#hook.run(step.port, step.frame);
      const after = this.wall.tally(port);
      const found = [
        ...judged(step.expect, this.#hook.name, outcome, difference(asked, after)),
        ...(explained === undefined ? [] : this.#explained(step.expect, explained)),
      ];
      if (JSON.stringify(before) !== JSON.stringify(asked)) found.push('explain counted');
      if (!outcome.bytes.equals(step.frame)) {
        found.push(`bytes changed: ${outcome.bytes.toString('hex')}`);
      }
      for (const problem of found) {
        problems.push(`${where}, ${step.port}: ${describeFrame(step.frame)}: ${problem}`);
      }
    }
  }

  #explained(expect: Expectation, explained: Explanation): string[] {
    const problems: string[] = [];
    const compare = (what: string, wanted: unknown, got: unknown) => {
      if (wanted !== got) problems.push(`explain: ${what} ${got}, expected ${wanted}`);
    };
    compare('action', expect.action, explained.action);
    if (expect.reason !== 'table-full') compare('reason', expect.reason, explained.reason);
    if (expect.out !== undefined) compare('out port', this.wall.number(expect.out), explained.out);
    for (const [kind, id] of Object.entries(expect.rules ?? {})) {
      compare(`${kind} rule`, id, explained.rules[kind as keyof RuleIds]);
    }
    if (expect.log !== undefined) compare('log', expect.log, explained.log);
    return expect.reason === 'table-full' ? [] : problems;
  }

  #differences(fixture: Fixture): string[] {
    const problems: string[] = [];
    const { wall } = this;
    const identity = identityProblem(wall.tally());
    if (identity !== undefined) problems.push(identity);
    if (fixture.states !== undefined) {
      problems.push(...compareStates(fixture.states, liveStates(wall)));
    }
    if (fixture.learned !== undefined) {
      const [wanted, got] = [macLines(fixture.learned), macLines(learnedMacs(wall))];
      if (wanted.join() !== got.join()) problems.push(`learned ${got.join(', ')}`);
    }
    for (const [id, wanted] of Object.entries(fixture.counters ?? {})) {
      const { packets, connections } = wall.ruleCount(id);
      if (packets !== wanted.packets || connections !== wanted.connections) {
        problems.push(`rule ${id} counted ${packets} packets, ${connections} connections`);
      }
    }
    if (fixture.suppressed !== undefined) {
      const { suppressed } = wall.tally();
      if (suppressed !== fixture.suppressed) problems.push(`${suppressed} log records suppressed`);
    }
    return problems;
  }

  #everything(): string[] {
    const states = liveStates(this.wall);
    return [
      ...stateLines(states),
      ...states.map((state) => `${state.src} ${state.sport} seen ${state.seen}`).sort(),
      ...macLines(learnedMacs(this.wall)),
      ...this.wall.ports.map((_, number) => JSON.stringify(this.wall.tally(number))),
    ];
  }

  close(): void {
    this.#hook.close();
  }
}

/** What one frame added to the counters of its port. */
function difference(before: Tally, after: Tally): Tally {
  const dropped: Record<string, number> = {};
  for (const [reason, count] of Object.entries(after.dropped)) {
    const more = count - (before.dropped[reason] ?? 0);
    if (more !== 0) dropped[reason] = more;
  }
  return {
    rx: after.rx - before.rx,
    forwarded: after.forwarded - before.forwarded,
    passed: after.passed - before.passed,
    suppressed: after.suppressed - before.suppressed,
    dropped,
  };
}

function judged(expect: Expectation, hook: Hook, outcome: Outcome, counted: Tally): string[] {
  const problems: string[] = [];
  const everywhere = expect.action === 'every-port';
  const action = everywhere ? 'forward' : expect.action;
  if (outcome.action !== (everywhere && hook === 'tc' ? 'drop' : action))
    problems.push(`${outcome.action}, expected ${expect.action}`);
  const wanted: Tally = {
    rx: 1,
    forwarded: action === 'forward' ? 1 : 0,
    passed: action === 'flood' ? 1 : 0,
    suppressed: counted.suppressed,
    dropped: action === 'drop' ? { [expect.reason]: 1 } : {},
  };
  if (JSON.stringify(wanted) !== JSON.stringify(counted)) {
    problems.push(`expected ${expect.reason}, counted ${JSON.stringify(counted)}`);
  }
  const logged = outcome.mark !== 0 && (outcome.mark >>> 24 !== 0xb1 || action === 'drop');
  if (expect.log !== undefined && expect.log !== logged) {
    problems.push(`mark 0x${outcome.mark.toString(16)}, expected log: ${expect.log}`);
  }
  return problems;
}

/** Every received frame ends in exactly one counter. */
export function identityProblem(tally: Tally): string | undefined {
  const drops = Object.values(tally.dropped).reduce((sum, count) => sum + count, 0);
  const ends = tally.forwarded + tally.passed + drops;
  return ends === tally.rx ? undefined : `${tally.rx} frames received, ${ends} accounted for`;
}

function compareStates(
  wanted: NonNullable<Fixture['states']>,
  got: readonly SeenState[],
): string[] {
  const rest = [...got];
  const problems: string[] = [];
  for (const expected of wanted) {
    const at = rest.findIndex((state) => stateMatches(expected, state));
    if (at < 0) problems.push(`no state ${JSON.stringify(expected)}`);
    else rest.splice(at, 1);
  }
  const lines = stateLines(rest);
  return [...problems, ...lines.map((line) => `unexpected state ${line}`)];
}

function stateMatches(
  { rules, vlan, ...expected }: NonNullable<Fixture['states']>[number],
  state: SeenState,
): boolean {
  const same = Object.entries(expected).every(
    ([field, value]) => value === state[field as keyof SeenState],
  );
  const tags = (vlan ?? []).join() === state.vlan.join();
  const ids = Object.entries(rules ?? {}).every(
    ([kind, id]) => state.rules[kind as keyof RuleIds] === id,
  );
  return same && tags && ids;
}

/** The ports of a fixture's frames, for runners that need them beforehand. */
export function portsOf(fixture: Fixture): PortName[] {
  return [...new Set(fixture.steps.flatMap((step) => (step.kind === 'frame' ? [step.port] : [])))];
}
