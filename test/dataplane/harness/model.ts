/** Fixtures on the reference model, and fixtures whose expectations are the model's. */
import { jiffiesPerSecond } from '../../../native/lib/index.js';
import { parsePolicy } from '../../../src/control/policy/index.js';
import {
  Wall as Model,
  type Offence,
  type Outcome as Verdict,
} from '../../../src/control/policy/model/index.js';
import { ipv6Text, macBytes, wideBytes } from '../../packet/index.js';
import { SELF_MAC } from '../fixtures/link.js';
import {
  type Expectation,
  type ExpectedOffence,
  type Fixture,
  type FrameStep,
  PORTS,
  type PortName,
} from '../fixtures/types.js';
import { expectedOf } from './expected.js';
import { isLimited } from './limits.js';
import { planOf } from './plans.js';

export interface ModelRun {
  /** One for every frame, repetitions included. */
  readonly verdicts: readonly { readonly step: FrameStep; readonly verdict: Verdict }[];
  readonly model: Model;
  /** Second at which the fixture ended. */
  readonly now: number;
}

/** The model's clock counts as the kernel's. */
const HZ = jiffiesPerSecond();

/** Of a fixture's second. */
const jiffies = (seconds: number) => Math.round((1 + seconds) * HZ);

function modelOf({ node = {}, policy, maxStates }: Fixture): Model {
  const model = new Model({
    ports: new Map(PORTS.map(({ side }, number) => [number, side])),
    names: new Map(PORTS.map(({ name }, number) => [number, name])),
    macs: [macBytes(SELF_MAC), ...PORTS.map((_, number) => macBytes(`02:00:00:00:ff:0${number}`))],
    reserved: {
      bpdu: node.bpdu ?? 'forward',
      lldp: node.lldp ?? 'drop',
      lacp: node.lacp ?? 'drop',
      eapol: node.eapol ?? 'drop',
    },
    hz: HZ,
    detour: node.detour ?? false,
    ...(node.liberal === undefined ? {} : { liberal: node.liberal }),
    ...(node.fdbQuota === undefined ? {} : { fdbQuota: node.fdbQuota }),
    ...(maxStates === undefined ? {} : { maxEstablished: maxStates }),
  });
  if (policy !== undefined) model.install(parsePolicy(policy, 'test.yaml'), new Map(), jiffies(0));
  return model;
}

function install(model: Model, text: string, now: number): void {
  const policy = parsePolicy(text, 'test.yaml');
  model.install(policy, new Map(), now);
  if (!isLimited(planOf(text))) return;
  model.sweep(now);
  model.end(model.refused(now, policy));
  model.rejudge();
}

/** Runs a fixture's steps on a new model. */
export function modelRun(fixture: Fixture): ModelRun {
  const model = modelOf(fixture);
  const verdicts: { step: FrameStep; verdict: Verdict }[] = [];
  let now = 0;
  for (const step of fixture.steps) {
    if (step.kind === 'at') now = step.seconds;
    else if (step.kind === 'sweep') model.sweep(jiffies(now));
    else if (step.kind === 'port') model.setPort(portNumber(step.port), step);
    else if (step.kind === 'lease') model.believeUntil(jiffies(step.until));
    else if (step.kind === 'role') model.setStandby(step.standby);
    else if (step.kind === 'pair') model.setPaired();
    else if (step.kind === 'policy') install(model, step.text, jiffies(now));
    else if (step.kind === 'expected') model.expect(expectedOf(step, jiffies(step.until)));
    else if (step.kind === 'member') {
      const address = wideBytes(step.address);
      const expires = step.ttl === undefined ? 0 : jiffies(now + step.ttl);
      if (step.remove) model.removeMember(step.group, address);
      else model.addMember(step.group, address, expires);
    } else {
      const port = portNumber(step.port);
      for (let time = 0; time < (step.times ?? 1); time++) {
        verdicts.push({ step, verdict: model.receive(step.frame, port, jiffies(now)) });
      }
    }
  }
  return { verdicts, model, now: jiffies(now) };
}

/** A verdict of the model as fixtures put it. */
export function expectationOf({ action, reason, outPort, except }: Verdict): Expectation {
  return {
    action,
    reason,
    ...(outPort === null ? {} : { out: PORTS[outPort]!.name }),
    ...(except.length === 0 ? {} : { except: except.map((number) => PORTS[number]!.name) }),
  };
}

/** What the model holds against somebody, as fixtures put it. */
export function expectedOffence({ source, number, drops, told }: Offence): ExpectedOffence {
  return { source: ipv6Text(Buffer.from(source, 'hex')), number, drops, told };
}

function portNumber(port: PortName): number {
  return PORTS.findIndex(({ name }) => name === port);
}

/** The same story with other frames; what must become of them, the model says. */
export function retold(fixture: Fixture, change: (frame: Buffer) => Buffer): Fixture {
  const { node, policy, maxStates, name } = fixture;
  const steps = fixture.steps.map((step) =>
    step.kind === 'frame' ? { ...step, frame: change(step.frame), times: 1 } : step,
  );
  const bare: Fixture = {
    name,
    steps,
    ...(node === undefined ? {} : { node }),
    ...(policy === undefined ? {} : { policy }),
    ...(maxStates === undefined ? {} : { maxStates }),
  };
  const { verdicts } = modelRun(bare);
  let at = 0;
  return {
    ...bare,
    steps: steps.map((step) =>
      step.kind === 'frame' ? { ...step, expect: expectationOf(verdicts[at++]!.verdict) } : step,
    ),
  };
}
