/** Frames of fixtures through one entry point, by test runs. */
import type { Expectation, FrameStep, RuleIds } from '../fixtures/types.js';
import type { Sender } from './fixture-run.js';
import {
  Explainer,
  type Explanation,
  type Hook,
  type Outcome,
  type Pieces,
  shown,
  TcHook,
  XdpHook,
} from './hooks.js';
import type { Tally } from './outcomes.js';
import type { TestWall } from './wall.js';

/** Sends through `xdp_wall`, `xdp_wall_frags` or `tc_wall`, and asks `explain_wall` before. */
export class TestRuns implements Sender {
  readonly wall: TestWall;
  readonly #hook: XdpHook | TcHook;
  readonly #explainer: Explainer;

  constructor(wall: TestWall, hook: Hook, pieces?: Pieces) {
    this.wall = wall;
    this.#hook = hook === 'xdp' ? new XdpHook(wall, pieces) : new TcHook(wall);
    this.#explainer = new Explainer(wall);
  }

  send(step: FrameStep): string[] {
    const port = this.wall.number(step.port);
    const before = this.wall.tally(port);
    const explained = this.#explainer.explain(step.port, step.frame);
    const asked = this.wall.tally(port);
    const outcome = this.#hook.run(step.port, step.frame);
    const after = this.wall.tally(port);
    const problems = [
      ...judged(step.expect, outcome, difference(asked, after)),
      ...(explained === undefined ? [] : this.#explained(step.expect, explained)),
    ];
    if (JSON.stringify(before) !== JSON.stringify(asked)) problems.push('explain counted');
    if (!outcome.bytes.equals(step.frame)) {
      problems.push(`bytes changed: ${outcome.bytes.toString('hex')}`);
    }
    return problems;
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

  rest(): string[] {
    return [];
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
    liberal: after.liberal - before.liberal,
    pickedUp: after.pickedUp - before.pickedUp,
    dropped,
  };
}

function judged(expect: Expectation, outcome: Outcome, counted: Tally): string[] {
  const problems: string[] = [];
  const action = expect.action === 'every-port' ? 'forward' : expect.action;
  if (outcome.action !== shown(expect.action, outcome))
    problems.push(`${outcome.action}, expected ${expect.action}`);
  const wanted: Tally = {
    rx: 1,
    forwarded: action === 'forward' ? 1 : 0,
    passed: action === 'flood' || action === 'detour' ? 1 : 0,
    suppressed: counted.suppressed,
    liberal: counted.liberal,
    pickedUp: counted.pickedUp,
    dropped: action === 'drop' ? { [expect.reason]: 1 } : {},
  };
  if (JSON.stringify(wanted) !== JSON.stringify(counted)) {
    problems.push(`expected ${expect.reason}, counted ${JSON.stringify(counted)}`);
  }
  const logged =
    outcome.mark !== 0 && (![0xb1, 0xb5].includes(outcome.mark >>> 24) || action === 'drop');
  if (expect.log !== undefined && expect.log !== logged) {
    problems.push(`mark 0x${outcome.mark.toString(16)}, expected log: ${expect.log}`);
  }
  return problems;
}
