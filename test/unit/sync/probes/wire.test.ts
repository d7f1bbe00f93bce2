import { describe, expect, it } from 'vitest';
import { probe } from '../../../../src/generated/layouts.js';
import {
  announcementOf,
  flagsOf,
  maskOf,
  nodeNumber,
  PROBE_BYTES,
  probeFrame,
  probeTemplate,
} from '../../../../src/sync/probes/wire.js';

const speaker = { node: 0x01020304, priority: 200, life: 0x1122334455667788n };

describe('a probe', () => {
  it('lies in its frame as the decision tells', () => {
    const payload = probeTemplate(speaker, 'inside');
    const frame = probeFrame(Uint8Array.of(2, 0, 0, 0, 0, 9), payload);
    expect(frame.subarray(0, 22).toString('hex')).toBe(
      '03425748410002000000000988b6425748410101' + '0100',
    );
    expect(frame.readUInt32BE(14 + 8)).toBe(speaker.node);
    expect(frame.readUInt16BE(14 + 12)).toBe(200);
    expect(frame.readBigUInt64BE(14 + 24)).toBe(speaker.life);
    expect(frame.readBigUInt64BE(14 + 40)).toBe(speaker.life);
    expect(frame.length).toBe(14 + PROBE_BYTES);
    expect(PROBE_BYTES).toBe(56);
  });

  it('says what its node announces', () => {
    const said = {
      ...probe.decode(probeTemplate(speaker, 'sync')),
      epoch: 9,
      role: 1,
      flags: flagsOf({ ready: true, fault: false, yielding: true }),
      hears: 0b101,
      quiet: Uint8Array.of(3, 255),
    };
    expect(announcementOf(said)).toEqual({
      life: speaker.life,
      standby: true,
      epoch: 9,
      priority: 200,
      ready: true,
      fault: false,
      yielding: true,
      attended: true,
      quiet: { uplink: 30, inside: 2550 },
      hears: { uplink: true, inside: false, sync: true },
    });
  });

  it('is known by the bits of its fields', () => {
    const mask = maskOf(['magic', 'kind', 'node', 'life']);
    expect(mask.toString('hex')).toBe(
      `ffffffff00ff0000ffffffff${'00'.repeat(12)}${'ff'.repeat(8)}${'00'.repeat(24)}`,
    );
  });

  it('comes from a number that is the name, in whatever case', () => {
    expect(nodeNumber('fw1')).toBe(nodeNumber('FW1'));
    expect(nodeNumber('fw1')).not.toBe(nodeNumber('fw2'));
  });
});
