/** Every fixture on the reference model: what it says and what the packet path does is one thing. */
import { describe, expect, it } from 'vitest';
import { parsePolicy } from '../../src/control/policy/index.js';
import { Wall as Model } from '../../src/control/policy/model/index.js';
import { describeFrame, macBytes, wideBytes } from '../packet/index.js';
import { TOPICS } from './fixtures/index.js';
import { SELF_MAC } from './fixtures/link.js';
import { type Expectation, type Fixture, PORTS } from './fixtures/types.js';

function modelOf({ node = {}, policy, maxStates }: Fixture): Model {
  const model = new Model({
    ports: new Map(PORTS.map(({ side }, number) => [number, side])),
    macs: [macBytes(SELF_MAC)],
    reserved: {
      bpdu: node.bpdu ?? 'forward',
      lldp: node.lldp ?? 'drop',
      lacp: node.lacp ?? 'drop',
      eapol: node.eapol ?? 'drop',
    },
    hz: 1,
    ...(node.fdbQuota === undefined ? {} : { fdbQuota: node.fdbQuota }),
    ...(maxStates === undefined ? {} : { maxEstablished: maxStates }),
  });
  if (policy !== undefined) model.install(parsePolicy(policy, 'test.yaml'));
  return model;
}

/** What the model says otherwise than the fixture. */
function disagreements(fixture: Fixture): string[] {
  const model = modelOf(fixture);
  const problems: string[] = [];
  let now = 0;
  for (const step of fixture.steps) {
    if (step.kind === 'at') now = step.seconds;
    else if (step.kind === 'policy') model.install(parsePolicy(step.text, 'test.yaml'));
    else if (step.kind === 'member') {
      const address = wideBytes(step.address);
      if (step.remove) model.removeMember(step.group, address);
      else model.addMember(step.group, address, step.ttl === undefined ? 0 : now + step.ttl);
    } else {
      const port = PORTS.findIndex(({ name }) => name === step.port);
      for (let time = 0; time < (step.times ?? 1); time++) {
        const verdict = model.receive(step.frame, port, now);
        const got: Expectation = {
          action: verdict.action,
          reason: verdict.reason,
          ...(verdict.outPort === null ? {} : { out: PORTS[verdict.outPort]!.name }),
          ...(step.expect.rules === undefined
            ? {}
            : { rules: rulesAskedFor(step.expect, verdict) }),
        };
        const { log: _, ...wanted } = step.expect;
        if (JSON.stringify(sorted(got)) !== JSON.stringify(sorted(wanted))) {
          problems.push(
            `${step.port}: ${describeFrame(step.frame)}: ${JSON.stringify(got)}, expected ${JSON.stringify(wanted)}`,
          );
        }
      }
    }
  }
  if (fixture.states !== undefined) {
    const phases = model.connections(now).map(({ phase }) => phase);
    const wanted = fixture.states.map(({ phase }) => phase);
    if (phases.sort().join() !== wanted.sort().join()) problems.push(`phases: ${phases.join()}`);
  }
  return problems;
}

function rulesAskedFor(
  expect: Expectation,
  verdict: { rules: Readonly<Record<string, string | null>> },
): Record<string, string> {
  const kinds = Object.keys(expect.rules ?? {});
  return Object.fromEntries(kinds.map((kind) => [kind, verdict.rules[kind] ?? '']));
}

function sorted(expect: Omit<Expectation, 'log'>): unknown[] {
  return Object.entries(expect).sort(([a], [b]) => (a < b ? -1 : 1));
}

for (const [topic, fixtures] of Object.entries(TOPICS)) {
  describe(topic, () => {
    it.each(fixtures)('$name', (fixture) => {
      expect(disagreements(fixture)).toEqual([]);
    });
  });
}
