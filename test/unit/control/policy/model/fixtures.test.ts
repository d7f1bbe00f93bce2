import { describe, expect, it } from 'vitest';
import { readAddress } from '../../../../../src/control/policy/index.js';
import {
  type Connection,
  Wall,
  type WallNode,
} from '../../../../../src/control/policy/model/index.js';
import { parsePolicy } from '../../../../../src/control/policy/parse.js';
import { TOPICS } from '../../../../dataplane/fixtures/index.js';
import { SELF_MAC } from '../../../../dataplane/fixtures/link.js';
import {
  type ExpectedState,
  type Fixture,
  type FrameStep,
  PORTS,
  type PortName,
} from '../../../../dataplane/fixtures/types.js';
import { expectedOf } from '../../../../dataplane/harness/expected.js';
import { macBytes } from '../../../../packet/index.js';

const HZ = 250;
const START = 1_000_000;

function makeWall(fixture: Fixture): Wall {
  const { bpdu = 'forward', lldp = 'drop', lacp = 'drop', eapol = 'drop' } = fixture.node ?? {};
  const quota = fixture.node?.fdbQuota;
  const node: WallNode = {
    ports: new Map(PORTS.map(({ side }, number) => [number, side])),
    names: new Map(PORTS.map(({ name }, number) => [number, name])),
    macs: [macBytes(SELF_MAC), ...PORTS.map((_, n) => macBytes(`02:00:00:00:ff:0${n}`))],
    reserved: { bpdu, lldp, lacp, eapol },
    detour: fixture.node?.detour ?? false,
    hz: HZ,
    ...(fixture.node?.liberal === undefined ? {} : { liberal: fixture.node.liberal }),
    ...(quota === undefined ? {} : { fdbQuota: quota }),
    ...(fixture.maxStates === undefined ? {} : { maxEstablished: fixture.maxStates }),
  };
  const wall = new Wall(node);
  if (fixture.policy !== undefined) install(wall, fixture.policy, START);
  return wall;
}

/** Every connection is judged by a new policy within a second; limits need to know what is left. */
function install(wall: Wall, text: string, now: number): void {
  const policy = parsePolicy(text, 'policy.yaml');
  wall.install(policy, new Map(), now);
  if (!text.includes('limits:')) return;
  wall.sweep(now);
  wall.end(wall.refused(now, policy));
}

function address(text: string): Uint8Array {
  const read = readAddress(text);
  if (!(read instanceof Uint8Array)) throw new Error(read.problem);
  return read;
}

function portNumber(port: PortName): number {
  return PORTS.findIndex(({ name }) => name === port);
}

function receive(wall: Wall, step: FrameStep, now: number, what: string): void {
  const port = portNumber(step.port);
  for (let i = 0; i < (step.times ?? 1); i++) {
    const outcome = wall.receive(step.frame, port, now);
    const { action, reason, out, rules } = step.expect;
    const outPort = outcome.outPort === null ? undefined : PORTS[outcome.outPort]?.name;
    expect({ action: outcome.action, reason: outcome.reason }, what).toEqual({ action, reason });
    if (out !== undefined) expect(outPort, what).toBe(out);
    if (rules !== undefined) expect(outcome.rules, what).toMatchObject(rules);
  }
}

function run(fixture: Fixture): void {
  const wall = makeWall(fixture);
  let now = START;
  for (const [i, step] of fixture.steps.entries()) {
    if (step.kind === 'at') now = START + step.seconds * HZ;
    else if (step.kind === 'port') wall.setPort(portNumber(step.port), step);
    else if (step.kind === 'lease') wall.believeUntil(START + step.until * HZ);
    else if (step.kind === 'sweep') wall.sweep(now);
    else if (step.kind === 'role') wall.setStandby(step.standby);
    else if (step.kind === 'pair') wall.setPaired();
    else if (step.kind === 'policy') install(wall, step.text, now);
    else if (step.kind === 'expected') {
      wall.expect(expectedOf(step, START + step.until * HZ));
    } else if (step.kind === 'frame') receive(wall, step, now, `step ${i}: ${step.note ?? ''}`);
    else if (step.remove) wall.removeMember(step.group, address(step.address));
    else {
      const expires = step.ttl === undefined ? 0 : now + step.ttl * HZ;
      wall.addMember(step.group, address(step.address), expires);
    }
  }
  if (fixture.pickedUp !== undefined) expect(wall.pickedUp).toBe(fixture.pickedUp);
  if (fixture.states === undefined) return;
  expect(wall.connections(now).map(shape).sort()).toEqual(fixture.states.map(expectedShape).sort());
}

function shape(connection: Connection): string {
  const { source, destination } = connection.opening;
  return [source, destination]
    .map((bytes) => Buffer.from(bytes).toString('hex'))
    .join(' ')
    .concat(` ${connection.phase}`);
}

function expectedShape(state: ExpectedState): string {
  const hex = (text: string): string => Buffer.from(address(text)).toString('hex');
  return `${hex(state.src)} ${hex(state.dst)} ${state.phase}`;
}

for (const [topic, fixtures] of Object.entries(TOPICS)) {
  describe(`the model on fixtures: ${topic}`, () => {
    for (const fixture of fixtures) {
      it(fixture.name, () => run(fixture));
    }
  });
}
