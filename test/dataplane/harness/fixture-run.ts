/** Runs a fixture on a wall and lists everything that is not as it should be. */
import { describeFrame } from '../../packet/index.js';
import type { Fixture, FrameStep, Step } from '../fixtures/types.js';
import { differences, everything } from './afterwards.js';
import { writeExpectation } from './expected.js';
import { countAnew, isLimited } from './limits.js';
import { planOf } from './plans.js';
import { setPair } from './probes.js';
import { sweep } from './states.js';
import type { TestWall } from './wall.js';

/** A way for frames to reach a wall. */
export interface Sender {
  readonly wall: TestWall;
  /** Sends the frame once; problems in words. */
  send(step: FrameStep): string[];
  /** Problems that show only when nothing is under way any more. */
  rest(): string[];
  close(): void;
}

/** How one fixture went. */
export interface FixtureRun {
  /** Empty: all as expected. */
  readonly problems: string[];
  /** Everything that the wall holds afterwards, to compare senders by. */
  readonly after: readonly string[];
}

/** Runs a fixture, from a wall that holds nothing. */
export function runFixture(sender: Sender, fixture: Fixture): FixtureRun {
  const { wall } = sender;
  wall.reset(fixture.node, fixture.policy === undefined ? undefined : planOf(fixture.policy));
  const problems: string[] = [];
  let seconds = 0;
  for (const [number, step] of fixture.steps.entries()) {
    if (step.kind === 'at') seconds = step.seconds;
    if (step.kind !== 'frame') {
      change(wall, step, seconds);
      continue;
    }
    for (let time = 0; time < (step.times ?? 1); time++) {
      const where = `step ${number + 1}, ${step.port}: ${describeFrame(step.frame)}`;
      problems.push(...sender.send(step).map((problem) => `${where}: ${problem}`));
    }
  }
  problems.push(...differences(wall, fixture));
  const after = everything(wall);
  return { problems: [...problems, ...sender.rest()], after };
}

function install(wall: TestWall, text: string): void {
  const plan = planOf(text);
  wall.install(plan);
  if (isLimited(plan)) countAnew(wall);
}

function change(wall: TestWall, step: Exclude<Step, FrameStep>, now: number): void {
  if (step.kind === 'at') wall.setClock(step.seconds);
  else if (step.kind === 'sweep') sweep(wall);
  else if (step.kind === 'port') wall.setPort(step.port, step);
  else if (step.kind === 'lease') wall.believeUntil(step.until);
  else if (step.kind === 'role') wall.setStandby(step.standby);
  else if (step.kind === 'pair') setPair(wall);
  else if (step.kind === 'policy') install(wall, step.text);
  else if (step.kind === 'expected') writeExpectation(wall, step, wall.jiffies(step.until));
  else if (step.remove) wall.setMember(step.group, step.address, 'remove');
  else {
    const expires = step.ttl === undefined ? {} : { expires: now + step.ttl };
    wall.setMember(step.group, step.address, expires);
  }
}
