/** What a wall holds when a fixture is over. */
import type { Fixture, RuleIds } from '../fixtures/types.js';
import type { Tally } from './outcomes.js';
import {
  learnedMacs,
  liveStates,
  macLines,
  offenceLines,
  offences,
  proofLines,
  type SeenState,
  stateLines,
} from './states.js';
import type { TestWall } from './wall.js';

/** What a wall holds after a fixture that it should not, or the other way round. */
export function differences(wall: TestWall, fixture: Fixture): string[] {
  const problems: string[] = [];
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
  if (fixture.offences !== undefined) {
    const [wanted, got] = [offenceLines(fixture.offences), offenceLines(offences(wall))];
    if (wanted.join() !== got.join()) problems.push(`offences ${got.join('; ')}`);
  }
  if (fixture.liberal !== undefined) {
    const { liberal } = wall.tally();
    if (liberal !== fixture.liberal) problems.push(`${liberal} segments out of window passed`);
  }
  if (fixture.pickedUp !== undefined) {
    const { pickedUp } = wall.tally();
    if (pickedUp !== fixture.pickedUp) problems.push(`${pickedUp} connections picked up`);
  }
  if (fixture.suppressed !== undefined) {
    const { suppressed } = wall.tally();
    if (suppressed !== fixture.suppressed) problems.push(`${suppressed} log records suppressed`);
  }
  return problems;
}

/** Everything that a wall holds, to compare hooks with. */
export function everything(wall: TestWall): string[] {
  const states = liveStates(wall);
  return [
    ...stateLines(states),
    ...states.map((state) => `${state.src} ${state.sport} seen ${state.seen}`).sort(),
    ...macLines(learnedMacs(wall)),
    ...offenceLines(offences(wall)),
    ...proofLines(wall),
    ...wall.ports.map((_, number) => JSON.stringify(wall.tally(number))),
  ];
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
