/** Connections that helpers expect, told to the packet path and to the model. */
import { addressKey } from '../../../src/control/policy/index.js';
import { type Expected, keyOfEnds } from '../../../src/control/policy/model/index.js';
import * as layouts from '../../../src/generated/layouts.js';
import { wideBytes } from '../../packet/index.js';
import type { ExpectedConnection } from '../fixtures/types.js';
import type { TestWall } from './wall.js';

const NOWHERE = { byte: new Uint8Array(16) };
const PAD = new Uint8Array(2);

/** As the model is told. */
export function expectedOf(one: ExpectedConnection, until: number): Expected {
  const { client, server, sport, dport, proto } = one.master;
  const tags: [number, number] = [one.vlan ?? 0, 0];
  const end = (address: string, port: number) => [addressKey(wideBytes(address)), port] as const;
  const place = [family(client), proto, ...tags];
  return {
    source: one.from === null ? null : wideBytes(one.from),
    destination: wideBytes(one.to),
    sourcePort: one.sport,
    destinationPort: one.dport,
    protocol: one.proto,
    tags,
    until,
    master: keyOfEnds(place, end(client, sport), end(server, dport)),
  };
}

/** As `read_expectations` writes it, if the wall has the master's state. */
export function writeExpectation(wall: TestWall, one: ExpectedConnection, until: bigint): void {
  const key = layouts.expectationKey.encode({
    src: one.from === null ? NOWHERE : { byte: wideBytes(one.from) },
    dst: { byte: wideBytes(one.to) },
    sport: one.sport ?? 0,
    dport: one.dport,
    tag: [one.vlan ?? 0, 0],
    proto: one.proto,
    family: family(one.to),
    pad: PAD,
  });
  const { client, server, sport, dport, proto } = one.master;
  const [from, to] = [wideBytes(client), wideBytes(server)];
  const high = Buffer.compare(from, to) > 0;
  const value = layouts.expectation.encode({
    master: {
      key: {
        low: { byte: high ? to : from },
        high: { byte: high ? from : to },
        lowPort: high ? dport : sport,
        highPort: high ? sport : dport,
        tag: [one.vlan ?? 0, 0],
        proto,
        family: family(client),
        pad: PAD,
      },
      high: high ? layouts.StateBits.ORIG_HIGH : 0,
    },
    taken: 0,
    until,
  });
  wall.map('expectations').update(key, value);
}

function family(address: string): 4 | 6 {
  return address.includes(':') ? 6 : 4;
}
